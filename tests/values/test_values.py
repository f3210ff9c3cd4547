"""Values, through everything that they pass: equal at the end, or refused by name; never changed."""

import contextlib
import math
import sqlite3
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from prism.backends.postgres import timestamptz
from prism.backends.postgres import values as postgres
from prism.backends.sqlite import values as sqlite
from prism.client.values import from_value, to_value
from prism.errors import Unimplemented
from prism.gateway.connect import json_codec
from prism.interfaces.value import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_SCALE,
    Kind,
    OtherValue,
    Value,
    ValueList,
    ValueMap,
    kind_of,
    value_violation,
)
from prism.sdk.values.text import from_text, to_text
from values.conftest import WHOLE_VALUES
from values.random_values import EDGES, RandomValues

BATCH = 1000

HUGE = [
    Value(decimal="9" * MAX_DIGITS + "." + "9" * MAX_SCALE),
    Value(decimal="-0." + "0" * (MAX_SCALE - 1) + "1"),
    Value(decimal="1" + "0" * (MAX_DIGITS - 1)),
    Value(list=ValueList(values=[Value(null="NULL_VALUE")] * 65_535)),
]


def edges() -> Iterator[Value]:
    """Every edge of every kind, alone, in a list and in a map, and the largest and deepest values."""
    scalars = [
        Value(other=OtherValue(type=held[0], text=held[1])) if kind is Kind.OTHER else Value(**{kind.value: held})
        for kind, every in EDGES.items()
        for held in every
    ]
    deepest = {"list": Value(bool=True), "map": Value(bool=True)}
    for _ in range(MAX_DEPTH - 1):
        deepest["list"] = Value(list=ValueList(values=[deepest["list"]]))
        deepest["map"] = Value(map=ValueMap(entries={"": deepest["map"]}))
    for each in [*scalars, *HUGE, Value(null="NULL_VALUE"), Value(list=ValueList()), Value(map=ValueMap())]:
        yield each
    for each in scalars:
        yield Value(list=ValueList(values=[each, Value(null="NULL_VALUE"), each]))
        yield Value(map=ValueMap(entries={"": each, "ä": Value(list=ValueList(values=[each]))}))
    yield from deepest.values()


def same(one: Value, other: Value) -> bool:
    """Whether two values are one: kind by kind, doubles bit by bit but for NaN, decimals digit by digit."""
    return to_text(one) == to_text(other)


def test_on_their_way(share: float) -> None:
    """As protobuf, as JSON, as plain Python and as canonical text: every value comes back."""
    made = RandomValues(1)
    for value in [*edges(), *(made.value() for _ in range(round(WHOLE_VALUES * share)))]:
        assert value_violation(value, "value") is None
        assert same(Value.FromString(value.SerializeToString()), value)
        assert same(json_codec.decode(json_codec.encode(value), Value), value)
        assert same(to_value(from_value(value)), value)
        assert same(from_text(to_text(value)), value)


def test_in_sqlite(share: float) -> None:
    """What SQLite keeps comes back, by the column's kind; what it does not is refused before anything is stored."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY, value)")
    made = RandomValues(2)
    refused = kept = 0
    for values in batches(made, share):
        rows = []
        for value in values:
            if not _finite(value):
                with pytest.raises(Unimplemented, match="kind non_finite"):
                    sqlite.encode(value)
                refused += 1
            else:
                rows.append((value, sqlite.encode(value)))
        connection.executemany("INSERT INTO kept (value) VALUES (?)", ((stored,) for _, stored in rows))
        found = connection.execute("SELECT value FROM kept ORDER BY number").fetchall()
        for (value, _), (stored,) in zip(rows, found, strict=True):
            assert same(sqlite.decode(kind_of(value), stored), value)
        kept += len(found)
        connection.execute("DELETE FROM kept")
    assert kept > 5 * refused > 0
    connection.close()


def test_decimals_sort_in_sqlite(share: float) -> None:
    """The texts of decimals are in the order of their numbers, equal ones beside each other whatever their scale."""
    made = RandomValues(3)
    edge = [Value(decimal=each) for each in EDGES[Kind.DECIMAL]] + [each for each in HUGE if each.decimal]
    values = edge + [made.of(Kind.DECIMAL) for _ in range(round(100_000 * share))]
    numbers = [(sqlite.encode(value), from_value(value)) for value in values]
    by_text = [number for _, number in sorted(numbers, key=lambda each: str(each[0]))]
    assert by_text == sorted(by_text)


async def test_in_postgres(share: float, postgres_url: str) -> None:
    """PostgreSQL keeps every value, each in the column of its kind."""
    made = RandomValues(4)
    async with table(postgres_url) as connection:
        for values in batches(made, share):
            by_kind: dict[Kind, list[Value]] = {}
            for value in values:
                by_kind.setdefault(kind_of(value), []).append(value)
            for kind, every in by_kind.items():
                name = "string" if kind is Kind.NULL else kind.value
                found = await connection.fetch(
                    f'WITH kept AS (INSERT INTO kept (number, "{name}") SELECT * FROM '
                    f"unnest($1::int[], $2::{postgres.TYPES[Kind(name)]}[]) RETURNING *) "
                    f'SELECT "{name}" FROM kept ORDER BY number',
                    range(len(every)),
                    [postgres.encode(value) for value in every],
                )
                for value, (stored,) in zip(every, found, strict=True):
                    assert same(postgres.decode(kind, stored), value)
            await connection.execute("TRUNCATE kept")


def batches(made: RandomValues, share: float) -> Iterator[list[Value]]:
    """The edges, then as many random values as a run tries, a thousand at once."""
    yield list(edges())
    for _ in range(round(WHOLE_VALUES * share / BATCH)):
        yield [made.value() for _ in range(BATCH)]


@contextlib.asynccontextmanager
async def table(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A table with a column of each kind, and a connection to it."""
    connection = await asyncpg.connect(url)
    try:
        await timestamptz.prepare(connection)
        columns = ", ".join(f'"{kind}" {postgres.column(kind)}' for kind in postgres.TYPES)
        await connection.execute(f"CREATE TEMPORARY TABLE kept (number int, {columns})")
        yield connection
    finally:
        await connection.close()


def _finite(value: Value) -> bool:
    match kind_of(value):
        case Kind.DOUBLE:
            return math.isfinite(value.double)
        case Kind.LIST:
            return all(map(_finite, value.list.values))
        case Kind.MAP:
            return all(map(_finite, value.map.entries.values()))
    return True
