"""A lane for each stream.

A statement holds the row of its stream until it commits, and a second one would wait for it with nothing gathered: one
is under way at a time, and what comes meanwhile goes together in the next. Streams do not wait for each other.
"""

from asyncio import gather
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from prism.backends.postgres.lane import Lane
from prism.backends.postgres.timeseries.appending import Append
from prism.sdk import Bounds
from prism.sdk.timeseries import Appended

_BATCH: Final = Bounds(calls=1024, size=128 << 10, in_flight=1)
"""Not more bytes: of large calls some are then stored while the others are read."""
KEPT: Final = 1000
"""Lanes; of more those go that were used last and stand still."""

AppendLane = Lane[Append, Appended | None]


class StreamLanes:
    """The lanes of an instance.

    Args:
        run: carries out a batch of calls on one stream.
    """

    def __init__(self, run: Callable[[Sequence[Append]], Awaitable[Sequence[Appended | Exception | None]]]) -> None:
        self._run = run
        self._lanes: dict[int, AppendLane] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    def of(self, number: int) -> AppendLane:
        """That of a stream, by its number."""
        lane = self._lanes.pop(number, None)
        if lane is None:
            lane = Lane(self._run, _BATCH, reads=False)
            if len(self._lanes) >= KEPT:
                self._leave_out()
        self._lanes[number] = lane  # the last one used is the last
        return lane

    def _leave_out(self) -> None:
        for number, lane in self._lanes.items():
            if not lane.waiting and not lane.in_flight:
                lane.close()
                del self._lanes[number]
                return

    async def drain(self) -> None:
        """Waits until every call is answered."""
        await gather(*(lane.drain() for lane in self._lanes.values()))

    def close(self) -> None:
        """Forgets the deadlines; no call may be waiting."""
        for lane in self._lanes.values():
            lane.close()
