"""Heartbeats: what a quiet stream says now and then, so that nothing on the way takes it for dead.

A heartbeat is an empty message. Less would not do: HAProxy counts neither an empty DATA frame nor a PING as a sign of
life, and Envoy takes the second empty frame for an attack (docs/proxies.md). So only callers get any that
say, by a header, that they pass over empty messages.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from prism.wire import Metadata

HEADER: Final = "prism-heartbeat"
_ACCEPT: Final = "accept"
_LOOKED_AT: Final = 200  # streams in a row


class Heartbeat:
    """That of one stream.

    Attributes:
        beat: sends one, unless something is on its way already.
        quiet: nothing has been sent since the last look; who sends says so.
    """

    __slots__ = ("beat", "quiet")

    def __init__(self, beat: Callable[[], None]) -> None:
        self.beat = beat
        self.quiet = False


class Heartbeats:
    """Those of all streams of a gateway: one timer, which runs while there are any."""

    def __init__(self) -> None:
        self._interval: float | None = None
        self._streams: set[Heartbeat] = set()
        self._timer: asyncio.Handle | None = None

    @property
    def interval(self) -> float | None:
        """Seconds that a stream may be quiet, at most; None: for ever."""
        return self._interval

    @interval.setter
    def interval(self, seconds: float | None) -> None:
        self._interval = seconds
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wait()

    def begin(self, metadata: Metadata, beat: Callable[[], None]) -> Heartbeat | None:
        """That of a stream which begins; None where its caller takes none, or they are off."""
        if self._interval is None or metadata.get(HEADER) != _ACCEPT:
            return None
        heartbeat = Heartbeat(beat)
        self._streams.add(heartbeat)
        if self._timer is None:
            self._wait()
        return heartbeat

    def end(self, heartbeat: Heartbeat | None) -> None:
        """Its stream has ended."""
        if heartbeat is not None:
            self._streams.discard(heartbeat)

    def _wait(self) -> None:
        """Half of the interval: what was sent right behind a look is found to be quiet at the next but one."""
        if self._interval is not None and self._streams:
            self._timer = asyncio.get_running_loop().call_later(self._interval / 2, self._look)

    def _look(self) -> None:
        self._look_at(iter(tuple(self._streams)))

    def _look_at(self, rest: Iterator[Heartbeat]) -> None:
        some = list(islice(rest, _LOOKED_AT))
        for each in some:
            if each.quiet:
                each.beat()
            each.quiet = not each.quiet
        if len(some) == _LOOKED_AT:
            self._timer = asyncio.get_running_loop().call_soon(self._look_at, rest)
        else:
            self._timer = None
            self._wait()
