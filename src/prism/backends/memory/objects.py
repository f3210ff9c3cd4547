"""Objects in memory: blobs as the chunks that came, and an index in a database that has no file."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import TypeVar

from prism.context import Context
from prism.sdk.deadline import check_time
from prism.sdk.objectstore.checksums import Digest, crc32c
from prism.sdk.objectstore.stored import CHUNK, TABLES, BlobGone, Index, Piece

T = TypeVar("T")


class MemoryBlobs:
    """Keeps blobs."""

    def __init__(self) -> None:
        self.kept: dict[str, Sequence[bytes]] = {}
        self._numbers = count(1)

    def check_room(self, size: int) -> None:
        """Passes every size: the process's memory is the limit."""

    def create(self) -> "MemoryWriter":
        """A new blob."""
        return MemoryWriter(self, f"{next(self._numbers)}")

    async def open(self, pieces: Sequence[Piece]) -> "MemoryReader":
        """The blobs of a content; what is removed meanwhile stays with its reader."""
        try:
            return MemoryReader([chunk for piece in pieces for chunk in self.kept[piece.blob]])
        except KeyError as error:
            raise BlobGone from error

    async def remove(self, names: Sequence[str]) -> Sequence[str]:
        """Removes blobs."""
        for name in names:
            self.kept.pop(name, None)
        return names


class MemoryWriter:
    """A blob that is being written; see `BlobWriter`."""

    def __init__(self, blobs: MemoryBlobs, name: str) -> None:
        self.name = name
        self.digest = Digest()
        self._blobs = blobs
        self._chunks: list[bytes] = []

    async def write(self, chunks: Sequence[bytes], *, last: bool) -> None:
        """Adds chunks."""
        for chunk in chunks:
            self.digest.update(chunk)
            if chunk:
                self._chunks.append(bytes(chunk))  # a view holds its request
        if last:
            self._blobs.kept[self.name] = tuple(self._chunks)

    async def crc32c(self) -> int:
        """Of what has been written."""
        return crc32c(self._chunks)

    async def discard(self) -> None:
        """Forgets it."""
        self._chunks = []
        self._blobs.kept.pop(self.name, None)


class MemoryReader:
    """The chunks of one content; see `BlobReader`."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    async def read(self, offset: int, size: int) -> Sequence[bytes]:
        """Bytes of the content; a chunk that is wanted whole, and is not too large, is not copied."""
        return list(_cut(self._chunks, offset, size))

    def close(self) -> None:
        """Forgets them."""
        self._chunks = ()


def _cut(chunks: Iterable[bytes], offset: int, size: int) -> Iterable[bytes]:
    for chunk in chunks:
        if offset >= len(chunk):
            offset -= len(chunk)
            continue
        end = min(len(chunk), offset + size)
        size -= end - offset
        for begin in range(offset, end, CHUNK):
            yield chunk[begin : min(begin + CHUNK, end)]
        if not size:
            return
        offset = 0


class MemoryIndex:
    """The index of one memory store. No operation awaits anything, so each is one indivisible step of the event loop.

    Args:
        now: the store's clock.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._connection: sqlite3.Connection | None = None

    async def write(self, context: Context, work: Callable[[Index], T]) -> T:
        """Runs a write, whole or not at all."""
        check_time(context, writes=True)
        connection = self._open()
        connection.execute("BEGIN")
        try:
            answer = work(Index(connection, self._now()))
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return answer

    async def read(self, context: Context, work: Callable[[Index], T]) -> T:
        """Runs a read."""
        check_time(context, writes=False)
        return work(Index(self._open(), self._now()))

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            for statement in TABLES:
                self._connection.execute(statement)
        return self._connection

    def clear(self) -> None:
        """Forgets everything."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
