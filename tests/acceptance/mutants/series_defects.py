"""Defects of the rules of TimeSeries in memory, each breaking one of them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from prism.backends.memory.timeseries.events import StreamEvents
from prism.backends.memory.timeseries.store import MemorySeries
from prism.context import Context
from prism.interfaces import timeseries as t
from prism.interfaces.value import Value
from prism.sdk.timeseries import (
    Appended,
    Arrivals,
    Batch,
    Bounds,
    Bucket,
    Events,
    Key,
    Place,
    Plan,
    Row,
    Selection,
    StoredTimeSeries,
    Stream,
    StreamField,
)

_SUM = t.FunctionName.TIME_SERIES_FUNCTION_NAME_SUM
_FIRST, _LAST = t.FunctionName.TIME_SERIES_FUNCTION_NAME_FIRST, t.FunctionName.TIME_SERIES_FUNCTION_NAME_LAST


class _ByArrival(StreamEvents):
    def _place(self, new: list[Key]) -> None:
        self._keys += new
        self._keys.sort(key=lambda key: (key.timestamp, key.arrival))


class OrdersByArrival(MemorySeries):
    """Events of one instant come as they arrived."""

    EVENTS = _ByArrival


class _Forgetful(StreamEvents):
    def append(self, rows: Sequence[Row], expired: int) -> Appended:
        self._pairs.clear()
        return super().append(rows, expired)


class ForgetsPairs(MemorySeries):
    """What was there before the call is stored again."""

    EVENTS = _Forgetful


class IncludesTheEnd(MemorySeries):
    """A range has its end too."""

    async def query(
        self, context: Context, stream: Stream, selection: Selection, after: Key | None, limit: int, max_bytes: int,
        *, descending: bool,
    ) -> Events:  # fmt: skip
        wider = selection if selection.end is None else replace(selection, end=selection.end + 1)
        return await super().query(context, stream, wider, after, limit, max_bytes, descending=descending)


class SkipsEquals(MemorySeries):
    """A page goes on behind all events of the instant that the last one ended with."""

    async def query(
        self, context: Context, stream: Stream, selection: Selection, after: Key | None, limit: int, max_bytes: int,
        *, descending: bool,
    ) -> Events:  # fmt: skip
        if after is not None:
            after = Key(after.timestamp, after.event_id, 0 if descending else 1 << 60)
        return await super().query(context, stream, selection, after, limit, max_bytes, descending=descending)


class StoresWhatItCan(MemorySeries):
    """Events before the one that is refused are stored."""

    async def append(self, context: Context, stream: Stream, batch: Batch) -> Appended:
        appended = 0
        for row in batch.rows:
            appended += (await super().append(context, stream, Batch([row]))).appended
        return Appended(appended)


class SumsInDoubles(MemorySeries):
    """A sum of integers is what a double makes of it."""

    async def aggregate(
        self, context: Context, stream: Stream, plan: Plan, after: Place | None, limit: int
    ) -> Sequence[Bucket]:
        found = await super().aggregate(context, stream, plan, after, limit)
        for bucket in found:
            for place, function in enumerate(plan.functions):
                value = bucket.values[place]
                if function.name == _SUM and value.HasField("decimal") and isinstance(bucket.values, list):
                    bucket.values[place] = Value(decimal=f"{Decimal(float(value.decimal)):f}")
        return found


class TakesTheLastForTheFirst(MemorySeries):
    """FIRST gives the last value."""

    async def aggregate(
        self, context: Context, stream: Stream, plan: Plan, after: Place | None, limit: int
    ) -> Sequence[Bucket]:
        swapped = [replace(each, name=_LAST) if each.name == _FIRST else each for each in plan.functions]
        return await super().aggregate(context, stream, replace(plan, functions=swapped), after, limit)


class CountsNoValues(MemorySeries):
    """Percentiles look at any number of values."""

    async def counts(self, context: Context, stream: Stream, plan: Plan, fields: Sequence[StreamField]) -> list[int]:
        return [0] * len(fields)


class TurnsGroupsAround(MemorySeries):
    """The groups of a page come backwards."""

    async def aggregate(
        self, context: Context, stream: Stream, plan: Plan, after: Place | None, limit: int
    ) -> Sequence[Bucket]:
        found = await super().aggregate(context, stream, plan, after, limit)
        return sorted(found, key=lambda bucket: bucket.place.window) if not plan.groups else found[::-1]


class KnowsNoZone(StoredTimeSeries):
    """Days are those of UTC, whatever the zone."""

    async def aggregate(self, request: t.AggregateRequest, context: Context) -> t.AggregateResponse:
        request.window.zone = request.window.zone and "UTC"
        return await super().aggregate(request, context)


class LeavesBucketsOut(StoredTimeSeries):
    """Empty buckets are absent though they are asked for."""

    async def aggregate(self, request: t.AggregateRequest, context: Context) -> t.AggregateResponse:
        request.ClearField("fill")
        return await super().aggregate(request, context)


class SewsTwice(MemorySeries):
    """The last event of history arrives once more."""

    async def bounds(self, context: Context, stream: Stream) -> Bounds:
        found = await super().bounds(context, stream)
        return replace(found, end=max(found.end - 1, 0))


class TellsNoGap(MemorySeries):
    """What retention has removed is passed by in silence."""

    async def bounds(self, context: Context, stream: Stream) -> Bounds:
        return replace(await super().bounds(context, stream), floor=0, cutoff=None)

    async def arrivals(self, context: Context, stream: Stream, after: int, limit: int, max_bytes: int) -> Arrivals:
        found = await super().arrivals(context, stream, after, limit, max_bytes)
        cutoff = found.bounds.cutoff or 0
        kept = [each for each in found.found if each.key.timestamp >= cutoff]
        return Arrivals(replace(found.bounds, floor=0, cutoff=None), kept, found.end)


class _Hoarding(StreamEvents):
    def selected(
        self, selection: Selection, now: int, after: Key | None = None, *, descending: bool = False
    ) -> Iterator[tuple[Key, Row]]:
        return super().selected(selection, now - 10**17, after, descending=descending)


class ShowsWhatIsSwept(MemorySeries):
    """What is beyond retention is there until it is swept."""

    EVENTS = _Hoarding


class DeletesLater(MemorySeries):
    """A deleted stream is there still."""

    async def delete(self, context: Context, name: str) -> bool:
        return (context.namespace, name) in self._of
