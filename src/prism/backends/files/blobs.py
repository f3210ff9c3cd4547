"""Blobs as files; all that may block runs on a few threads."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from prism.backends.files.errors import no_room, translated
from prism.backends.files.folder import Folder
from prism.errors import BackendUnavailable, DataLoss, Outcome
from prism.sdk.objectstore.checksums import Digest, crc32c
from prism.sdk.objectstore.stored import CHUNK, BlobGone, Piece

T = TypeVar("T")
_VECTOR = 64
"""Chunks that one system call writes; the system takes up to IOV_MAX, 1,024."""
_OPEN_AT_ONCE = 32
"""Blobs of one content that are open from the beginning; of one with more, each is opened when it is read."""


class FileBlobs:
    """Keeps blobs in a folder.

    Args:
        folder: where.
        threads: that work there.
        reserve: bytes of the disk that no blob takes.
        synced: blobs are synced to the disk.
    """

    def __init__(self, folder: Folder, threads: int, reserve: int, *, synced: bool) -> None:
        self.folder = folder
        self.synced = synced
        self._reserve = reserve
        self._count = threads
        self._threads: ThreadPoolExecutor | None = None
        self._pinned: dict[str, int] = {}

    def start(self) -> None:
        """Starts the threads."""
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="prism-files")

    def stop(self) -> None:
        """Ends them after what they have."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None

    def run(self, job: Callable[[], T]) -> "asyncio.Future[T]":
        """Runs a job on one of the threads."""
        if self._threads is None:
            raise BackendUnavailable(f"{self.folder.path} is not open; try again in a moment", retry_after=1.0)
        return asyncio.get_running_loop().run_in_executor(self._threads, job)

    def check_room(self, size: int) -> None:
        """Passes what fits beside the reserve; does not wait for the disk."""
        found = os.statvfs(self.folder.path)
        free = found.f_bavail * found.f_frsize
        if free < size + self._reserve:
            raise no_room(free, size, self._reserve)

    def create(self) -> "FileWriter":
        """A new blob."""
        return FileWriter(self)

    async def open(self, pieces: Sequence[Piece]) -> "FileReader":
        """The blobs of a content.

        Raises:
            BlobGone: one is not there.
        """
        reader = FileReader(self, pieces)
        if reader.has_files:
            try:
                await self.run(reader.open)
            except FileNotFoundError as error:
                reader.close()
                raise BlobGone from error
            except OSError as error:
                reader.close()
                raise translated(error, None) from error
        return reader

    def pin(self, names: Sequence[str]) -> None:
        """They are read: they are not removed before they are let go."""
        for name in names:
            self._pinned[name] = self._pinned.get(name, 0) + 1

    def unpin(self, names: Sequence[str]) -> None:
        """The opposite of `pin`."""
        for name in names:
            self._pinned[name] -= 1
            if not self._pinned[name]:
                del self._pinned[name]

    async def remove(self, names: Sequence[str]) -> Sequence[str]:
        """Removes blobs for good, but for those that are read just now; which are gone."""
        gone = [name for name in names if name not in self._pinned]
        try:
            await self.run(lambda: self.folder.remove(gone))
        except OSError as error:
            raise translated(error, Outcome.UNKNOWN) from error
        return gone


class FileWriter:
    """A blob that is being written; see `BlobWriter`."""

    def __init__(self, blobs: FileBlobs) -> None:
        self.name = blobs.folder.new_name()
        self.digest = Digest()
        self._blobs = blobs
        self._descriptor = -1

    async def write(self, chunks: Sequence[bytes], *, last: bool) -> None:
        """Adds chunks; the first ones make the file, the last ones are synced."""
        try:
            await self._blobs.run(lambda: self._write(chunks, last=last))
        except OSError as error:
            raise translated(error, Outcome.NOT_APPLIED) from error

    def _write(self, chunks: Sequence[bytes], *, last: bool) -> None:
        if self._descriptor < 0:
            self._descriptor = self._blobs.folder.create(self.name)
        if chunks:
            self._blobs.check_room(sum(map(len, chunks)))
        for begin in range(0, len(chunks), _VECTOR):
            _write_all(self._descriptor, chunks[begin : begin + _VECTOR])
        for chunk in chunks:
            self.digest.update(chunk)
        if last:
            if self._blobs.synced:
                os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    async def crc32c(self) -> int:
        """Of what has been written, which is read again."""
        return await self._blobs.run(self._crc32c)

    def _crc32c(self) -> int:
        with os.fdopen(self._blobs.folder.open_blob(self.name), "rb", buffering=0) as file:
            return crc32c(iter(lambda: file.read(CHUNK), b""))

    async def discard(self) -> None:
        """Removes it."""
        await self._blobs.run(self._discard)

    def _discard(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._blobs.folder.remove([self.name])


class FileReader:
    """The blobs of one content, open; see `BlobReader`.

    Attributes:
        has_files: not all of it is in the index.
    """

    def __init__(self, blobs: FileBlobs, pieces: Sequence[Piece]) -> None:
        self._blobs = blobs
        self._pieces = pieces
        self._descriptors: dict[int, int] = {}
        self._names = [piece.blob for piece in pieces if piece.data is None]
        self.has_files = bool(self._names)
        blobs.pin(self._names)

    def open(self) -> None:
        """Opens them, or the first one of many; on a thread."""
        for position in range(len(self._pieces) if len(self._pieces) <= _OPEN_AT_ONCE else 1):
            if self._pieces[position].data is None:
                self._descriptor(position)

    def _descriptor(self, position: int) -> int:
        if position not in self._descriptors:
            if len(self._descriptors) >= _OPEN_AT_ONCE:
                os.close(self._descriptors.pop(min(self._descriptors)))
            self._descriptors[position] = self._blobs.folder.open_blob(self._pieces[position].blob)
        return self._descriptors[position]

    async def read(self, offset: int, size: int) -> Sequence[bytes]:
        """Bytes of the content, in chunks."""
        if not self.has_files:
            return self._read(offset, size)
        try:
            return await self._blobs.run(lambda: self._read(offset, size))
        except OSError as error:
            raise translated(error, None) from error

    def _read(self, offset: int, size: int) -> list[bytes]:
        chunks: list[bytes] = []
        for position, piece in enumerate(self._pieces):
            if offset >= piece.size:
                offset -= piece.size
                continue
            while size > 0 and offset < piece.size:
                chunk = self._chunk(position, min(CHUNK, size, piece.size - offset), offset)
                if not chunk:
                    raise DataLoss("a file of the object is shorter than it was: put the object anew, or delete it")
                chunks.append(chunk)
                offset += len(chunk)
                size -= len(chunk)
            if size <= 0:
                break
            offset = 0
        return chunks

    def _chunk(self, position: int, size: int, offset: int) -> bytes:
        data = self._pieces[position].data
        return os.pread(self._descriptor(position), size, offset) if data is None else data[offset : offset + size]

    def close(self) -> None:
        """Closes them."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])
        names, self._names = self._names, []
        self._blobs.unpin(names)


def _write_all(descriptor: int, chunks: Sequence[bytes]) -> None:
    views = [memoryview(chunk) for chunk in chunks if chunk]
    while views:
        written = os.writev(descriptor, views)
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if written:
            views[0] = views[0][written:]
