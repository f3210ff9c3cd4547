"""The events of one stream in memory: sorted by time, and numbered by arrival."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence

from prism.interfaces.value import Value
from prism.sdk.filters import matches
from prism.sdk.timeseries import Appended, Arrivals, Bounds, Found, Key, Row, Selection, Stream

_FEW = 64
"""Events that are put into their places one by one; more are sorted in."""


class StreamEvents:
    """The events of a stream.

    Attributes:
        stream: as it is now.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._keys: list[Key] = []
        self._rows: dict[int, Row] = {}
        self._arrivals: list[int] = []
        self._pairs: set[tuple[int, str]] = set()
        self._floor = 0
        self._end = 0

    def __len__(self) -> int:
        return len(self._keys)

    def append(self, rows: Sequence[Row], expired: int) -> Appended:
        """Stores rows."""
        new: list[Key] = []
        duplicates = 0
        for row in rows:
            if self.stream.config.dedup:
                pair = (row.timestamp, row.event_id)
                if pair in self._pairs:
                    duplicates += 1
                    continue
                self._pairs.add(pair)
            self._end += 1
            self._rows[self._end] = row
            self._arrivals.append(self._end)
            new.append(Key(row.timestamp, row.event_id, self._end))
        self._place(sorted(new))
        return Appended(len(new), duplicates, expired)

    def _place(self, new: list[Key]) -> None:
        keys = self._keys
        if not new:
            return
        if not keys or new[0] > keys[-1]:
            keys += new
        elif len(new) < _FEW:
            for key in new:
                insort(keys, key)
        else:
            keys += new
            keys.sort()

    def selected(
        self, selection: Selection, now: int, after: Key | None = None, *, descending: bool = False
    ) -> Iterator[tuple[Key, Row]]:
        """The events of a selection in the order of time, behind a place."""
        keys = self._keys
        cutoff = self.stream.cutoff(now)
        lows = [each for each in (selection.begin, cutoff) if each is not None]
        low = bisect_left(keys, (max(lows),)) if lows else 0
        high = len(keys) if selection.end is None else bisect_left(keys, (selection.end,))
        if after is not None and not descending:
            low = max(low, bisect_right(keys, after))
        elif after is not None:
            high = min(high, bisect_left(keys, after))
        for number in range(high - 1, low - 1, -1) if descending else range(low, high):
            key = keys[number]
            row = self._rows[key.arrival]
            if selection.seam is not None and key.arrival > selection.seam:
                continue
            if selection.filter is None or matches(selection.filter, self._attributes(row)):
                yield key, row

    def _attributes(self, row: Row) -> Mapping[str, Value]:
        pairs = zip(self.stream.fields, row.values, strict=False)
        return {field.name: value for field, value in pairs if value is not None}

    def span(self, now: int) -> tuple[int, int] | None:
        """The first and the last timestamp."""
        cutoff = self.stream.cutoff(now)
        low = 0 if cutoff is None else bisect_left(self._keys, (cutoff,))
        return (self._keys[low].timestamp, self._keys[-1].timestamp) if low < len(self._keys) else None

    def bounds(self, now: int) -> Bounds:
        """Of the arrivals."""
        return Bounds(self._floor, self._end, self.stream.cutoff(now))

    def arrived(self, after: int, limit: int, max_bytes: int, now: int) -> Arrivals:
        """Events behind an arrival."""
        found: list[Found] = []
        end = self._end
        for number in range(bisect_right(self._arrivals, after), len(self._arrivals)):
            arrival = self._arrivals[number]
            row = self._rows.get(arrival)
            if row is None:
                continue
            max_bytes -= len(row.event)
            if found and (max_bytes < 0 or len(found) == limit):
                end = found[-1].key.arrival
                break
            found.append(Found(Key(row.timestamp, row.event_id, arrival), row.event))
        return Arrivals(self.bounds(now), found, end)

    def remove(self, selection: Selection, now: int) -> int:
        """Removes events; how many."""
        gone = [key for key, _ in self.selected(selection, now)]
        self._remove(gone)
        return len(gone)

    def sweep(self, now: int, limit: int) -> bool:
        """Removes what is beyond retention; whether more is left."""
        cutoff = self.stream.cutoff(now)
        if cutoff is None:
            return False
        outlived = bisect_left(self._keys, (cutoff,))
        gone = self._keys[: min(outlived, limit)]
        if gone:
            self._floor = max(self._floor, *(key.arrival for key in gone))
            self._remove(gone)
        return outlived > limit

    def _remove(self, gone: list[Key]) -> None:
        for key in gone:
            del self._rows[key.arrival]
            self._pairs.discard((key.timestamp, key.event_id))
        dropped = set(gone)
        self._keys = [key for key in self._keys if key not in dropped]
        self._arrivals = [arrival for arrival in self._arrivals if arrival in self._rows]
