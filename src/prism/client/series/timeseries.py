"""TimeSeries for applications: events by their time, as plain Python values.

What each operation means: docs/contract.md and prism/data/v1/timeseries.proto. Every method may raise a `PrismError`;
what a failed write did to the store is the error's `outcome`. `timeout` is in seconds (or a timedelta), for the call,
or for each page of a list, with all its retries. Ranges are `[begin, end)`, datetimes with a time zone.
"""

import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final, Literal

from prism.client.arguments import Seconds, in_seconds, length
from prism.client.headers import NamespaceHeaders
from prism.client.paging import MAX_PAGE_SIZE, Page, Pager
from prism.client.resumption import Outage, ResumableStream, read_to_end
from prism.client.series.places import Reading, Tailing
from prism.client.series.values import (
    Appended,
    Bucket,
    Calendar,
    Event,
    Fill,
    Function,
    Kind,
    OnGap,
    StreamDescription,
    to_append,
    to_bucket,
    to_datetime,
    to_described,
    to_event,
    to_fields,
    to_fill,
    to_function,
    to_order,
    to_range,
    to_window,
)  # fmt: skip
from prism.client.transport import Transport
from prism.interfaces import timeseries as messages
from prism.interfaces.filter import Filter

log = logging.getLogger(__name__)

_OPERATIONS = {operation.method: operation for operation in messages.INTERFACE.operations}
_OUTAGE: Final = 60.0


class TimeSeries:
    """The streams of one namespace; made by `Client.timeseries`."""

    def __init__(self, transport: Transport, headers: NamespaceHeaders) -> None:
        self._transport = transport
        self._headers = headers

    async def create(
        self, stream: str, fields: Mapping[str, Kind] | None = None, *, indexed: Iterable[str] = (),
        retention: Seconds | None = None, max_ahead: Seconds | None = None, dedup: bool = False,
        timeout: Seconds | None = None,
    ) -> StreamDescription:  # fmt: skip
        """Makes a stream, unless it is there as it is asked for.

        Args:
            stream: its name.
            fields: the kinds of the attributes that filters, groups and functions may name.
            indexed: fields on which filters are to be quick.
            retention: how long events are kept; None: for ever.
            max_ahead: how far in the future a timestamp may be; an hour unless given.
            dedup: timestamp and event_id together are one event, so that repeating an append is safe.
            timeout: see above.
        """
        config = messages.Config(
            fields=to_fields(fields or {}, indexed),
            dedup=messages.Dedup.TIME_SERIES_DEDUP_EVENT_ID if dedup else messages.Dedup.TIME_SERIES_DEDUP_NONE,
        )
        if retention is not None:
            config.retention.CopyFrom(length("retention", retention))
        if max_ahead is not None:
            config.max_ahead.CopyFrom(length("max_ahead", max_ahead))
        request = messages.CreateStreamRequest(stream=stream, config=config)
        answer = messages.CreateStreamResponse.FromString(await self._call("create_stream", request, timeout))
        return to_described(answer.config)

    async def update(
        self, stream: str, *, fields: Mapping[str, Kind] | None = None, indexed: Iterable[str] = (),
        retention: Seconds | Literal["for_ever"] | None = None, timeout: Seconds | None = None,
    ) -> StreamDescription:  # fmt: skip
        """Adds fields, and changes how long events are kept."""
        request = messages.UpdateStreamRequest(stream=stream, fields=to_fields(fields or {}, indexed))
        if retention == "for_ever":
            request.keep_for_ever = True
        elif retention is not None and not isinstance(retention, str):
            request.retention.CopyFrom(length("retention", retention))
        answer = messages.UpdateStreamResponse.FromString(await self._call("update_stream", request, timeout))
        return to_described(answer.config)

    async def describe(self, stream: str, *, timeout: Seconds | None = None) -> StreamDescription:
        """What a stream is."""
        request = messages.DescribeStreamRequest(stream=stream)
        answer = messages.DescribeStreamResponse.FromString(await self._call("describe_stream", request, timeout))
        first = to_datetime(answer.first) if answer.HasField("first") else None
        last = to_datetime(answer.last) if answer.HasField("last") else None
        return to_described(answer.config, first, last, answer.tzdata)

    def streams(
        self, *, prefix: str = "", limit: int | None = None, page_size: int = MAX_PAGE_SIZE, cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[str]:  # fmt: skip
        """The names of the streams, in byte order."""
        request = messages.ListStreamsRequest(prefix=prefix)

        async def fetch(cursor: bytes, most: int) -> Page[str]:
            request.cursor, request.limit = cursor, most
            page = messages.ListStreamsResponse.FromString(await self._call("list_streams", request, timeout))
            return Page(tuple(page.streams), page.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    async def delete(self, stream: str, *, timeout: Seconds | None = None) -> bool:
        """Removes a stream with its events; whether there was one."""
        request = messages.DeleteStreamRequest(stream=stream)
        return messages.DeleteStreamResponse.FromString(await self._call("delete_stream", request, timeout)).existed

    async def append(
        self, stream: str, events: Iterable[Event], *, idempotency_key: str = "", timeout: Seconds | None = None
    ) -> Appended:
        """Stores events, at most 10,000; repeated where that is safe: with an `idempotency_key`.

        Raises:
            TypeError, ValueError: an attribute is not a value, or a timestamp has no time zone.
        """
        request = to_append(stream, events, idempotency_key)
        answer = messages.AppendResponse.FromString(
            await self._call("append", request, timeout, keyed=bool(idempotency_key))
        )
        return Appended(answer.appended, answer.duplicates, answer.expired)

    def query(
        self, stream: str, *, begin: datetime | None = None, end: datetime | None = None, where: Filter | None = None,
        descending: bool = False, limit: int | None = None, page_size: int = MAX_PAGE_SIZE, cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[Event]:  # fmt: skip
        """Events by their time: `async for event in series.query("rides", begin=...)`, or their pages by `.pages()`."""
        request = messages.QueryPageRequest(stream=stream, filter=where, order=to_order(descending=descending))
        to_range(request, begin, end)

        async def fetch(cursor: bytes, most: int) -> Page[Event]:
            request.cursor, request.limit = cursor, most
            page = messages.QueryPageResponse.FromString(await self._call("query_page", request, timeout))
            return Page(tuple(map(to_event, page.events)), page.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    async def stream(
        self, stream: str, *, begin: datetime | None = None, end: datetime | None = None, where: Filter | None = None,
        descending: bool = False, limit: int | None = None, timeout: Seconds | None = None,
    ) -> AsyncGenerator[Event, None]:  # fmt: skip
        """The same in one call, for many events; begun again where it stood when its gateway goes away."""
        request = messages.QueryRequest(
            stream=stream, filter=where, order=to_order(descending=descending), limit=limit or 0
        )
        to_range(request, begin, end)
        if limit == 0:
            return
        place = Reading(request)
        while not place.complete:
            pages = read_to_end(self._transport, _OPERATIONS["query"], place, self._headers, timeout)
            async with aclosing(pages):
                async for page in pages:
                    for each in page:
                        yield each

    def aggregate(
        self, stream: str, functions: Mapping[str, Function], *, begin: datetime | None = None,
        end: datetime | None = None, where: Filter | None = None, every: Seconds | None = None,
        origin: datetime | None = None, calendar: Calendar | None = None, zone: str = "",
        group_by: Sequence[str] = (), fill: Fill | None = None, approximate: bool = False, limit: int | None = None,
        page_size: int = MAX_PAGE_SIZE, cursor: bytes = b"", timeout: Seconds | None = None,
    ) -> Pager[Bucket]:  # fmt: skip
        """Buckets: `series.aggregate("rides", {"n": "count", "late": ("p95", "delay")}, calendar="day", ...)`.

        Args:
            stream: its name.
            functions: by the names that the answer has.
            begin: of the range; needed where there are windows, as `end` is.
            end: of the range.
            where: which events; see `prism.client.field`.
            every: windows of one length, to 28 days, aligned to `origin`, 1970 unless given.
            origin: see `every`.
            calendar: or windows of a calendar, in a zone.
            zone: a name of the tz database; UTC unless given.
            group_by: fields; each of their values has buckets of its own.
            fill: what empty windows have: `"null"`, `"previous"`, or `("value", 0)`; unless given they are left out.
            approximate: percentiles need not be exact.
            limit: most buckets.
            page_size: most buckets of a page.
            cursor: where an earlier one of the same ended.
            timeout: see above.

        Raises:
            ValueError: a function, or a pair of arguments, makes no sense.
        """
        request = messages.AggregateRequest(
            stream=stream, filter=where, group_by=group_by, approximate=approximate, fill=to_fill(fill),
            functions=[to_function(name, each) for name, each in functions.items()],
        )  # fmt: skip
        to_range(request, begin, end)
        if (window := to_window(every, origin, calendar, zone)) is not None:
            request.window.CopyFrom(window)

        async def fetch(cursor: bytes, most: int) -> Page[Bucket]:
            request.cursor, request.limit = cursor, most
            page = messages.AggregateResponse.FromString(await self._call("aggregate", request, timeout))
            return Page(tuple(to_bucket(each, group_by, page.names) for each in page.buckets), page.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    def latest(
        self, stream: str, group_by: Sequence[str] = (), *, begin: datetime | None = None, where: Filter | None = None,
        limit: int | None = None, page_size: int = MAX_PAGE_SIZE, cursor: bytes = b"", timeout: Seconds | None = None,
    ) -> Pager[Event]:  # fmt: skip
        """The newest event of each group, in the order of the groups; without groups the newest event."""
        request = messages.LatestRequest(stream=stream, filter=where, group_by=group_by)
        to_range(request, begin, None)

        async def fetch(cursor: bytes, most: int) -> Page[Event]:
            request.cursor, request.limit = cursor, most
            page = messages.LatestResponse.FromString(await self._call("latest", request, timeout))
            return Page(tuple(map(to_event, page.events)), page.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    async def tail(
        self, stream: str, *, begin: datetime | None = None, after: bytes = b"", where: Filter | None = None,
        new_only: bool = False, on_gap: OnGap | None = None, outage_timeout: Seconds = _OUTAGE,
        timeout: Seconds | None = None,
    ) -> AsyncGenerator[Event, None]:  # fmt: skip
        """What is there, and then what arrives; it goes on where it stood when its gateway goes away.

        Args:
            stream: its name.
            begin: only events from there on.
            after: goes on behind the `position` of an event.
            where: only these events.
            new_only: only what arrives from now on.
            on_gap: called where events were missed, because they are kept no longer; logged unless given.
            outage_timeout: seconds for which a gateway that went away is looked for.
            timeout: for the first attempt to begin.
        """
        request = messages.TailRequest(stream=stream, after=after, filter=where, new_only=new_only)
        to_range(request, begin, None)
        place, transport, operation = Tailing(request), self._transport, _OPERATIONS["tail"]
        outage = in_seconds(outage_timeout)
        responses = ResumableStream(
            transport, operation, place, self._headers, endless=True,
            recovery=lambda was_open: Outage(transport, outage) if was_open else transport.attempts(operation, timeout),
        )  # fmt: skip
        try:
            while await responses.open():
                events = await responses.receive()
                if place.gap:
                    place.gap = False
                    told = (on_gap or _logged)()
                    if inspect.isawaitable(told):
                        await told
                for each in events or ():
                    yield each
        finally:
            responses.close()

    async def delete_events(
        self, stream: str, *, begin: datetime | None = None, end: datetime | None = None, where: Filter | None = None,
        timeout: Seconds | None = None,
    ) -> int:  # fmt: skip
        """Removes events of a range; how many."""
        request = messages.DeleteEventsRequest(stream=stream, filter=where)
        to_range(request, begin, end)
        return messages.DeleteEventsResponse.FromString(await self._call("delete_events", request, timeout)).deleted

    def _call(self, method: str, request: Any, timeout: Seconds | None, *, keyed: bool = False) -> Awaitable[bytes]:
        payload = request.SerializeToString()
        return self._transport.unary(_OPERATIONS[method], payload, self._headers, timeout, keyed=keyed)


def _logged() -> None:
    log.warning("events of a tail were missed: they are kept no longer; pass on_gap to handle this in your program")
