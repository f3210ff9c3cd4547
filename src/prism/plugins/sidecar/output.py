"""What a plugin prints: logged under the plugin's name at a bounded rate; the last lines are kept.

A plugin that prints without end is slowed down by its own pipe, and does not slow the gateway down.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import cast

from prism.plugins.sidecar.handshake import MAX_LINE

KEPT_LINES = 500
LINES_PER_SECOND = 50.0
LINES_AT_ONCE = 500
BYTES_PER_SECOND = 1 << 20
MAX_LOGGED_LINE = 4000

_LEVELS = {"DEBUG": logging.DEBUG, "TRACE": logging.DEBUG, "WARNING": logging.WARNING, "WARN": logging.WARNING,
           "ERROR": logging.ERROR, "CRITICAL": logging.ERROR}  # fmt: skip


class Output:
    """The output of one plugin, through all the processes that it has been.

    Attributes:
        seen: lines, so far.
        dropped: lines that were not logged.
    """

    def __init__(self, plugin: str, scrub: Callable[[str], str]) -> None:
        """
        Args:
            plugin: its name.
            scrub: removes secrets from a text.
        """
        self.seen = 0
        self.dropped = 0
        self._log = logging.getLogger(f"prism.plugin.{plugin}")
        self._plugin = plugin
        self._scrub = scrub
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._allowed = float(LINES_AT_ONCE)
        self._counted = monotonic()
        self._unreported = 0
        self._report_timer: asyncio.TimerHandle | None = None

    @property
    def lines(self) -> Sequence[str]:
        """The last lines, each with when it came, the oldest first."""
        return tuple(self._lines)

    def since(self, seen: int) -> Sequence[str]:
        """The kept lines that were printed after the first `seen` ones."""
        fresh = self.seen - seen
        return self.lines[-fresh:] if fresh else ()

    def add(self, line: bytes) -> None:
        """One line has come."""
        text = self._scrub(line[:MAX_LOGGED_LINE].decode("utf-8", "replace").rstrip("\r\n"))
        if not text:
            return
        self.seen += 1
        self._lines.append(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + f"Z {text}")
        now = monotonic()
        self._allowed = min(LINES_AT_ONCE, self._allowed + (now - self._counted) * LINES_PER_SECOND)
        self._counted = now
        if self._allowed >= 1:
            self._allowed -= 1
            level, message = _parsed(text)
            self._log.log(level, "%s", message, extra={"plugin": self._plugin})
        else:
            self.dropped += 1
            self._unreported += 1
            if self._report_timer is None:
                self._report_timer = asyncio.get_running_loop().call_later(1.0, self.report_dropped)

    def report_dropped(self) -> None:
        """Logs how many lines were dropped since the last report."""
        if self._report_timer is not None:
            self._report_timer.cancel()
            self._report_timer = None
        if self._unreported:
            self._log.warning(
                "plugin %s prints more than the limit of %g lines a second; %d lines were dropped from the log",
                self._plugin,
                LINES_PER_SECOND,
                self._unreported,
            )
            self._unreported = 0


def _parsed(line: str) -> tuple[int, str]:
    """The level and message of a line that is a JSON object, as our SDK and go-plugin's hclog write; else all of it."""
    if not line.startswith("{"):
        return logging.INFO, line
    try:
        record = json.loads(line)
        level = str(record.get("level", record.get("@level"))).upper()
        message = str(record.get("message", record.get("@message", line)))
    except (ValueError, RecursionError):  # the latter where it is nested without end
        return logging.INFO, line
    error = record.get("error")
    return _LEVELS.get(level, logging.INFO), message + (f": {error}" if isinstance(error, str) else "")


class Lines(asyncio.Protocol):
    """Reads one of a process's pipes, line by line.

    Attributes:
        first: the first line, where it was asked for; without its end where the pipe ended before.
        ended: when the pipe does.
    """

    def __init__(self, output: Output, *, wants_first: bool = False) -> None:
        """
        Args:
            output: where the lines go.
            wants_first: the first line is for `first` and no output.
        """
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[bytes] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._output = output
        self._wants_first = wants_first
        self._rest = b""
        self._came = 0
        self._since = monotonic()
        self._transport: asyncio.ReadTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one in all but name.
        self._transport = cast("asyncio.ReadTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._bound(len(data))
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)
        most = MAX_LINE if self._wants_first else MAX_LOGGED_LINE
        if len(self._rest) > most:
            self._take(self._rest)
            self._rest = b""

    def connection_lost(self, _error: Exception | None) -> None:
        if self._rest or self._wants_first:
            self._take(self._rest)
        if not self.ended.done():
            self.ended.set_result(None)

    def close(self) -> None:
        """Reads no more."""
        if self._transport is not None:
            self._transport.close()

    def _take(self, line: bytes) -> None:
        if self._wants_first:
            self._wants_first = False
            if not self.first.done():
                self.first.set_result(line)
        else:
            self._output.add(line)

    def _bound(self, size: int) -> None:
        """Pauses reading until the next second when too much is printed."""
        now = monotonic()
        if now - self._since >= 1:
            self._since, self._came = now, 0
        self._came += size
        if self._came > BYTES_PER_SECOND and self._transport is not None:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(max(0.01, self._since + 1 - now), self._resume)

    def _resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
