"""A file into an object by parts: each is sent again where it fails, and what has come is not sent twice, also by a
program that begins anew.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from prism.client.objects.again import Again
from prism.client.objects.info import PartInfo, StoredObject, UploadInfo
from prism.client.objects.source import READ_SIZE, Data, OnProgress
from prism.client.paging import Pager
from prism.client.retry import RetryPolicy
from prism.errors import InvalidArgument, PrismError, UploadNotFound
from prism.opening import opened_in_thread

PART_SIZE: Final = 8 << 20
"""Bytes of a part, unless the object would have too many then."""


@dataclass(frozen=True, slots=True)
class UploadState:
    """What a later program must know to go on: of which file an upload is, and how it is cut."""

    upload: str
    key: str
    size: int
    modified: int
    part_size: int

    @classmethod
    def read(cls, path: Path | None) -> "UploadState | None":
        """What was kept; None where nothing was that can be read."""
        try:
            return None if path is None else cls(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, path: Path | None) -> None:
        """Keeps it, for this user alone: who knows the name of an upload may add to it."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            written = path.with_name(f"{path.name}.new")
            written.write_text(json.dumps(asdict(self)))
            written.chmod(0o600)
            written.replace(path)


class PartStore(Protocol):
    """Where parts go: what an upload needs of `ObjectStore`, which says what these do."""

    @property
    def policy(self) -> RetryPolicy: ...

    def list_parts(self, key: str, upload: str) -> Pager[PartInfo]: ...

    @property
    def start_upload(self) -> Callable[..., Awaitable[UploadInfo]]: ...

    async def put_part(
        self, key: str, upload: str, number: int, data: Data, *, size: int | None, on_progress: OnProgress | None
    ) -> PartInfo: ...

    async def complete_upload(
        self, key: str, upload: str, parts: Iterable[PartInfo], *, if_match: str, if_none_match: str
    ) -> StoredObject: ...


class FileUpload:
    """The upload of one file.

    Args:
        store: where to.
        key: of the object.
        path: of the file; it must not change meanwhile.
        properties: what is said of the object.
        parallel: parts under way at once.
        part_size: bytes of a part; None: as the size asks for.
        state: a file in which the upload is kept until it is complete, so that a later call goes on.
        outage: seconds without progress after which it is given up; what has come stays.
        on_progress: learns of bytes that have passed, and of those that need not.
    """

    def __init__(
        self,
        store: PartStore,
        key: str,
        path: Path,
        *,
        properties: Mapping[str, Any],
        parallel: int,
        part_size: int | None,
        state: Path | None,
        outage: float,
        on_progress: OnProgress | None,
    ) -> None:
        self._store = store
        self._key = key
        self._path = path
        self._properties = properties
        self._parallel = parallel
        self._part_size = part_size
        self._state = state
        self._outage = outage
        self._on_progress = on_progress

    async def run(self, if_match: str, if_none_match: str) -> StoredObject:
        """Sends what is missing, and completes it."""
        found = await asyncio.to_thread(self._path.stat)
        kept = await asyncio.to_thread(UploadState.read, self._state)
        if kept is not None and (kept.key, kept.size, kept.modified) == (self._key, found.st_size, found.st_mtime_ns):
            try:
                there = {part.number: part async for part in self._store.list_parts(self._key, kept.upload)}
                return await self._finished(kept, there, if_match, if_none_match)
            except UploadNotFound:
                pass  # it has expired: from the beginning
        begun = await self._store.start_upload(self._key, **self._properties)
        size = self._cut(begun, found.st_size)
        kept = UploadState(begun.upload, self._key, found.st_size, found.st_mtime_ns, size)
        await asyncio.to_thread(kept.keep, self._state)
        return await self._finished(kept, {}, if_match, if_none_match)

    def _cut(self, begun: UploadInfo, size: int) -> int:
        """Bytes of each part.

        Raises:
            InvalidArgument: the file is too large for an upload there, or the parts that are asked for are.
        """
        least = max(begun.min_part_size, -(-size // max(1, begun.max_parts or 10_000)))
        wanted = self._part_size or max(PART_SIZE, least)
        if not least <= wanted <= (begun.max_part_size or wanted):
            raise InvalidArgument(f"parts of {wanted} bytes do not do for {size} bytes; give {least} or more")
        return wanted

    async def _finished(
        self, kept: UploadState, there: Mapping[int, PartInfo], if_match: str, if_none_match: str
    ) -> StoredObject:
        numbers = iter(range(1, max(1, -(-kept.size // kept.part_size)) + 1))
        parts: dict[int, PartInfo] = {}

        async def worker() -> None:
            for number in numbers:
                parts[number] = await self._part(kept, number, there.get(number))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._parallel):
                    group.create_task(worker())
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        ordered = [parts[number] for number in sorted(parts)]
        again = Again(self._store.policy, self._outage)
        while True:
            try:
                stored = await self._store.complete_upload(
                    self._key, kept.upload, ordered, if_match=if_match, if_none_match=if_none_match
                )
            except PrismError as error:
                await again.after(error)
            else:
                break
        if self._state is not None:
            await asyncio.to_thread(self._state.unlink, missing_ok=True)
        return stored

    async def _part(self, kept: UploadState, number: int, there: PartInfo | None) -> PartInfo:
        """One part, which may be there."""
        begin = (number - 1) * kept.part_size
        size = min(kept.part_size, kept.size - begin)
        if there is not None and there.size == size and await self._is_same(there, begin, size):
            if self._on_progress is not None:
                self._on_progress(size)
            return there
        again = Again(self._store.policy, self._outage)
        while True:
            passed = 0

            def progress(count: int) -> None:
                nonlocal passed
                passed += count
                again.progress()
                if self._on_progress is not None:
                    self._on_progress(count)

            try:
                async with aclosing(_range(self._path, begin, size)) as data:
                    return await self._store.put_part(
                        self._key, kept.upload, number, data, size=size, on_progress=progress
                    )
            except PrismError as error:
                if self._on_progress is not None and passed:
                    self._on_progress(-passed)
                await again.after(error)

    async def _is_same(self, there: PartInfo, begin: int, size: int) -> bool:
        """Whether a part that is there has the file's bytes; by its size alone where the store knows no checksum."""
        if not there.sha256:
            return True
        digest = hashlib.sha256()
        async with aclosing(_range(self._path, begin, size)) as pieces:
            async for piece in pieces:
                digest.update(piece)
        return digest.digest() == there.sha256


async def _range(path: Path, begin: int, size: int) -> AsyncGenerator[bytes, None]:
    """So many bytes of a file."""
    with await opened_in_thread(lambda: path.open("rb")) as file:
        at, end = begin, begin + size
        while at < end:
            piece = await asyncio.to_thread(os.pread, file.fileno(), min(READ_SIZE, end - at), at)
            if not piece:
                raise InvalidArgument(f"{path} became shorter while it was sent; send it again")
            at += len(piece)
            yield piece
