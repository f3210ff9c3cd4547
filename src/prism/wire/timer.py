"""Time: deadlines of many calls on one timer, coarse, never early, and nearly free for calls that end soon.

A new call is only noted. One that is still there at the next tick is filed under the tick at which it expires, so
that a call that ends within a tick costs one append, and one that lives long costs one set operation more.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from time import monotonic
from typing import Final, Protocol

TICK: Final = 0.01
_MAX_INSPECTED: Final = 200  # connections looked at in a row
_MAX_EXPIRED: Final = 20  # entries expired in a row: each is a handler to be cancelled and a call to be answered
_GRAINS: Final = (10_000, 100)  # in ticks
_HORIZON: Final = 3600.0  # seconds that are filed: emptied buckets wait for their time, so there must not be many


class Expiring(Protocol):
    """Something with a deadline."""

    expires: float
    ended: bool
    bucket: "set[Expiring] | None"

    def expire(self) -> None:
        """The deadline has passed, and `ended` was not set before."""


class DeadlineWheel:
    """Calls `expire` on each entry within a few ticks after its deadline, unless it has `ended`."""

    __slots__ = ("_arrivals", "_buckets", "_due", "_expiring", "_handle", "_loop", "_order")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrivals: list[Expiring] = []
        self._buckets: dict[int, set[Expiring]] = {}
        self._order: list[int] = []
        self._due: deque[Expiring] = deque()
        self._expiring = False
        self._handle: asyncio.TimerHandle | None = None

    def add(self, entry: Expiring) -> None:
        """Watch over an entry. One that ends should leave its `bucket`, where it has one."""
        if not self._arrivals:
            self._wake_in(TICK)
        self._arrivals.append(entry)

    def close(self) -> None:
        """Forget every entry."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._arrivals.clear()
        self._buckets.clear()
        self._order.clear()
        self._due.clear()

    def _wake_in(self, seconds: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        self._handle = None
        now = monotonic()
        arrivals, self._arrivals = self._arrivals, []
        for entry in arrivals:
            if not entry.ended:
                self._settle(entry, now)
        while self._order and self._order[0] * TICK <= now:
            for entry in tuple(self._buckets.pop(heapq.heappop(self._order))):
                entry.bucket = None
                if not entry.ended:
                    self._settle(entry, now)
        try:
            if self._due and not self._expiring:
                self._expire()
        finally:
            # Expiring an entry may have added others.
            if self._arrivals:
                self._wake_in(TICK)
            elif self._order:
                self._wake_in(max(TICK, self._order[0] * TICK - now))

    def _expire(self) -> None:
        """Some at a time: many clients' deadlines, or one's that means harm, may pass at the same moment."""
        due = self._due
        try:
            for _ in range(min(len(due), _MAX_EXPIRED)):
                entry = due.popleft()
                if not entry.ended:
                    entry.expire()
        finally:
            # After one that fails too: without this no deadline would ever pass again.
            self._expiring = bool(due)
            if due:
                self._loop.call_soon(self._expire)

    def _settle(self, entry: Expiring, now: float) -> None:
        if entry.expires <= now:
            self._due.append(entry)
            return
        expires = min(entry.expires, now + _HORIZON)
        index = int(expires / TICK) + 1
        # Far deadlines share coarse buckets, a little early, and are filed anew when those come up: an hour's
        # worth of fine ones would be 360,000 sets.
        for grain in _GRAINS:
            if expires - now > 10 * grain * TICK:
                index -= index % grain
                break
        bucket = self._buckets.get(index)
        if bucket is None:
            bucket = self._buckets[index] = set()
            heapq.heappush(self._order, index)
        bucket.add(entry)
        entry.bucket = bucket


class Inspected(Protocol):
    """Something that wants to be looked at now and then."""

    def inspect(self, now: float) -> None:
        """Act upon what time alone shows; `now` is of `time.monotonic()`."""


class Inspector:
    """Looks at every connection now and then, some in a row, while there are any.

    `shortest` is the time, in seconds, that must not be missed by much.
    """

    __slots__ = ("_handle", "_loop", "_period", "_watched")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, shortest: float, watched: Callable[[], list[Inspected]]
    ) -> None:
        self._loop = loop
        self._period = min(1.0, max(TICK, shortest / 4))
        self._watched = watched
        self._handle: asyncio.Handle | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._handle is None:
            self._handle = self._loop.call_later(self._period, self._begin)

    def stop(self) -> None:
        """Look no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _begin(self) -> None:
        watched = self._watched()
        if watched:
            self._go_on(iter(watched))
        else:
            self._handle = None

    def _go_on(self, rest: Iterator[Inspected]) -> None:
        now = monotonic()
        some = list(islice(rest, _MAX_INSPECTED))
        for each in some:
            each.inspect(now)
        if len(some) == _MAX_INSPECTED:
            self._handle = self._loop.call_soon(self._go_on, rest)
        else:
            self._handle = self._loop.call_later(self._period, self._begin)
