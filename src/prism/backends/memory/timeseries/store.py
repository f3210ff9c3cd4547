"""`prism.sdk.timeseries.SeriesStore` in memory, gone with the process."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from prism.backends.memory.timeseries.events import StreamEvents
from prism.backends.memory.timeseries.functions import NULL, value_of
from prism.context import Context
from prism.errors import AlreadyExists
from prism.sdk.deadline import check_time
from prism.sdk.filters import Operand
from prism.sdk.timeseries import (
    Appended,
    Arrivals,
    Batch,
    Bounds,
    Bucket,
    Events,
    Found,
    Group,
    Key,
    Place,
    Plan,
    Row,
    Selection,
    SeriesStore,
    Stale,
    Stream,
    StreamConfig,
    StreamField,
    judged,
)
from prism.sdk.timeseries.filling import packed
from prism.sdk.timeseries.refusals import stream_not_found
from prism.sdk.wakeups import Wakeups

_WINDOW = 24 * 3_600_000_000
"""Microseconds for which idempotency keys are remembered."""


class MemorySeries(SeriesStore):
    """The streams of one memory store.

    Attributes:
        EVENTS: what a stream's events are kept in.

    Args:
        now: its clock.
    """

    EVENTS: ClassVar[type[StreamEvents]] = StreamEvents

    def __init__(self, now: Callable[[], int]) -> None:
        self.wakeups = Wakeups()
        self._now = now
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._of: dict[tuple[str, str], StreamEvents] = {}
        self._number = 0
        self._secret = os.urandom(8)
        self._remembered: dict[tuple[str, str], tuple[int, bytes, Appended]] = {}

    def holds_data(self, namespace: str) -> bool:
        """Whether a namespace has streams."""
        return any(of == namespace for of, _ in self._of)

    def sweep(self, limit: int) -> bool:
        """Removes what is beyond retention, and old idempotency keys; whether more is left."""
        now = self._now()
        for key in [key for key, (until, _, _) in self._remembered.items() if until <= now]:
            del self._remembered[key]
        more = [each.sweep(now, limit) for each in self._of.values()]
        return any(more)

    async def find(self, context: Context, name: str) -> Stream | None:
        found = self._of.get((context.namespace, name))
        return None if found is None else found.stream

    async def create(self, context: Context, name: str, config: StreamConfig) -> tuple[Stream, bool]:
        found = self._of.get((context.namespace, name))
        if found is not None:
            return found.stream, False
        self._number += 1
        identity = self._secret + self._number.to_bytes(8, "big")
        stream = Stream(context.namespace, name, self._number, 1, config, identity)
        self._of[context.namespace, name] = self.EVENTS(stream)
        return stream, True

    async def update(self, context: Context, stream: Stream, config: StreamConfig) -> Stream:
        events = self._events(stream, context)
        events.stream = Stream(
            stream.namespace, stream.name, stream.number, stream.version + 1, config, stream.identity
        )
        return events.stream

    async def delete(self, context: Context, name: str) -> bool:
        return self._of.pop((context.namespace, name), None) is not None

    async def names(self, context: Context, prefix: str, after: str, limit: int) -> Sequence[str]:
        names = (name for of, name in self._of if of == context.namespace and name.startswith(prefix))
        found = sorted((name for name in names if not after or name.encode() > after.encode()), key=str.encode)
        return found[:limit]

    async def span(self, context: Context, stream: Stream) -> tuple[int, int] | None:
        return self._there(stream, context).span(self._now())

    def _events(self, stream: Stream, context: Context) -> StreamEvents:
        """The events of the stream that was found, unchanged."""
        check_time(context, writes=True)
        events = self._of.get((stream.namespace, stream.name))
        if events is None or events.stream is not stream:
            raise Stale
        return events

    def _there(self, stream: Stream, context: Context) -> StreamEvents:
        check_time(context, writes=False)
        events = self._of.get((stream.namespace, stream.name))
        if events is None or events.stream.identity != stream.identity:
            raise stream_not_found(stream.name)
        return events

    async def append(self, context: Context, stream: Stream, batch: Batch) -> Appended:
        events = self._events(stream, context)
        now = self._now()
        place = (stream.namespace, batch.idempotency_key)
        if batch.idempotency_key:
            until, digest, answer = self._remembered.get(place, (0, b"", Appended(0)))
            if until > now:
                if digest != batch.digest:
                    raise AlreadyExists("the idempotency key was used for another request; use another key")
                return answer
        done = events.append(*judged(stream, batch.rows, now))
        if batch.idempotency_key:
            self._remembered[place] = (now + _WINDOW, batch.digest, done)
        self.wakeups.notify((stream.namespace, stream.name))
        return done

    async def query(
        self, context: Context, stream: Stream, selection: Selection, after: Key | None, limit: int, max_bytes: int,
        *, descending: bool,
    ) -> Events:  # fmt: skip
        found: list[Found] = []
        for key, row in self._there(stream, context).selected(selection, self._now(), after, descending=descending):
            max_bytes -= len(row.event) + 8
            if found and (max_bytes < 0 or len(found) == limit):
                return Events(found, more=True)
            found.append(Found(key, row.event))
        return Events(found, more=False)

    async def groups(self, context: Context, stream: Stream, plan: Plan, limit: int) -> Sequence[Group]:
        found: dict[bytes, Group] = {}
        for _, row in self._there(stream, context).selected(plan.selection, self._now()):
            group = _group(row, plan.groups)
            if found.setdefault(packed(group), group) is group and len(found) == limit:
                break
        return sorted(found.values(), key=_order)

    async def counts(self, context: Context, stream: Stream, plan: Plan, fields: Sequence[StreamField]) -> list[int]:
        counts = [0] * len(fields)
        for _, row in self._there(stream, context).selected(plan.selection, self._now()):
            for place, field in enumerate(fields):
                counts[place] += field.number < len(row.values) and row.values[field.number] is not None
        return counts

    async def aggregate(
        self, context: Context, stream: Stream, plan: Plan, after: Place | None, limit: int
    ) -> Sequence[Bucket]:
        buckets: list[Bucket] = []
        for window, groups in self._windows(stream, plan, context):
            if after is not None and window < after.window:
                continue
            for group, rows in sorted(groups, key=lambda each: _order(each[0])):
                if after is not None and (window, _order(group)) <= (after.window, _order(after.group)):
                    continue
                buckets.append(Bucket(Place(window, group), [value_of(each, rows) for each in plan.functions]))
                if len(buckets) == limit:
                    return buckets
        return buckets

    def _windows(
        self, stream: Stream, plan: Plan, context: Context
    ) -> Iterator[tuple[int, list[tuple[Group, list[Row]]]]]:
        """The events of each window that has some, by their groups."""
        groups: dict[bytes, tuple[Group, list[Row]]] = {}
        current = 0
        for key, row in self._there(stream, context).selected(plan.selection, self._now()):
            window = 0 if plan.windows is None else plan.windows.of(key.timestamp)
            if window != current and groups:
                yield current, [*groups.values()]
                groups = {}
            current = window
            group = _group(row, plan.groups)
            groups.setdefault(packed(group), (group, []))[1].append(row)
        if groups:
            yield current, [*groups.values()]

    async def latest(
        self, context: Context, stream: Stream, selection: Selection, groups: Sequence[StreamField],
        after: Group | None, limit: int,
    ) -> Sequence[tuple[Group, Found]]:  # fmt: skip
        newest: dict[bytes, tuple[Group, Found]] = {}
        for key, row in self._there(stream, context).selected(selection, self._now()):
            group = _group(row, groups)
            newest[packed(group)] = (group, Found(key, row.event))
        found = sorted(newest.values(), key=lambda each: _order(each[0]))
        return [each for each in found if after is None or _order(each[0]) > _order(after)][:limit]

    async def bounds(self, context: Context, stream: Stream) -> Bounds:
        return self._there(stream, context).bounds(self._now())

    async def arrivals(self, context: Context, stream: Stream, after: int, limit: int, max_bytes: int) -> Arrivals:
        return self._there(stream, context).arrived(after, limit, max_bytes, self._now())

    async def delete_events(self, context: Context, stream: Stream, selection: Selection) -> int:
        return self._there(stream, context).remove(selection, self._now())


def _group(row: Row, fields: Sequence[StreamField]) -> Group:
    numbers = [each.number for each in fields]
    return tuple((row.values[at] if at < len(row.values) else None) or NULL for at in numbers)


def _order(group: Group) -> tuple[Any, ...]:
    return tuple((False,) if each.HasField("null") else (True, Operand.of(each).value) for each in group)
