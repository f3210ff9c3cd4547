"""Lines read on a thread."""

import asyncio
import io
import os
import threading
from pathlib import Path

import pytest

from prism.cli.kv.line_reader import read_lines


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"a\nb\n", [b"a", b"b"]),
        (b"a\r\n\nb", [b"a\r", b"", b"b"]),
        (b"x" * 1_000_000 + b"\ny\n", [b"x" * 1_000_000, b"y"]),
        (b"line\n" * 100_000, [b"line"] * 100_000),
    ],
    ids=["empty", "lines", "unended", "long", "many"],
)
async def test_lines_of_a_file(content: bytes, lines: list[bytes]) -> None:
    """All of them, whatever their length."""
    assert [line async for chunk in read_lines(io.BytesIO(content)) for line in chunk] == lines


async def test_lines_of_a_pipe_come_as_they_are_written() -> None:
    """A line is given before the next is there."""
    read_end, write_end = os.pipe()
    with io.FileIO(read_end) as source:
        chunks = read_lines(source)
        os.write(write_end, b"first\nsec")
        assert await anext(chunks) == [b"first"]
        os.write(write_end, b"ond\n")
        assert await anext(chunks) == [b"second"]
        os.close(write_end)
        assert [chunk async for chunk in chunks] == []


async def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """The error arrives where the lines are awaited."""
    file = tmp_path / "write-only"
    with file.open("wb", buffering=0) as source, pytest.raises(OSError, match="not open for reading"):
        await anext(read_lines(source))


class ClosedWhileRead:
    """A file that is closed under a read."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self._reads = 0

    def read(self, _: int, /) -> bytes:
        self._reads += 1
        if self._reads == 1:
            return b"line\n"
        self.closed.wait()
        raise ValueError("read of closed file")


async def test_a_file_that_is_closed_while_it_is_read() -> None:
    """As when an import fails: the thread ends without a traceback."""
    before = set(threading.enumerate())
    file = ClosedWhileRead()
    chunks = read_lines(file)
    await anext(chunks)
    (reader,) = set(threading.enumerate()) - before
    await chunks.aclose()  # type: ignore[attr-defined]  # a generator
    file.closed.set()
    await asyncio.to_thread(reader.join)


async def test_reading_ends_with_the_last_who_wants_lines() -> None:
    """The thread does not outlive them."""
    before = set(threading.enumerate())
    chunks = read_lines(io.BytesIO(b"line\n" * 1_000_000))
    await anext(chunks)
    (reader,) = set(threading.enumerate()) - before
    await chunks.aclose()  # type: ignore[attr-defined]  # a generator
    await asyncio.to_thread(reader.join)
