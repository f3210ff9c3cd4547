"""The log's descriptor: lines are written at once, and a reader that does not keep up holds up no writer."""

import logging
import os
import threading
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from prism.telemetry import log_stream
from prism.telemetry.log_stream import LogStream


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, LogStream]]:
    """A stream into a pipe, and the pipe's other end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb"):
        yield reader, LogStream(writing)


def test_a_line_is_there_at_once(pipe: tuple[BinaryIO, LogStream]) -> None:
    """Written by the caller itself, and no thread is needed."""
    reader, stream = pipe
    stream.write("one\n")
    assert os.read(reader.fileno(), 100) == b"one\n"
    assert threading.active_count() == 1 or "log" not in {each.name for each in threading.enumerate()}


def test_lines_that_are_not_read_wait_and_those_beyond_the_bound_are_counted(
    pipe: tuple[BinaryIO, LogStream], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No write waits; what was taken comes whole and in its order; then it is said how many are missing."""
    monkeypatch.setattr(log_stream, "MAX_WAITING", 200_000)
    reader, stream = pipe
    lines = [f"{number:04} {'x' * 994}\n" for number in range(500)]
    for line in lines:
        stream.write(line)
    assert 100 < stream.lost < 450
    (family,) = stream.metrics()
    assert family.values == {(): stream.lost}
    kept = len(lines) - stream.lost
    got = [reader.readline().decode() for _ in range(kept)]
    assert set(got) <= set(lines)
    assert got == sorted(set(got))  # each once; one may have found room again behind one that was lost
    with caplog.at_level(logging.WARNING):
        stream.close()
    assert f"{len(lines) - kept} lines of the log were lost" in caplog.text
    stream.write("at once again\n")
    assert os.read(reader.fileno(), 100) == b"at once again\n"


def test_a_line_that_is_longer_than_a_pipe_takes_in_one_piece(pipe: tuple[BinaryIO, LogStream]) -> None:
    """A traceback may be; nothing waits for it either, and the next line comes behind it."""
    reader, stream = pipe
    long = "y" * 300_000 + "\n"
    stream.write(long)
    stream.write("next\n")
    assert reader.readline() == long.encode()
    assert reader.readline() == b"next\n"
    assert stream.lost == 0
