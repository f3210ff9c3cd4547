"""TimeSeries in as few words as possible, for tests. A stream is `s` unless a test says otherwise.

Instants are whole seconds since `T0`, which is an hour ago: near enough for every retention, and never in the future.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, TypeVar

from prism.acceptance.callers.caller import TIMEOUT
from prism.acceptance.dsl import Dsl, duration, operations
from prism.client.values import Plain, from_value, to_value
from prism.interfaces import timeseries as t
from prism.interfaces.capabilities.timeseries import TimeSeriesCapabilities
from prism.interfaces.value import Value

M = TypeVar("M")

SECOND: Final = 1_000_000
T0: Final = (int(time.time()) - 3600) * SECOND
"""An hour ago, in microseconds."""
BY_ID: Final = t.Dedup.TIME_SERIES_DEDUP_EVENT_ID

_MOST_PAGES: Final = 200

FIELDS: Final = {"place": "string", "n": "int64", "x": "double", "price": "decimal"}


def at(second: float) -> int:
    """An instant."""
    return T0 + round(second * SECOND)


def event(second: float, event_id: str = "", payload: bytes = b"", **attributes: Plain | Value) -> t.Event:
    """An event at a second."""
    return raw(at(second), event_id, payload, **attributes)


def raw(timestamp: int, event_id: str = "", payload: bytes = b"", **attributes: Plain | Value) -> t.Event:
    """An event at an instant."""
    made = {name: each if isinstance(each, Value) else to_value(each) for name, each in attributes.items()}
    return t.Event(timestamp=timestamp, event_id=event_id, attributes=made, payload=payload)


def asked(kind: Callable[..., M], **given: Any) -> M:
    """A request; `since` is its field `from`, which is a word of Python's own."""
    if "since" in given:
        given["from"] = given.pop("since")
    return kind(**given)


def fields(kinds: Mapping[str, str]) -> list[t.Field]:
    """Declared fields, by name and kind."""
    return [t.Field(name=name, kind=kind) for name, kind in kinds.items()]


def function(name: str, field: str = "", called: str = "") -> t.Function:
    """A function, by its name in lower case."""
    made = t.Function(function=f"TIME_SERIES_FUNCTION_NAME_{name.upper()}", field=field)
    setattr(made, "as", called)
    return made


def every(seconds: float, origin: int = 0) -> t.Window:
    """Windows of one length."""
    return t.Window(every=duration(seconds), origin=origin)


def calendar(unit: str, zone: str = "") -> t.Window:
    """Windows of a calendar."""
    return t.Window(calendar=f"TIME_SERIES_CALENDAR_{unit.upper()}", zone=zone)


def fill(mode: str, value: Plain = None) -> t.Fill:
    """What empty buckets have."""
    made = t.Fill(mode=f"TIME_SERIES_FILL_MODE_{mode.upper()}")
    if mode == "value":
        made.value.CopyFrom(to_value(value))
    return made


Bucket = tuple[int | None, int | None, list[Any], list[Any]]
"""Start, end, group and values, plain."""


def bucket(made: t.Bucket) -> Bucket:
    """A bucket in plain Python."""
    start = made.start if made.HasField("start") else None
    end = made.end if made.HasField("end") else None
    return start, end, [from_value(each) for each in made.group], [from_value(each) for each in made.values]


class Tailing:
    """A `Tail`.

    Attributes:
        position: the newest one.
        ids: of the events so far, in their order.
        gaps: how often it said that there is one.
    """

    def __init__(self, responses: AsyncIterator[Any]) -> None:
        self.position = b""
        self.ids: list[str] = []
        self.gaps = 0
        self._responses = responses

    async def next(self) -> t.TailResponse:
        """The next response."""
        async with asyncio.timeout(TIMEOUT):
            response: t.TailResponse = await anext(self._responses)
        match response.WhichOneof("response"):
            case "ready":
                self.position = response.ready.position
            case "gap":
                self.position = response.gap.position
                self.gaps += 1
            case "events":
                self.position = response.events.position
                self.ids += [each.event_id for each in response.events.events]
        return response

    async def until(self, count: int) -> list[str]:
        """Reads until so many events have come."""
        while len(self.ids) < count:
            await self.next()
        return self.ids


class Series(Dsl):
    """TimeSeries in one namespace; answers are the contract's own messages unless a method says otherwise."""

    INTERFACE = t.INTERFACE
    OPERATIONS = operations(t.INTERFACE)
    capabilities: TimeSeriesCapabilities

    async def create(
        self, stream: str = "s", kinds: Mapping[str, str] = FIELDS, *, via: int | None = None, **config: Any
    ) -> t.CreateStreamResponse:
        """Makes a stream; times in seconds."""
        made: dict[str, Any] = {
            name: duration(value) if isinstance(value, float) else value for name, value in config.items()
        }
        request = t.CreateStreamRequest(stream=stream, config=t.Config(fields=fields(kinds), **made))
        answer: t.CreateStreamResponse = await self.call("CreateStream", request, via=via)
        return answer

    async def append(
        self, *events: t.Event, stream: str = "s", via: int | None = None, **more: Any
    ) -> tuple[int, int, int]:
        """Stores events; how many were appended, duplicates, expired."""
        request = t.AppendRequest(stream=stream, events=events, **more)
        answer: t.AppendResponse = await self.call("Append", request, via=via)
        return answer.appended, answer.duplicates, answer.expired

    async def page(self, stream: str = "s", *, via: int | None = None, **request: Any) -> t.QueryPageResponse:
        """One page."""
        answer: t.QueryPageResponse = await self.call(
            "QueryPage", asked(t.QueryPageRequest, stream=stream, **request), via=via
        )
        return answer

    async def events(self, stream: str = "s", **request: Any) -> list[t.Event]:
        """All events, page by page, through one gateway after another."""
        found: list[t.Event] = []
        cursor, pages = b"", 0
        while True:
            page = await self.page(stream, cursor=cursor, **request)
            found += page.events
            cursor = page.next_cursor
            if not cursor:
                return found
            pages += 1
            assert pages < _MOST_PAGES, "the pages do not come to their end"

    async def ids(self, stream: str = "s", **request: Any) -> list[str]:
        """Their ids."""
        return [each.event_id for each in await self.events(stream, **request)]

    async def streamed(
        self, stream: str = "s", *, via: int | None = None, **request: Any
    ) -> tuple[list[t.Event], t.End]:
        """All events of a stream of pages, and its end."""
        found: list[t.Event] = []
        end: t.End | None = None
        query = asked(t.QueryRequest, stream=stream, **request)
        async with aclosing(self.open("Query", query, via=via)) as responses:  # type: ignore[type-var]
            async for response in responses:
                assert end is None, "nothing follows the end"
                if response.HasField("end"):
                    end = response.end
                else:
                    found += response.page.events
        assert end is not None
        assert end.events == len(found)
        return found, end

    async def buckets(self, *functions: t.Function, stream: str = "s", limit: int = 0, **request: Any) -> list[Bucket]:
        """All buckets, page by page."""
        self.needs("aggregate")
        found: list[Bucket] = []
        cursor, pages = b"", 0
        while True:
            query = asked(t.AggregateRequest, stream=stream, functions=functions, limit=limit, cursor=cursor, **request)
            page = await self.call("Aggregate", query)
            assert len(page.buckets) <= (limit or t.DEFAULT_PAGE)
            found += map(bucket, page.buckets)
            cursor = page.next_cursor
            if not cursor:
                return found
            pages += 1
            assert pages < _MOST_PAGES, "the pages do not come to their end"

    async def values(self, *functions: t.Function, **request: Any) -> list[Any]:
        """The values of the one bucket of a range."""
        ((_, _, _, values),) = await self.buckets(*functions, **request)
        return values

    async def latest(self, group_by: Sequence[str] = (), *, limit: int = 0, **request: Any) -> list[t.Event]:
        """The newest of each group, page by page."""
        found: list[t.Event] = []
        cursor, pages = b"", 0
        while True:
            query = asked(t.LatestRequest, stream="s", group_by=group_by, limit=limit, cursor=cursor, **request)
            page = await self.call("Latest", query)
            found += page.events
            cursor = page.next_cursor
            if not cursor:
                return found
            pages += 1
            assert pages < _MOST_PAGES, "the pages do not come to their end"

    @asynccontextmanager
    async def tailing(self, stream: str = "s", *, via: int | None = None, **request: Any) -> AsyncIterator[Tailing]:
        """A tail, from when it is ready."""
        self.needs("tail")
        responses: Any = self.caller.stream(
            self.OPERATIONS["Tail"], asked(t.TailRequest, stream=stream, **request), namespace=self.namespace, via=via,
            timeout=60.0,
        )  # fmt: skip
        tail = Tailing(responses)
        try:
            first = await tail.next()
            assert first.HasField("ready"), first
            yield tail
        finally:
            await responses.aclose()

    async def describe(self, stream: str = "s") -> t.DescribeStreamResponse:
        """A stream."""
        answer: t.DescribeStreamResponse = await self.call("DescribeStream", t.DescribeStreamRequest(stream=stream))
        return answer


def sent(events: Iterable[t.Event]) -> list[str]:
    """The ids of events in the order of time."""
    return [each.event_id for each in sorted(events, key=lambda each: (each.timestamp, each.event_id.encode()))]
