"""TimeSeries as plain Python would have it: what every store must answer, made with nothing of the plugins'.

Days of a zone are found by looking at each minute: a day begins with the first minute that its clocks call by that day.
"""

import math
import statistics
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class Happened:
    """An event."""

    timestamp: int
    event_id: str
    attributes: dict[str, Any]

    @property
    def place(self) -> tuple[int, bytes]:
        """In the order of time."""
        return self.timestamp, self.event_id.encode()


class Model:
    """One stream.

    Args:
        dedup: timestamp and id together are one event.
    """

    def __init__(self, *, dedup: bool) -> None:
        self.events: list[Happened] = []
        self._dedup = dedup

    def append(self, events: Iterable[Happened]) -> tuple[int, int]:
        """How many were stored, and how many were there."""
        stored = duplicates = 0
        for event in events:
            if self._dedup and any(each.place == event.place for each in self.events):
                duplicates += 1
                continue
            stored += 1
            self.events.append(event)
        return stored, duplicates

    def query(self, begin: int, end: int, holds: Callable[[dict[str, Any]], bool]) -> list[Happened]:
        """The events of a range, in the order of time."""
        found = [each for each in self.events if begin <= each.timestamp < end and holds(each.attributes)]
        return sorted(found, key=lambda each: each.place)

    def aggregate(
        self, events: Sequence[Happened], bounds: Sequence[int], group_by: str, functions: Sequence[tuple[str, str]]
    ) -> list[tuple[int, Any, list[Any]]]:
        """Start, group and values of each bucket that has events."""
        buckets: dict[tuple[int, Any], list[Happened]] = {}
        for event in events:
            start = bounds[bisect_right(bounds, event.timestamp) - 1]
            buckets.setdefault((start, event.attributes.get(group_by)), []).append(event)
        return [
            (start, group, [value(name, field, of) for name, field in functions])
            for (start, group), of in sorted(buckets.items(), key=lambda each: (each[0][0], _order(each[0][1])))
        ]


def _order(group: Any) -> tuple[Any, ...]:
    return (False,) if group is None else (True, group.encode() if isinstance(group, str) else group)


def value(name: str, field: str, events: Sequence[Happened]) -> Any:
    """A function over events in the order of time."""
    if not field:
        return len(events)
    values = [found for each in events if (found := each.attributes.get(field)) is not None]
    if name == "count":
        return len(values)
    if not values or (name == "stddev" and len(values) < 2):
        return None
    if name in {"first", "last"}:
        return values[0 if name == "first" else -1]
    if name in {"min", "max"}:
        return (min if name == "min" else max)(values)
    if name == "sum":
        return math.fsum(values) if isinstance(values[0], float) else sum(map(Decimal, values))
    if name == "avg":
        return float(sum(map(Decimal, values)) / len(values))
    if name == "stddev":
        return statistics.stdev(map(float, values))
    share = int(name[1:])
    return sorted(values)[-(-len(values) * share // 100) - 1]


def fixed(begin: int, end: int, every: int, origin: int) -> list[int]:
    """Where windows of one length begin, and the end of the last one."""
    return [begin, *(at for at in range(begin + 1, end) if (at - origin) % every == 0), end]


def days(begin: int, end: int, zone: str) -> list[int]:
    """Where the days of a zone begin."""
    clock, starts = ZoneInfo(zone), [begin]
    seen: set[date] = set()
    for at in range(begin, end, _MINUTE):
        day = datetime.fromtimestamp(at // 1_000_000, UTC).astimezone(clock).date()
        if seen and day not in seen:
            starts.append(at)
        seen.add(day)
    return [*starts, end]
