"""Where the bytes of an object come from: bytes, a file, or whatever gives them piece by piece."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO, Final

from prism.interfaces import objectstore as messages
from prism.opening import opened_in_thread

Data = bytes | bytearray | memoryview | Path | BinaryIO | AsyncIterable[bytes] | Iterable[bytes]
"""Bytes, a path, a file that is open for reading, or an iterator of pieces, async or not. What would wait, files and
iterators that are not async, is asked on a thread."""

OnProgress = Callable[[int], object]
"""Called with how many further bytes have passed."""

CHUNK_SIZE: Final = 256 * 1024
"""Most bytes of a chunk: any backend takes so many."""

READ_SIZE: Final = 1 << 20
"""Bytes of a file that are read at once, on a thread."""


class Counted:
    """The pieces of what is sent: counted, hashed, none larger than a chunk.

    Attributes:
        size: bytes so far.

    Args:
        data: where they come from.
        on_progress: learns of them.
        checked: whether they are hashed.
    """

    def __init__(self, data: Data, on_progress: OnProgress | None, *, checked: bool = True) -> None:
        self.size = 0
        self._data = data
        self._on_progress = on_progress
        self._hash = hashlib.sha256() if checked else None

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The pieces."""
        async with aclosing(pieces(self._data)) as source:
            async for piece in source:
                for at in range(0, len(piece), CHUNK_SIZE):
                    chunk = piece if len(piece) <= CHUNK_SIZE else piece[at : at + CHUNK_SIZE]
                    self.size += len(chunk)
                    if self._hash is not None:
                        self._hash.update(chunk)
                    yield chunk
                    if self._on_progress is not None:
                        self._on_progress(len(chunk))

    def finish(self) -> messages.Finish:
        """What they came to."""
        finish = messages.Finish(size=self.size)
        if self._hash is not None:
            finish.checksum.sha256 = self._hash.digest()
        return finish


async def pieces(data: Data) -> AsyncGenerator[bytes, None]:
    """All of it, in pieces of whatever size."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        yield bytes(data)
    elif isinstance(data, Path):
        with await opened_in_thread(lambda: data.open("rb")) as file:
            while piece := await asyncio.to_thread(file.read, READ_SIZE):
                yield piece
    elif isinstance(data, AsyncIterable):
        async for piece in data:
            yield piece
    elif (read := getattr(data, "read", None)) is not None:
        while piece := await asyncio.to_thread(read, READ_SIZE):
            yield piece
    else:
        iterator: Iterator[bytes] = iter(data)
        while (given := await asyncio.to_thread(_next, iterator)) is not None:
            yield given


def _next(iterator: Iterator[bytes]) -> bytes | None:
    return next(iterator, None)


def size_of(data: Data) -> int | None:
    """How many bytes it has; None where that shows at its end. Raises `OSError` for a path that cannot be read."""
    if isinstance(data, (bytes, bytearray)):
        return len(data)
    if isinstance(data, memoryview):
        return data.nbytes
    return data.stat().st_size if isinstance(data, Path) else None


def repeatable(data: Data) -> bool:
    """Whether it can be sent once more."""
    return isinstance(data, (bytes, bytearray, memoryview, Path))
