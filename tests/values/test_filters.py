"""Filters: what the reference says of a row, every store says."""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg

from prism.backends.postgres import filters as postgres_filters
from prism.backends.postgres import timestamptz
from prism.backends.postgres import values as postgres
from prism.backends.sqlite import filters as sqlite_filters
from prism.backends.sqlite import values as sqlite
from prism.errors import Unimplemented
from prism.interfaces.filter import Filter
from prism.interfaces.value import Value, kind_of
from prism.sdk.filters import matches, resolve
from values.conftest import WHOLE_PAIRS
from values.random_filters import COLUMNS, FIELDS, RandomFilters, Row, shown

ROWS, FILTERS = 10, 200
LEAST = 2
"""Times that a run tries these."""


def tries(made: RandomFilters, share: float, *, finite: bool) -> Iterator[tuple[list[Row], list[Filter]]]:
    """Rows, and filters for them; new ones each time."""
    for _ in range(round(WHOLE_PAIRS * share / ROWS / FILTERS) or LEAST):
        rows = [made.row() for _ in range(ROWS)]
        if finite:
            rows = [{name: value for name, value in row.items() if _kept(value)} for row in rows]
        yield rows, [made.filter(rows) for _ in range(FILTERS)]


def stored(row: Row, encode: Any) -> list[Any]:
    """A row as its table has it: each value in the column of its field and kind."""
    held = []
    for column, kind in COLUMNS.items():
        value = row.get(f"one {kind}" if column.startswith("one") else "any")
        held.append(encode(value) if value is not None and kind_of(value) is kind else None)
    return held


def check(rows: list[Row], asked: Filter, found: set[int], seen: Counter[bool]) -> None:
    """The store found the rows that the reference finds."""
    resolved = resolve(asked, FIELDS)
    for number, row in enumerate(rows):
        expected = matches(resolved, row)
        assert (number in found) is expected, shown(asked, row)
        seen[expected] += 1


def test_sqlite_says_what_the_reference_says(share: float) -> None:
    """On every pair of a row and a filter."""
    made, seen = RandomFilters(5), Counter[bool]()
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE kept (number, {', '.join(COLUMNS)})")
    insert = f"INSERT INTO kept VALUES (?, {', '.join('?' for _ in COLUMNS)})"
    for rows, filters in tries(made, share, finite=True):
        connection.executemany(insert, ([number, *stored(row, sqlite.encode)] for number, row in enumerate(rows)))
        for asked in filters:
            parameters: list[Any] = []
            condition = sqlite_filters.condition(resolve(asked, FIELDS), parameters)
            found = connection.execute(f"SELECT number FROM kept WHERE {condition}", parameters).fetchall()
            check(rows, asked, {number for (number,) in found}, seen)
        connection.execute("DELETE FROM kept")
    connection.close()
    assert min(seen[True], seen[False]) > seen.total() / 5


async def test_postgres_says_what_the_reference_says(share: float, postgres_url: str) -> None:
    """On every pair of a row and a filter, with all that doubles have."""
    made, seen = RandomFilters(6), Counter[bool]()
    async with database(postgres_url) as connection:
        insert = f"INSERT INTO kept VALUES ($1, {', '.join(f'${place + 2}' for place in range(len(COLUMNS)))})"
        for rows, filters in tries(made, share, finite=False):
            await connection.executemany(insert, [[n, *stored(row, postgres.encode)] for n, row in enumerate(rows)])
            for asked in filters:
                parameters: list[Any] = []
                condition = postgres_filters.condition(resolve(asked, FIELDS), parameters)
                found = await connection.fetch(f"SELECT number FROM kept WHERE {condition}", *parameters)
                check(rows, asked, {number for (number,) in found}, seen)
            await connection.execute("TRUNCATE kept")
    assert min(seen[True], seen[False]) > seen.total() / 5


@contextlib.asynccontextmanager
async def database(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a table with the columns."""
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        await timestamptz.prepare(connection)
        columns = ", ".join(f'"{column}" {postgres.column(kind)}' for column, kind in COLUMNS.items())
        await connection.execute(f"CREATE TEMPORARY TABLE kept (number int, {columns})")
        yield connection
    finally:
        await connection.close()


def _kept(value: Value) -> bool:
    try:
        sqlite.encode(value)
    except Unimplemented:
        return False
    return True
