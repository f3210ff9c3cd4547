"""Where lines of the log are written to: a descriptor, which may be a pipe whose reader does not keep up.

A line is written at once where that cannot block. Where it could, a thread writes it and those behind it, and the lines
that do not fit meanwhile are counted: the log holds up no call.
"""

import logging
import os
import select
import threading
from collections import deque
from collections.abc import Iterator
from typing import Final, Self, TextIO

from prism.telemetry.metrics.metric_family import MetricFamily

MAX_WAITING: Final = 4 << 20
"""Bytes that wait for a reader that does not keep up; lines beyond them are lost."""
CLOSING: Final = 2.0
"""Seconds that the end waits for the lines that are not written yet."""

log = logging.getLogger(__name__)


class LogStream:
    """A stream for a `logging.StreamHandler`, which calls it with a whole line, and one at a time.

    Attributes:
        lost: lines that were never written.
    """

    def __init__(self, descriptor: int, *, terminal: bool = False) -> None:
        """
        Args:
            descriptor: where to write.
            terminal: it is one.
        """
        self.lost = 0
        self._descriptor = descriptor
        self._terminal = terminal
        self._writable = select.poll()
        self._writable.register(descriptor, select.POLLOUT)
        self._guard = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._told = 0
        self._thread: threading.Thread | None = None

    @classmethod
    def of(cls, stream: TextIO | None) -> Self | None:
        """For the descriptor of a stream; None where it has none."""
        try:
            return None if stream is None else cls(stream.fileno(), terminal=stream.isatty())
        except (OSError, ValueError):
            return None

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return self._terminal

    def flush(self) -> None:
        """Does nothing: what can be written has been."""

    def write(self, line: str) -> None:
        """Writes a line, or has it written; never waits for a reader.

        Raises:
            OSError: it cannot be written.
        """
        data = line.encode(errors="backslashreplace")
        with self._guard:
            if self._thread is not None:
                self._put(data)
                return
            # A pipe that is writable takes so many bytes without blocking (pipe(7)).
            if len(data) > select.PIPE_BUF or not self._writable.poll(0):
                self._put(data)
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
                return
        self._write(data)

    def close(self) -> None:
        """Waits for what is not written yet, for some seconds."""
        if (thread := self._thread) is not None:
            thread.join(CLOSING)

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics."""
        what = "Lines of the log that were never written, as their reader did not keep up."
        yield MetricFamily("prism_log_lines_lost", what, {(): self.lost}, kind="counter")

    def _put(self, data: bytes) -> None:
        if self._bytes and self._bytes + len(data) > MAX_WAITING:
            self.lost += 1
        else:
            self._waiting.append(data)
            self._bytes += len(data)

    def _run(self) -> None:
        while not self._is_done():
            while (data := self._next()) is not None:
                try:
                    self._write(data)
                except OSError:  # its reader has gone
                    self.lost += 1
            with self._guard:
                lost, self._told = self.lost - self._told, self.lost
            if lost:  # a line like any other, which waits for its turn
                log.warning("%d lines of the log were lost: what reads standard error did not keep up with them", lost)

    def _is_done(self) -> bool:
        """Whether all is written; from then on lines are written at once again."""
        with self._guard:
            if not self._waiting:
                self._thread = None
            return self._thread is None

    def _next(self) -> bytes | None:
        """The next line; None where none waits."""
        with self._guard:
            if not self._waiting:
                return None
            data = self._waiting.popleft()
            self._bytes -= len(data)
            return data

    def _write(self, data: bytes) -> None:
        done = 0
        while done < len(data):
            done += os.write(self._descriptor, memoryview(data)[done:])
