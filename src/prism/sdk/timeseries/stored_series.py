"""TimeSeries over a `SeriesStore`. Numbers in comments are those of the rules in docs/contract.md, "TimeSeries"."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256
from typing import Final

from prism.context import Context
from prism.errors import AlreadyExists, Conflict, Outcome, Unimplemented
from prism.interfaces import timeseries as t
from prism.interfaces.capabilities.timeseries import TimeSeriesCapabilities
from prism.interfaces.value import Kind
from prism.sdk.cursor import Query
from prism.sdk.deadline import check_time
from prism.sdk.timeseries import tz
from prism.sdk.timeseries.aggregating import ROOM, Aggregating
from prism.sdk.timeseries.cursors import Cursors
from prism.sdk.timeseries.event_ids import EventIds
from prism.sdk.timeseries.events import rows_of
from prism.sdk.timeseries.options import SeriesOptions
from prism.sdk.timeseries.planning import groups_of, selection_of
from prism.sdk.timeseries.refusals import before_writing, refusal, stream_not_found
from prism.sdk.timeseries.store import Batch, Events, Place, SeriesStore, Stale
from prism.sdk.timeseries.stream import Stream, StreamConfig, fields_of
from prism.sdk.timeseries.tailing import Tails
from prism.sdk.timeseries.wire import page, query_response
from prism.telemetry.metrics.labelled import labelled

_PAGE_EVENTS: Final = 5000
"""Of a page of a stream of pages."""
_PAGE_BYTES: Final = 1 << 20
_LISTED: Final = 100
_ATTEMPTS: Final = 20
"""How often a write looks for a stream that others change meanwhile."""
_REMEMBERED: Final = 10_000
"""Streams whose configuration is at hand for Append."""
_MAX_FIELDS: Final = 256
_DESCENDING: Final = t.Order.TIME_SERIES_ORDER_DESCENDING
_ARRIVAL: Final = t.Order.TIME_SERIES_ORDER_ARRIVAL


class StoredTimeSeries(t.TimeSeries, t.Aggregates, t.Tails, t.Latests, t.Deletes):
    """Serves TimeSeries from a store.

    Args:
        store: what keeps it.
        options: of the backend's configuration.
    """

    def __init__(self, store: SeriesStore, options: SeriesOptions) -> None:
        self.store = store
        self.options = options
        self.capabilities = TimeSeriesCapabilities()
        self.tails = Tails(store, options)
        self._ids = EventIds()
        self._known: OrderedDict[tuple[str, str], Stream] = OrderedDict()
        self._counts = dict.fromkeys(("appended", "duplicates", "expired", "queried"), 0)

    def declare(self, capabilities: TimeSeriesCapabilities) -> None:
        """What the manifest declares."""
        self.capabilities = capabilities

    def metrics(self) -> Mapping[str, float]:
        """What became of events, and how many tails are open."""
        counts = {**self._counts, "tailed": self.tails.sent}
        events = {labelled("timeseries_events_total", {"fate": fate}): float(n) for fate, n in counts.items()}
        return {**events, "timeseries_tails": len(self.tails)}

    async def stop(self) -> None:
        """Ends the tails."""
        await self.tails.stop()

    async def create_stream(self, request: t.CreateStreamRequest, context: Context) -> t.CreateStreamResponse:
        """Makes a stream."""
        check_time(context, writes=True)
        self._check_fields(request.config.fields, "config.fields")
        self._check_config(request.config)
        wanted = StreamConfig.of(request.config)
        stream, created = await self.store.create(context, request.stream, wanted)
        if not created and stream.config != wanted:
            raise AlreadyExists(f"stream {request.stream[:80]!r} exists with another configuration; see DescribeStream")
        return t.CreateStreamResponse(config=stream.config.message(), created=created)

    def _check_config(self, config: t.Config) -> None:
        if config.dedup not in t.Dedup.values():
            raise refusal("config.dedup", str(config.dedup), "NONE or EVENT_ID")
        if config.dedup == t.Dedup.TIME_SERIES_DEDUP_EVENT_ID:
            self.capabilities.require("dedup", "a stream with dedup EVENT_ID")
        most = self.capabilities.max_partitions
        if config.HasField("partitions") and not config.partitions:
            raise refusal("config.partitions", "0", f"1 to {most} are allowed")
        if config.partitions > most:
            raise Unimplemented(
                f"a stream of {config.partitions} partitions needs more than this backend's max_partitions, {most}",
                capability="max_partitions",
            )

    def _check_fields(self, fields: Sequence[t.Field], path: str) -> None:
        names = [each.name for each in fields]
        for index, each in enumerate(fields):
            kinds = [kind for kind in Kind if kind is not Kind.NULL and kind.value in self.capabilities.value_kinds]
            if each.kind not in list(Kind) or each.kind == Kind.NULL:
                raise refusal(f"{path}[{index}].kind", repr(each.kind), f"one of {', '.join(kinds)} is required")
            if each.kind not in kinds:
                raise Unimplemented(
                    f"a field of kind {each.kind} needs a backend whose value_kinds have it", capability="value_kinds"
                )
            if each.name in names[:index]:
                raise refusal(f"{path}[{index}].name", repr(each.name), "another field has that name")

    async def update_stream(self, request: t.UpdateStreamRequest, context: Context) -> t.UpdateStreamResponse:
        """Another retention, more fields."""
        check_time(context, writes=True)
        self._check_fields(request.fields, "fields")
        if request.keep_for_ever and request.HasField("retention"):
            raise refusal("keep_for_ever", "true", "not together with `retention`")
        for _ in range(_ATTEMPTS):
            stream = await self._found_for_write(request.stream, context)
            wanted = self._changed(stream, request)
            if wanted == stream.config:
                return t.UpdateStreamResponse(config=wanted.message())
            try:
                stream = await self.store.update(context, stream, wanted)
            except Stale:
                continue
            return t.UpdateStreamResponse(config=stream.config.message())
        raise _busy(request.stream)

    @staticmethod
    def _changed(stream: Stream, request: t.UpdateStreamRequest) -> StreamConfig:
        known = stream.by_name()
        new = []
        for index, each in enumerate(request.fields):
            there = known.get(each.name)
            if there is None:
                new.append(each)
            elif there.kind != each.kind:
                raise AlreadyExists(f"fields[{index}]: {each.name[:80]!r} is a field of kind {there.kind} already")
        fields = (*stream.fields, *fields_of(new, len(stream.fields)))
        if len(fields) > _MAX_FIELDS:
            raise refusal("fields", f"{len(fields)} with those that are there", f"at most {_MAX_FIELDS} are allowed")
        retention = stream.config.retention
        if request.keep_for_ever:
            retention = None
        elif request.HasField("retention"):
            retention = request.retention.ToMicroseconds()
        return replace(stream.config, fields=fields, retention=retention)

    async def describe_stream(self, request: t.DescribeStreamRequest, context: Context) -> t.DescribeStreamResponse:
        """A stream."""
        stream = await self._found(request.stream, context)
        span = await self.store.span(context, stream)
        response = t.DescribeStreamResponse(config=stream.config.message(), tzdata=tz.version())
        if span is not None:
            response.first, response.last = span
        return response

    async def list_streams(self, request: t.ListStreamsRequest, context: Context) -> t.ListStreamsResponse:
        """A page of names."""
        query = Query(request, context)
        position = query.position(request.cursor, parts=1)
        limit = request.limit or _LISTED
        after = position[0].decode(errors="replace") if position else ""
        names = list(await self.store.names(context, request.prefix, after, limit + 1))
        cursor = query.cursor(names[limit - 1].encode()) if len(names) > limit else b""
        return t.ListStreamsResponse(streams=names[:limit], next_cursor=cursor)

    async def delete_stream(self, request: t.DeleteStreamRequest, context: Context) -> t.DeleteStreamResponse:
        """13: gone at once."""
        check_time(context, writes=True)
        self._known.pop((context.namespace, request.stream), None)
        existed = await self.store.delete(context, request.stream)
        self.store.wakeups.notify((context.namespace, request.stream))
        return t.DeleteStreamResponse(existed=existed)

    async def _found(self, name: str, context: Context) -> Stream:
        check_time(context, writes=False)
        stream = await self.store.find(context, name)
        if stream is None:
            self._known.pop((context.namespace, name), None)
            raise stream_not_found(name)
        return stream

    async def _found_for_write(self, name: str, context: Context) -> Stream:
        with before_writing():
            return await self._found(name, context)

    async def _made(self, name: str, context: Context) -> Stream:
        """A stream, which makes itself where the namespace allows it."""
        with before_writing():
            found = await self.store.find(context, name)
        if found is None:
            if not self.options.create:
                raise stream_not_found(name)
            found, _ = await self.store.create(context, name, StreamConfig())
        return found

    async def append(self, request: t.AppendRequest, context: Context) -> t.AppendResponse:
        """1, 2, 4, 5, 12. Where the stream at hand is one of before the store says so, and it is looked for again."""
        check_time(context, writes=True)
        digest = sha256(request.SerializeToString(deterministic=True)).digest() if request.idempotency_key else b""
        known = self._known
        place = (context.namespace, request.stream)
        kinds = frozenset(self.capabilities.value_kinds)
        whole = 1000 if self.capabilities.precision == "milliseconds" else 1
        for _ in range(_ATTEMPTS):
            stream = known.get(place)
            if stream is None:
                stream = known[place] = await self._made(request.stream, context)
                while len(known) > _REMEMBERED:
                    known.popitem(last=False)
            most = self.capabilities.max_payload - ROOM
            rows = rows_of(request.events, stream, self._ids, kinds, most, whole=whole)
            batch = Batch(rows, request.idempotency_key, digest, sum(len(row.event) for row in rows))
            try:
                done = await self.store.append(context, stream, batch)
            except Stale:
                known.pop(place, None)
                continue
            self._counts["appended"] += done.appended
            self._counts["duplicates"] += done.duplicates
            self._counts["expired"] += done.expired
            return t.AppendResponse(appended=done.appended, duplicates=done.duplicates, expired=done.expired)
        raise _busy(request.stream)

    async def query(self, request: t.QueryRequest, context: Context) -> AsyncIterator[t.QueryResponse]:
        """3, 14: pages, each read while the one before is taken."""
        stream = await self._found(request.stream, context)
        cursors = Cursors(request, context, stream)
        selection = selection_of(request, stream)
        descending = self._order(request.order)
        after, left, cursor = cursors.event(request.cursor), request.limit, request.cursor
        given, more = 0, True

        def read() -> asyncio.Task[Events]:
            limit = min(left, _PAGE_EVENTS) if request.limit else _PAGE_EVENTS
            page = self.store.query(context, stream, selection, after, limit, _PAGE_BYTES, descending=descending)
            return asyncio.ensure_future(page)

        ahead = read()
        try:
            while more and not (request.limit and not left) and not context.draining.is_set():
                found = await ahead
                more = found.more
                if not found.found:
                    break
                after = found.found[-1].key
                given += len(found.found)
                left -= min(left, len(found.found))
                cursor = cursors.of_event(after)
                self._counts["queried"] += len(found.found)
                if more and not (request.limit and not left):
                    ahead = read()
                yield query_response([each.event for each in found.found], cursor)
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)
        cut = more and not (request.limit and not left)
        yield t.QueryResponse(end=t.End(complete=not cut, events=given, next_cursor=cursor if more else b""))

    def _order(self, order: int) -> bool:
        """Whether it is the descending one."""
        if order not in t.Order.values():
            raise refusal("order", str(order), "ASCENDING or DESCENDING")
        by_arrival = self.capabilities.order == "arrival"
        if order and (order == _ARRIVAL) is not by_arrival:
            raise Unimplemented(
                f"the order {t.Order.Name(order).removeprefix('TIME_SERIES_ORDER_')} needs a backend whose order is "
                f"another one; this one's is {self.capabilities.order!r}",
                capability="order",
            )
        return order == _DESCENDING

    async def query_page(self, request: t.QueryPageRequest, context: Context) -> t.QueryPageResponse:
        """One page."""
        stream = await self._found(request.stream, context)
        cursors = Cursors(request, context, stream)
        found = await self.store.query(
            context,
            stream,
            selection_of(request, stream),
            cursors.event(request.cursor),
            request.limit or t.DEFAULT_PAGE,
            self.capabilities.max_payload - ROOM,
            descending=self._order(request.order),
        )
        self._counts["queried"] += len(found.found)
        cursor = cursors.of_event(found.found[-1].key) if found.more and found.found else b""
        written: t.QueryPageResponse = page([each.event for each in found.found], cursor)
        return written

    async def tail(self, request: t.TailRequest, context: Context) -> AsyncIterator[t.TailResponse]:
        """11."""
        stream = await self._found(request.stream, context)
        async with aclosing(self.tails.tail(request, stream, context)) as responses:
            async for response in responses:
                yield response

    async def latest(self, request: t.LatestRequest, context: Context) -> t.LatestResponse:
        """The newest event of each group."""
        stream = await self._found(request.stream, context)
        cursors = Cursors(request, context, stream)
        groups = groups_of(request.group_by, stream)
        after = cursors.place(request.cursor, groups)
        limit = request.limit or t.DEFAULT_PAGE
        found = await self.store.latest(
            context, stream, selection_of(request, stream), groups, after and after.group, limit + 1
        )
        events: list[bytes] = []
        room = self.capabilities.max_payload - ROOM
        for _, each in found[:limit]:
            room -= len(each.event) + 16
            if events and room < 0:
                break
            events.append(each.event)
        cursor = cursors.of_place(Place(0, found[len(events) - 1][0])) if len(events) < len(found) else b""
        written: t.LatestResponse = page(events, cursor)
        return written

    async def delete_events(self, request: t.DeleteEventsRequest, context: Context) -> t.DeleteEventsResponse:
        """Removes a range."""
        check_time(context, writes=True)
        stream = await self._found_for_write(request.stream, context)
        return t.DeleteEventsResponse(
            deleted=await self.store.delete_events(context, stream, selection_of(request, stream))
        )

    async def aggregate(self, request: t.AggregateRequest, context: Context) -> t.AggregateResponse:
        """6 to 10."""
        stream = await self._found(request.stream, context)
        aggregating = Aggregating(self.store, self.options, self.capabilities, stream, context)
        return await aggregating.page(request)


def _busy(name: str) -> Exception:
    return Conflict(
        f"stream {name[:80]!r} is being changed by others all the time; try again", outcome=Outcome.NOT_APPLIED
    )
