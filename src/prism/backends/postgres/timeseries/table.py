"""The table of a stream in PostgreSQL: a column for each field, all of the event beside them."""

from collections.abc import Sequence
from typing import Any, Final

from prism.backends.postgres.filters import PostgresDialect
from prism.backends.postgres.statements import Statement
from prism.backends.postgres.values import TYPES
from prism.interfaces.value import Kind
from prism.sdk.filters import where as filter_condition
from prism.sdk.timeseries import Key, Selection, Stream, StreamConfig, StreamField

SHARES: Final = 16
"""Partitions that the whole time of a stream has, about."""


def kind_of_column(kind: Kind) -> str:
    """The type of a column; instants are numbers here."""
    return "bigint" if kind is Kind.TIMESTAMP else TYPES[kind]


def _column(field: StreamField) -> str:
    kind = kind_of_column(field.kind)
    return f"{field.column} {kind}" + (' COLLATE "C"' if kind == "text" else "")


def width(config: StreamConfig) -> int | None:
    """Microseconds of a partition; None where events are kept for ever, in one table."""
    if config.retention is None:
        return None
    return max((config.retention + config.max_ahead) // SHARES, 1_000_000)


def creation(config: StreamConfig) -> list[str]:
    """The statements that make the table, `{table}` in the place of its name."""
    key = "ts, event_id" if config.dedup else "ts, event_id, arrival"
    columns = "".join(f", {_column(each)}" for each in config.fields)
    partitioned = "" if config.retention is None else " PARTITION BY RANGE (ts)"
    return [
        'CREATE TABLE {table} (ts bigint NOT NULL, event_id text COLLATE "C" NOT NULL, arrival bigint NOT NULL'
        f"{columns}, event bytea NOT NULL, PRIMARY KEY ({key})){partitioned}",
        "CREATE INDEX ON {table} (arrival)",
        *(f"CREATE INDEX ON {{table}} ({each.column}, ts)" for each in config.fields if each.indexed),
    ]


def extension(new: Sequence[StreamField]) -> list[str]:
    """The statements that add fields."""
    added = [f"ALTER TABLE {{table}} ADD COLUMN {_column(each)}" for each in new]
    return [*added, *(f"CREATE INDEX ON {{table}} ({each.column}, ts)" for each in new if each.indexed)]


def table(stream: Stream) -> str:
    """Its name, as statements have it."""
    return f"@.series_{stream.number}"


def insertion(stream: Stream, *, keyed: bool, repeats: bool) -> Statement:
    """Stores events in the order of their arrival, all or none.

    Args:
        stream: whose table it is.
        keyed: the call has an idempotency key.
        repeats: events that are there are left out, which costs half as much again; unless given they refuse all.

    Parameters: number, version and count of the events, who is told nothing, an array for each column, and where the
    call has a key: namespace, key, digest, for how long it is kept, and how many events of the call are expired. It
    gives the first arrival less one, the store's clock, the places of those that were stored (with `repeats`; else
    null), and whether the key is new.
    """
    fields = stream.fields
    types = ["bigint", "text", *(kind_of_column(each.kind) for each in fields), "bytea"]
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, 5))
    names = ", ".join(["ts", "event_id", *(each.column for each in fields), "event"])
    given = ", ".join(["e.ts", "e.event_id", *(f"e.{each.column}" for each in fields), "e.event"])
    places, stored, ending = "NULL::bigint[]", "$3", ""
    if repeats:
        ending = " ON CONFLICT DO NOTHING RETURNING arrival"
        places = "(SELECT coalesce(array_agg(arrival - s.base), '{}') FROM i)"
        stored = "(SELECT count(*) FROM i)"
    first = 5 + len(types)
    namespace, key, digest, period, expired = (f"${first + place}" for place in range(5))
    claim = answer = ""
    gate, fresh = "", "true"
    if keyed:
        claim = f""", k AS (
            INSERT INTO @.series_key AS old (namespace, key, until, digest)
            SELECT {namespace}::bytea, {key}::text, @.series_now() + {period}::bigint, {digest}::bytea FROM s
            ON CONFLICT (namespace, key) DO UPDATE SET until = excluded.until, digest = excluded.digest
            WHERE old.until <= @.series_now() RETURNING 1
        )"""  # noqa: S608  # own names, and numbers of parameters
        gate, fresh = " CROSS JOIN k", "(SELECT count(*) = 1 FROM k)"
        answer = f""", a AS (
            INSERT INTO @.series_answer (namespace, key, appended, duplicates, expired)
            SELECT {namespace}, {key}, {stored}, $3 - {stored}, {expired}::bigint FROM k
            ON CONFLICT (namespace, key) DO UPDATE
            SET appended = excluded.appended, duplicates = excluded.duplicates, expired = excluded.expired
        )"""  # noqa: S608  # as above
    return Statement(
        f"""
        WITH s AS (
            UPDATE @.series_stream SET arrival = arrival + $3::int WHERE number = $1 AND version = $2
            RETURNING arrival - $3 AS base
        ){claim}, i AS (
            INSERT INTO {table(stream)} ({names}, arrival)
            SELECT {given}, s.base + e.n FROM unnest({arrays}) WITH ORDINALITY AS e ({names}, n) CROSS JOIN s{gate}
            {ending}
        ){answer}
        SELECT s.base, @.series_now(), {places}, {fresh}, @.series_tell($1, $4::bigint)
        FROM s
        """,  # noqa: S608  # own names
        writes=True,
        named=False,
    )


def where(stream: Stream, selection: Selection, parameters: list[Any], *, low: int | None = None) -> str:
    """The condition that a selection is.

    Args:
        stream: of the table.
        selection: which events.
        parameters: those of the statement so far; those of the condition are added.
        low: another instant that they are not before.
    """
    conditions = []
    lows = [each for each in (selection.begin, low) if each is not None]
    if lows:
        parameters.append(max(lows))
        conditions.append(f"ts >= ${len(parameters)}::bigint")
    if stream.config.retention is not None:
        parameters.append(stream.config.retention)
        conditions.append(f"ts >= @.series_cutoff(${len(parameters)}::bigint)")
    if selection.end is not None:
        parameters.append(selection.end)
        conditions.append(f"ts < ${len(parameters)}::bigint")
    if selection.seam is not None:
        parameters.append(selection.seam)
        conditions.append(f"arrival <= ${len(parameters)}::bigint")
    if selection.filter is not None:
        conditions.append(filter_condition(selection.filter, SeriesDialect(parameters)))
    return " AND ".join(conditions) or "true"


class SeriesDialect(PostgresDialect):
    """The tests of filters, on columns whose instants are numbers."""

    def _parameter(self, operand: Any, kind: str) -> str:
        return super()._parameter(operand, kind.replace("timestamptz", "bigint"))


def beyond(after: Key, parameters: list[Any], *, descending: bool) -> str:
    """The condition to lie behind a place in the order of time."""
    begin = len(parameters)
    parameters += after
    marks = f"${begin + 1}::bigint, ${begin + 2}::text, ${begin + 3}::bigint"
    return f"(ts, event_id, arrival) {'<' if descending else '>'} ({marks})"


def bounded(columns: str, source: str, order: str, limit: str, most: str) -> str:
    """Rows in an order up to a number and to bytes of their events; the last column says how many there were to choose
    from."""
    return f"""
        SELECT {columns}, chosen FROM (
            SELECT *, sum(octet_length(event) + 8) OVER (ORDER BY {order}) AS total, count(*) OVER () AS chosen
            FROM ({source} ORDER BY {order} LIMIT {limit} + 1) AS picked
        ) AS measured
        WHERE total - octet_length(event) - 8 <= {most} ORDER BY {order} LIMIT {limit}
    """  # noqa: S608  # own names
