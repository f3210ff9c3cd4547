"""Pages of a million rows: page 10,000 beside page 1, in SQLite and PostgreSQL, and both beside the driver by hand."""

import asyncio
import sqlite3
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg

import gateways
from bench.arena import compete
from bench.contestants import Call, Contestant
from bench.report import Row, Table, write
from prism.backends.postgres.testing import find_server
from prism.client import Client

ROWS, PAGE, FAR = 1_000_000, 100, 10_000
LIMIT = 1.15
"""Page 10,000 may take so many times what page 1 or 2 takes."""
CALLS, WARMING = 1000, 100
"""Calls of each page that are compared, one page after the other in turn; and those before."""

SORTS: dict[str, tuple[str, ...]] = {"the key": (), "a null and mixed directions": ("-grade", "name")}
NOTE = (
    f"Pages of {PAGE} rows out of {ROWS:,} through a gateway, one caller: the first page, and page {FAR:,} by the "
    "cursor that page 9,999 gave. `offset` is the same page by OFFSET, with the driver, without a gateway. Median of 5 "
    f"interleaved rounds. What is said of the goal is the median of {CALLS:,} calls of each page, in turn, so that a "
    "machine that others use is as busy for one as for the other. Page 1 is one stretch of the index and one "
    "statement; a later page is two where the rows that are alike in its first fields end within it, as page 2 is."
)


def run() -> None:
    """Fills both stores and compares."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder) / "tables.db"
        _fill_sqlite(file)
        server = stack.enter_context(find_server())
        url = server.create_database()
        asyncio.run(_fill_postgres(url))
        options = {"collections": {"t": {"table": "t"}}}
        entries = [
            {"name": "sqlite", "abstraction": "reader", "backend": "sqlite",
             "config": {"path": str(Path(folder) / "p.db"), "tables": str(file), "reader": options}},
            {"name": "postgres", "abstraction": "reader", "backend": "postgres",
             "config": {"connection_string": url, "reader": options}},
        ]  # fmt: skip
        gateway = stack.enter_context(gateways.running({"namespaces": entries}, Path(folder)))
        by_hand = {"sqlite": partial(_offset_sqlite, file), "postgres": partial(_offset_postgres, url)}
        table: list[Row] = []
        verdicts: list[str] = []
        for store, offset in by_hand.items():
            for name, sort in SORTS.items():
                _compare(gateway, store, name, sort, offset, table, verdicts)
        write(Table("reader-pages", "Reader: page 10,000 of a million rows", NOTE, table, verdicts))


def _compare(
    gateway: Any,
    store: str,
    name: str,
    sort: tuple[str, ...],
    offset: Callable[[bool], Contestant],
    table: list[Row],
    verdicts: list[str],
) -> None:
    cursors = {1: b"", 2: asyncio.run(_before(gateway.data, store, sort, 2))}
    cursors[FAR] = cursor = asyncio.run(_before(gateway.data, store, sort, FAR))
    first = Contestant(f"{store}, by {name}: page 1", partial(_page, gateway.data, store, sort, b""), gateway.pid)
    far = Contestant(
        f"{store}, by {name}: page {FAR:,}", partial(_page, gateway.data, store, sort, cursor), gateway.pid
    )
    contestants = [first, far, offset(bool(sort))]
    results = asyncio.run(compete(contestants, callers=1))
    reference = results[first.name]
    for each in contestants:
        sample = results[each.name]
        table.append(
            Row(
                each.name,
                {
                    "pages/s": sample.throughput,
                    "p50 us": sample.p50,
                    "p99 us": sample.p99,
                    "times page 1": sample.p50 / reference.p50,
                    "gateway CPU ms per 1,000": sample.cpu_per_thousand if sample.cpu else "",
                },
            )
        )
    took = asyncio.run(_in_turn(gateway.data, store, sort, cursors))
    for page in (1, 2):
        ratio = took[FAR] / took[page]
        word = "met" if ratio <= LIMIT else "missed"
        verdicts.append(f"{store}, by {name}: page {FAR:,} takes {ratio:.2f} times page {page}, of {LIMIT}: {word}")


async def _in_turn(address: str, store: str, sort: tuple[str, ...], cursors: Mapping[int, bytes]) -> dict[int, float]:
    """Median seconds of each page, by the cursor before it."""
    took: dict[int, list[float]] = {page: [] for page in cursors}
    async with AsyncExitStack() as stack:
        calls = {
            page: await stack.enter_async_context(_page(address, store, sort, cursor))
            for page, cursor in cursors.items()
        }
        for _ in range(WARMING + CALLS):
            for page, call in calls.items():
                began = perf_counter()
                await call()
                took[page].append(perf_counter() - began)
    return {page: statistics.median(found[WARMING:]) for page, found in took.items()}


async def _before(address: str, store: str, sort: tuple[str, ...], page_number: int) -> bytes:
    """The cursor that the page before a page gives; a cursor goes on with pages of any size."""
    async with Client(address, timeout=60) as prism:
        read = partial(prism.reader(store).read, "t", sort=sort, fields=["id"])
        cursor, left = b"", PAGE * (page_number - 1)
        while left:
            size = min(left, 1000)
            pages = read(page_size=size, cursor=cursor).pages()
            page = await anext(pages)
            await pages.aclose()
            cursor, left = page.next_cursor, left - len(page.elements)
    return cursor


@asynccontextmanager
async def _page(address: str, store: str, sort: tuple[str, ...], cursor: bytes) -> AsyncIterator[Call]:
    async with Client(address, timeout=60) as prism:
        reader = prism.reader(store)

        async def call() -> None:
            pages = reader.read("t", sort=sort, fields=["id"], page_size=PAGE, cursor=cursor).pages()
            page = await anext(pages)
            await pages.aclose()
            assert len(page.elements) == PAGE

        yield call


def _order(*, sorted_: bool, nulls: str) -> str:
    by = f"grade DESC {nulls}, name, id" if sorted_ else "id"
    return f"SELECT id FROM t ORDER BY {by} LIMIT {PAGE} OFFSET {PAGE * (FAR - 1)}"


def _offset_sqlite(file: Path, sorted_: bool) -> Contestant:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        with closing(sqlite3.connect(file)) as connection:
            statement = _order(sorted_=sorted_, nulls="")

            async def call() -> None:
                assert len(connection.execute(statement).fetchall()) == PAGE

            yield call

    return Contestant(f"sqlite, {'sorted' if sorted_ else 'by the key'}: offset", opened)


def _offset_postgres(url: str, sorted_: bool) -> Contestant:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        connection = await asyncpg.connect(url)
        statement = await connection.prepare(_order(sorted_=sorted_, nulls="NULLS FIRST"))

        async def call() -> None:
            assert len(await statement.fetch()) == PAGE

        yield call
        await connection.close()

    return Contestant(f"postgres, {'sorted' if sorted_ else 'by the key'}: offset", opened)


def _fill_sqlite(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(f"""
            CREATE TABLE t (id INTEGER PRIMARY KEY, grade INTEGER, name TEXT NOT NULL);
            WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n LIMIT {ROWS})
                INSERT INTO t SELECT v, nullif(v % 11, 0), 'name-' || v % 997 FROM n;
            CREATE INDEX t_order ON t (grade DESC, name, id);
            ANALYZE;
        """)


async def _fill_postgres(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"""
        CREATE TABLE t (id int PRIMARY KEY, grade int, name text NOT NULL);
        INSERT INTO t SELECT v, nullif(v % 11, 0), 'name-' || v % 997 FROM generate_series(1, {ROWS}) v;
        CREATE INDEX t_order ON t (grade DESC, name, id);
    """)
    await connection.execute("VACUUM ANALYZE t")
    await connection.close()
