"""The table of a stream: a column for each field, all of the event beside them, and what is asked of it by range."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from prism.backends.sqlite.filters import checked, condition
from prism.backends.sqlite.values import Stored, encode
from prism.interfaces.value import Kind, Value
from prism.sdk.timeseries import Key, Row, Selection, Stream, StreamField

_PLAIN: Final[Mapping[Kind, Callable[[Value], Stored]]] = {
    kind: attrgetter(kind.value)
    for kind in (Kind.INT64, Kind.DOUBLE, Kind.STRING, Kind.BYTES, Kind.TIMESTAMP, Kind.BOOL)
}
"""Kinds that are stored as the message has them."""


def table(stream: Stream) -> str:
    """Its name."""
    return f"series_{stream.number}"


def creation(stream: Stream) -> list[str]:
    """The statements that make it.

    It is sorted by time, so that a range is read in one go. Of `dedup` the order of time is the key.
    """
    key = "ts, event_id" if stream.config.dedup else "ts, event_id, arrival"
    columns = "".join(f"{each.column}, " for each in stream.fields)
    name = table(stream)
    return [
        f"CREATE TABLE {name} (ts INTEGER NOT NULL, event_id TEXT NOT NULL, arrival INTEGER NOT NULL, "
        f"{columns}event BLOB NOT NULL, PRIMARY KEY ({key})) WITHOUT ROWID",
        f"CREATE UNIQUE INDEX {name}_arrival ON {name} (arrival)",
        *(_index(name, each) for each in stream.fields if each.indexed),
    ]


def extension(stream: Stream, new: Sequence[StreamField]) -> list[str]:
    """The statements that add fields."""
    name = table(stream)
    added = [f"ALTER TABLE {name} ADD COLUMN {each.column}" for each in new]
    return [*added, *(_index(name, each) for each in new if each.indexed)]


def _index(name: str, field: StreamField) -> str:
    return f"CREATE INDEX {name}_{field.column} ON {name} ({field.column}, ts)"


def insertion(stream: Stream) -> str:
    """The statement that stores an event, unless it is there."""
    columns = ["ts", "event_id", "arrival", *(each.column for each in stream.fields), "event"]
    marks = ", ".join("?" * len(columns))
    ending = " ON CONFLICT DO NOTHING" if stream.config.dedup else ""
    return f"INSERT INTO {table(stream)} ({', '.join(columns)}) VALUES ({marks}){ending}"  # noqa: S608  # own names


def stored(stream: Stream, rows: Sequence[Row], first: int) -> list[tuple[Any, ...]]:
    """The parameters of `insertion`, with the arrivals from one on."""
    encoders = [_PLAIN.get(each.kind, encode) for each in stream.fields]
    return [
        (
            row.timestamp,
            row.event_id,
            arrival,
            *(None if value is None else encoder(value) for encoder, value in zip(encoders, row.values, strict=True)),
            row.event,
        )
        for arrival, row in enumerate(rows, first)
    ]


def where(stream: Stream, selection: Selection, now: int, parameters: list[Any], *, low: int | None = None) -> str:
    """The condition that a selection is.

    Args:
        stream: of the table.
        selection: which events.
        now: by the store's clock.
        parameters: those of the statement so far; those of the condition are added.
        low: another instant that they are not before.
    """
    conditions = []
    lows = [each for each in (selection.begin, stream.cutoff(now), low) if each is not None]
    if lows:
        parameters.append(max(lows))
        conditions.append(f"ts >= ?{len(parameters)}")
    if selection.end is not None:
        parameters.append(selection.end)
        conditions.append(f"ts < ?{len(parameters)}")
    if selection.seam is not None:
        parameters.append(selection.seam)
        conditions.append(f"arrival <= ?{len(parameters)}")
    if selection.filter is not None:
        conditions.append(condition(selection.filter, parameters))
    checked(parameters)
    return " AND ".join(conditions) or "TRUE"


def beyond(after: Key, parameters: list[Any], *, descending: bool) -> str:
    """The condition to lie behind a place in the order of time."""
    begin = len(parameters)
    parameters += after
    marks = ", ".join(f"?{begin + number}" for number in (1, 2, 3))
    sign, bound = ("<", "<=") if descending else (">", ">=")
    # The first column by itself too: of row values an index is used for the first column only where it is plain.
    return f"ts {bound} ?{begin + 1} AND (ts, event_id, arrival) {sign} ({marks})"
