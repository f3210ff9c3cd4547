"""What a store implements to serve TimeSeries.

Its own clock decides what is beyond a stream's retention (`Stream.cutoff`): from that instant on such events are in no
answer, whether they are removed yet or not.

Arrival: each event gets a number when it is stored, rising in the order of commits; a number that is read is never
followed by the appearance of a smaller one. Numbers may have holes. Stores without a tail give 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from prism.context import Context
from prism.interfaces.timeseries import FunctionName
from prism.interfaces.value import Kind, Value
from prism.sdk.filters import Resolved
from prism.sdk.timeseries.stream import Stream, StreamConfig, StreamField
from prism.sdk.timeseries.windows import Windows
from prism.sdk.wakeups import Wakeups

Group = tuple[Value, ...]
"""The values of the fields that an aggregate is grouped by; null where an event is without one."""


class Key(NamedTuple):
    """The place of an event in the order of time; `arrival` tells those apart that are equal in the other two, and is
    any number of the store's that does."""

    timestamp: int
    event_id: str
    arrival: int


class Row(NamedTuple):
    """An event on its way into a store.

    Attributes:
        timestamp: microseconds.
        event_id: never empty.
        values: of the stream's fields, in their order; None where the event is without one.
        event: all of it, as the message that it came in.
    """

    timestamp: int
    event_id: str
    values: tuple[Value | None, ...]
    event: bytes


class Found(NamedTuple):
    """An event that a store gives: its place, and the message."""

    key: Key
    event: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What one Append stores.

    Attributes:
        rows: in the order of the request.
        idempotency_key: empty for none.
        digest: of the request, where there is a key.
        size: bytes, about.
    """

    rows: Sequence[Row]
    idempotency_key: str = ""
    digest: bytes = b""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of them."""

    appended: int
    duplicates: int = 0
    expired: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events.

    Attributes:
        begin: the range's first instant; None: from the first event on.
        end: the instant behind it; None: to the last event.
        filter: None: all. Its columns are named as `StreamField.column` has it.
        seam: only what has arrived up to there; None: all.
    """

    begin: int | None = None
    end: int | None = None
    filter: Resolved | None = None
    seam: int | None = None


@dataclass(frozen=True, slots=True)
class Events:
    """A page of events.

    Attributes:
        found: in order.
        more: others follow.
    """

    found: Sequence[Found]
    more: bool


@dataclass(frozen=True, slots=True)
class Function:
    """One value of a bucket.

    Attributes:
        name: the function.
        field: what it is of; None with COUNT of events.
    """

    name: FunctionName
    field: StreamField | None = None

    @property
    def kind(self) -> Kind:
        """Of its value, where that is not null."""
        if self.name == FunctionName.TIME_SERIES_FUNCTION_NAME_COUNT or self.field is None:
            return Kind.INT64
        if self.name in (FunctionName.TIME_SERIES_FUNCTION_NAME_AVG, FunctionName.TIME_SERIES_FUNCTION_NAME_STDDEV):
            return Kind.DOUBLE
        if self.name == FunctionName.TIME_SERIES_FUNCTION_NAME_SUM and self.field.kind is Kind.INT64:
            return Kind.DECIMAL
        return self.field.kind


@dataclass(frozen=True, slots=True)
class Plan:
    """An Aggregate.

    Attributes:
        selection: which events; where there are windows its range has both ends.
        windows: None: the range is one.
        functions: at least one.
        groups: the fields that it is grouped by.
        approximate: percentiles need not be exact.
    """

    selection: Selection
    windows: Windows | None
    functions: Sequence[Function]
    groups: Sequence[StreamField] = field(default_factory=tuple)
    approximate: bool = False


class Place(NamedTuple):
    """A bucket: the number of its window, from 0, and its group."""

    window: int
    group: Group


class Bucket(NamedTuple):
    """A bucket that has events."""

    place: Place
    values: Sequence[Value]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the arrivals of a stream begin and end.

    Attributes:
        floor: the newest arrival that retention has removed; 0 for none.
        end: the newest arrival.
        cutoff: of the stream, by the store's clock now.
    """

    floor: int
    end: int
    cutoff: int | None


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Events in the order of their arrival.

    Attributes:
        bounds: when they were read.
        found: those behind a place, beyond retention or not.
        end: up to where it was read; `bounds.end` where there was no more.
    """

    bounds: Bounds
    found: Sequence[Found]
    end: int


class Stale(Exception):
    """The stream has another version by now, or is gone: it has to be looked for again. Nothing was stored."""


class SeriesStore(Protocol):
    """The streams of a store. What it raises are PrismErrors, those of a write with their outcome.

    Attributes:
        wakeups: woken for every event that was stored, by this process or another, under `(namespace, stream)`; a store
            without a tail wakes no one.
    """

    wakeups: Wakeups

    async def find(self, context: Context, name: str) -> Stream | None:
        """A stream as it is now."""
        ...

    async def create(self, context: Context, name: str, config: StreamConfig) -> tuple[Stream, bool]:
        """The stream of that name, and whether it was made now."""
        ...

    async def update(self, context: Context, stream: Stream, config: StreamConfig) -> Stream:
        """The stream with another retention and more fields.

        Raises:
            Stale: it has changed since it was found.
        """
        ...

    async def delete(self, context: Context, name: str) -> bool:
        """Removes a stream with all that is in it; whether there was one."""
        ...

    async def names(self, context: Context, prefix: str, after: str, limit: int) -> Sequence[str]:
        """Names of streams behind one, in byte order."""
        ...

    async def span(self, context: Context, stream: Stream) -> tuple[int, int] | None:
        """The timestamps of the first and the last event; None where there are none."""
        ...

    async def append(self, context: Context, stream: Stream, batch: Batch) -> Appended:
        """Stores events, all of them or none where `transactions` is declared, and wakes who waits for them.

        Of each batch `judged` says by the store's clock which rows are stored.

        Raises:
            Stale: the stream has changed since it was found.
        """
        ...

    async def query(
        self, context: Context, stream: Stream, selection: Selection, after: Key | None, limit: int, max_bytes: int,
        *, descending: bool,
    ) -> Events:  # fmt: skip
        """Events in the order of time behind a place, at most so many, and bytes but for the first."""
        ...

    async def groups(self, context: Context, stream: Stream, plan: Plan, limit: int) -> Sequence[Group]:
        """The groups that occur in the range, in their order, at most so many: null first, then by value."""
        ...

    async def counts(self, context: Context, stream: Stream, plan: Plan, fields: Sequence[StreamField]) -> list[int]:
        """How many events of the range have each of the fields."""
        ...

    async def aggregate(
        self, context: Context, stream: Stream, plan: Plan, after: Place | None, limit: int
    ) -> Sequence[Bucket]:
        """Buckets that have events, by window and group, behind a place.

        NaN is left out of all functions but COUNT, FIRST and LAST.
        """
        ...

    async def latest(
        self, context: Context, stream: Stream, selection: Selection, groups: Sequence[StreamField],
        after: Group | None, limit: int,
    ) -> Sequence[tuple[Group, Found]]:  # fmt: skip
        """The newest event of each group behind one, in the order of the groups."""
        ...

    async def bounds(self, context: Context, stream: Stream) -> Bounds:
        """Where the arrivals begin and end. Only where `tail` is declared, as the next one."""
        ...

    async def arrivals(self, context: Context, stream: Stream, after: int, limit: int, max_bytes: int) -> Arrivals:
        """Events behind an arrival, at most so many, and bytes but for the first.

        Raises:
            StreamNotFound: the stream was deleted.
        """
        ...

    async def delete_events(self, context: Context, stream: Stream, selection: Selection) -> int:
        """Removes events; how many. Only where `delete_events` is declared."""
        ...
