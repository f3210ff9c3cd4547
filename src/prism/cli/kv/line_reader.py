"""Reads lines on a thread, so that a slow pipe does not block the event loop, and a stuck one not the exit."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

_CHUNK = 256 * 1024
_CHUNKS_AHEAD = 4


class Source(Protocol):
    """An unbuffered file: a read returns what is available."""

    def read(self, size: int, /) -> bytes | None: ...


async def read_lines(file: Source) -> AsyncIterator[list[bytes]]:
    """The lines of a file, without line ends, several at a time; memory is bounded by the longest line.

    Raises:
        OSError: the file cannot be read.
    """
    reader = _Reader(file, asyncio.get_running_loop())
    threading.Thread(target=reader.run, name="prism-import", daemon=True).start()
    try:
        while (chunk := await reader.chunks.get()) is not None:
            if isinstance(chunk, OSError):
                raise chunk
            yield chunk
            reader.room.release()
    finally:
        reader.stopped = True
        reader.room.release()


class _Reader:
    """Reads a few chunks ahead, until the end of the file or until it is stopped."""

    def __init__(self, file: Source, loop: asyncio.AbstractEventLoop) -> None:
        self.chunks: asyncio.Queue[list[bytes] | OSError | None] = asyncio.Queue()
        self.room = threading.Semaphore(_CHUNKS_AHEAD)
        self.stopped = False
        self._file = file
        self._loop = loop

    def run(self) -> None:
        try:
            for chunk in _split(self._file):
                self.room.acquire()
                if self.stopped:
                    return
                self._hand_over(chunk)
            self._hand_over(None)
        except OSError as error:
            self._hand_over(error)
        except ValueError:
            if not self.stopped:  # else the import has ended, and closed the file
                raise

    def _hand_over(self, chunk: list[bytes] | OSError | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self.chunks.put_nowait, chunk)


def _split(file: Source) -> Iterator[list[bytes]]:
    """The lines, as many at a time as one read returns."""
    parts: list[bytes] = []
    while data := file.read(_CHUNK):
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = b"".join((*parts, lines[0]))
            parts.clear()
            yield lines
        parts.append(rest)
    if last := b"".join(parts):
        yield [last]
