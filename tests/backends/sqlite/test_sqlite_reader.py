"""Reader on SQLite files that Prism did not make: kinds by row, odd text, real tables, what is checked at the start."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from missing import missing
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.client.filters import field
from prism.client.values import Other, from_value
from prism.context import Context
from prism.errors import DeadlineExceeded, FailedPrecondition, InvalidArgument
from prism.interfaces import reader as r
from prism.sdk import Deadline, NoCredentials
from prism.sdk.reader import StoredReader
from prism.sdk.reader.cursors import Cursors
from prism.sdk.reader.selecting import selection_of

CONTEXT = Context("ns")
ISO_CODES = Path("/usr/share/iso-codes/json")
Open = Callable[..., Awaitable[StoredReader]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of tables."""
    return tmp_path / "tables.db"


@pytest.fixture
async def open_reader(tmp_path: Path, file: Path) -> AsyncIterator[Open]:
    """Starts a backend on the file, with options of Reader; ends it with the test."""
    async with AsyncExitStack() as stack:

        async def opened(*statements: str, **options: Any) -> StoredReader:
            with closing(sqlite3.connect(file)) as connection:
                connection.executescript(";".join(statements))
            reader = options or {"every_table": True}
            config = SqliteConfig.model_validate({"path": tmp_path / "p.db", "tables": file, "reader": reader})
            backend = SqliteBackend(config, NoCredentials())
            stack.push_async_callback(backend.stop)
            await backend.start()
            return backend._reader

        yield opened


async def rows(reader: StoredReader, collection: str, **request: Any) -> list[tuple[Any, ...]]:
    """All rows, page by page."""
    found: list[tuple[Any, ...]] = []
    asked = r.ReadPageRequest(collection=collection, **request)
    while True:
        page = await reader.read_page(asked, CONTEXT)
        found += [tuple(map(from_value, row.values)) for row in page.rows]
        asked.cursor = page.next_cursor
        if not page.next_cursor:
            return found


def sort(*fields: str) -> list[r.Sort]:
    return [r.Sort(field=each.removeprefix("-"), descending=each.startswith("-")) for each in fields]


async def test_each_row_decides_the_kind(open_reader: Open) -> None:
    """A column holds everything, in SQLite's own order; a test is about rows of its operand's kind."""
    held = ["NULL", "1", "2.5", "-9223372036854775808", "'1'", "''", "'a'", "x''", "x'61'", "9e999", "1e300", "'A'"]
    reader = await open_reader(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v)", "CREATE INDEX i ON t (v, id)",
        *(f"INSERT INTO t (v) VALUES ({each})" for each in held * 2),
    )  # fmt: skip
    expected = [None, -(2**63), 1, 2.5, 1e300, float("inf"), "", "1", "A", "a", b"", b"a"]
    for size in (1, 5, 100):
        got = [row[0] for row in await rows(reader, "t", sort=sort("v"), fields=["v"], page_size=size)]
        assert got == [each for each in expected for _ in range(2)]
    for operand, found in ((1, [1]), ("1", ["1"]), (b"a", [b"a"]), (2.5, [2.5]), ("a", ["a"])):
        got = [row[0] for row in await rows(reader, "t", filter=field("v").eq(operand), fields=["v"])]
        assert got == found * 2
    ordered = await rows(reader, "t", filter=field("v").ge(1), sort=sort("v"), fields=["v"])
    assert [row[0] for row in ordered] == [each for each in expected[2:6] for _ in range(2)]
    words = await rows(reader, "t", filter=field("v").lt("a"), sort=sort("-v"), fields=["v"], page_size=1)
    assert [row[0] for row in words] == ["A", "A", "1", "1", "", ""]


@pytest.mark.parametrize("declared", ["INTEGER", "TEXT", "REAL", "NUMERIC", "BLOB", "", "DATE", "VARCHAR(5)"])
async def test_affinity_changes_no_test(open_reader: Open, declared: str) -> None:
    """Whatever a column was declared as, a value that comes out of it is found by itself, and is where it was."""
    held = ["1", "1.5", "'1'", "'1.0'", "'a'", "x'31'", "'12abc'", "' 1'", "1e3", "'1e3'"]
    reader = await open_reader(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared})", "CREATE INDEX i ON t (v, id)",
        *(f"INSERT INTO t (v) VALUES ({each})" for each in held),
    )  # fmt: skip
    every = await rows(reader, "t", sort=sort("v"))
    assert every == await rows(reader, "t", sort=sort("v"), page_size=1)
    for _, value in every:
        found = await rows(reader, "t", filter=field("v").eq(value))
        same = [row for row in every if row[1] == value and isinstance(row[1], str) == isinstance(value, str)]
        assert sorted(found) == sorted(same), value


async def test_text_that_is_none(open_reader: Open, file: Path) -> None:
    """Bytes that are not UTF-8, and a NUL, come as `other`; their rows page as all others."""
    reader = await open_reader("CREATE TABLE t (v TEXT PRIMARY KEY NOT NULL)")
    with closing(sqlite3.connect(file)) as connection:
        for held in (b"\xff", b"a\0b", b"a", "é".encode(), b"\xe9"):
            connection.execute("INSERT INTO t VALUES (CAST(? AS TEXT))", (held,))
        connection.commit()
    expected = ["a", Other("text", "x'610062'"), "é", Other("text", "x'e9'"), Other("text", "x'ff'")]
    for size in (1, 2, 10):
        assert [row[0] for row in await rows(reader, "t", page_size=size)] == expected


async def test_collations(open_reader: Open) -> None:
    """A column that takes a and A for one sorts so, has an order that says so, and is tested byte for byte."""
    reader = await open_reader(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT COLLATE NOCASE)", "CREATE INDEX i ON t (v, id)",
        "CREATE INDEX other ON t (v COLLATE BINARY DESC, id)",
        "INSERT INTO t (v) VALUES ('b'), ('a'), ('A'), ('B'), ('a')",
    )  # fmt: skip
    described = await reader.describe(r.DescribeRequest(collection="t"), CONTEXT)
    assert [each.order for each in described.columns] == ["bytes", "NOCASE"]
    assert len(described.sorts) == 2
    for size in (1, 2, 9):
        got = await rows(reader, "t", sort=sort("v"), page_size=size)
        assert got == [(2, "a"), (3, "A"), (5, "a"), (1, "b"), (4, "B")]
    assert await rows(reader, "t", filter=field("v").eq("a")) == [(2, "a"), (5, "a")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"table": "nothing"}, "no collection 'c'"),
        ({"table": "t", "key": ["b"]}, "no unique index over columns that are NOT NULL covers the key"),
        ({"table": "t", "key": ["d"]}, "no unique index over columns that are NOT NULL covers the key"),
        ({"table": "t", "key": ["x"]}, "has no column x"),
        ({"table": "t", "columns": ["y"]}, "has no column y"),
        ({"table": "t", "settings": {"a.b": "subject"}}, "SQLite has no row-level security"),
        ({"table": "prism_mailbox"}, "no collection 'c'"),
    ],
)
async def test_what_is_checked_at_the_start(open_reader: Open, options: dict[str, Any], said: str) -> None:
    """Rules 1, 2 and 9: a table that is missing, a key that names no row, settings that the store does not have."""
    table = "CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE, c, d NOT NULL)"
    indexes = "CREATE UNIQUE INDEX i ON t (d) WHERE a > 0"
    with pytest.raises((FailedPrecondition, Exception), match=said):
        await open_reader(table, indexes, collections={"c": options})


@pytest.mark.parametrize(
    "options",
    [
        {"table": "t", "settings": {"role": "subject"}},
        {"table": "t", "settings": {"a.b; DROP": "subject"}},
        {"table": "t", "settings": {"a.b": "password"}},
        {"table": "t", "unique": "trusted"},
        {"table": "t", "columns": ["a"], "key": ["b"]},
        {"table": ""},
    ],
)
def test_options_that_are_wrong(options: dict[str, Any]) -> None:
    """A setting that is not one's own, a source that is unknown, a key without its columns."""
    with pytest.raises(ValidationError):
        SqliteConfig.model_validate({"reader": {"collections": {"c": options}}})


async def test_the_file_is_never_written(open_reader: Open, file: Path) -> None:
    """Rule 11: the connections cannot write, whatever they are asked."""
    reader = await open_reader("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    assert await rows(reader, "t") == [(1,)]
    store: Any = reader._store
    for statement in ("INSERT INTO t VALUES (2)", "DROP TABLE t", "CREATE TABLE u (a)", "PRAGMA user_version = 3"):
        for tables in store._known.values():
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                tables.connection.execute(statement)
    assert not file.with_name("p-tables.db").exists()


async def test_a_deadline_ends_a_scan(open_reader: Open) -> None:
    """Rule 11: a filter that looks at many rows ends with the call's deadline, and the next call is answered."""
    reader = await open_reader(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
        "WITH RECURSIVE c(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM c LIMIT 300000) INSERT INTO t SELECT v, v FROM c",
    )
    asked = r.CountRequest(collection="t", filter=field("v").lt(0))
    with pytest.raises(DeadlineExceeded):
        await reader.count(asked, Context("ns", Deadline.after(0.001)))
    assert (await reader.count(asked, CONTEXT)).count == 0


async def test_a_file_that_comes_later(open_reader: Open, file: Path) -> None:
    """Without a configured collection the file need not be there at the start."""
    await asyncio.to_thread(file.unlink, missing_ok=True)
    reader = await open_reader()
    await asyncio.to_thread(file.unlink)
    assert list((await reader.list_collections(r.ListCollectionsRequest(), CONTEXT)).collections) == []
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    assert list((await reader.list_collections(r.ListCollectionsRequest(), CONTEXT)).collections) == ["t"]


def make_iso_tables(file: Path) -> None:
    if not ISO_CODES.exists() or shutil.which("sqlite3") is None:
        missing("iso-codes or the program sqlite3")
    with closing(sqlite3.connect(file)) as connection:
        for path in sorted(ISO_CODES.glob("iso_*.json")):
            ((name, entries),) = json.loads(path.read_text()).items()
            columns = sorted({key for entry in entries for key in entry})
            listed = ", ".join(f'"{each}" TEXT' for each in columns)
            connection.execute(f'CREATE TABLE "{name}" (number INTEGER PRIMARY KEY, {listed})')
            connection.execute(f'CREATE INDEX "{name} i" ON "{name}" (name DESC, "{columns[0]}")')
            marks = ", ".join("?" * len(columns))
            values = [[entry.get(each) for each in columns] for entry in entries]
            insert = f'INSERT INTO "{name}" ({", ".join(map(json.dumps, columns))}) VALUES ({marks})'
            connection.executemany(insert, values)
        connection.commit()


def told_by_sqlite(file: Path, select: str) -> list[tuple[Any, ...]]:
    """What the program `sqlite3` prints."""
    done = subprocess.run(["sqlite3", "-json", str(file), select], capture_output=True, check=True, text=True)
    return [tuple(row.values()) for row in json.loads(done.stdout)]


async def test_iso_codes_row_by_row(open_reader: Open, file: Path) -> None:
    """Debian's tables of languages, countries and their parts, in two sorts, as the program sqlite3 gives them."""
    await asyncio.to_thread(make_iso_tables, file)
    reader = await open_reader()
    names = (await reader.list_collections(r.ListCollectionsRequest(), CONTEXT)).collections
    assert len(names) >= 6
    total = 0
    for name in names:
        described = await reader.describe(r.DescribeRequest(collection=name), CONTEXT)
        second = next(each.sort[1].field for each in described.sorts if each.sort[0].field == "name")
        for fields, order in (((), "number"), (("-name", second), f'name DESC, "{second}", number')):
            select = f'SELECT * FROM "{name}" ORDER BY {order}'
            expected = await asyncio.to_thread(told_by_sqlite, file, select)
            assert await rows(reader, name, sort=sort(*fields), page_size=997) == expected
            total += len(expected)
    assert total > 20_000


@pytest.mark.parametrize("cursor", [b"", b"\1" * 30, b"x" * 5000])
async def test_forged_cursors(open_reader: Open, cursor: bytes) -> None:
    """A cursor that is sealed by another hand is refused, or leads to rows of the same read only."""
    reader = await open_reader("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")
    asked = r.ReadPageRequest(collection="t")
    collection = await reader._store.describe("t", CONTEXT)
    digest = collection.digest(selection_of(asked, collection).ordering)
    asked.cursor = Cursors(asked, CONTEXT)._query.cursor(digest, cursor)
    if not cursor:
        asked.cursor = Cursors(asked, CONTEXT).made(digest, ["not a number"])
        assert list((await reader.read_page(asked, CONTEXT)).rows) == []
        return
    with pytest.raises(InvalidArgument):
        await reader.read_page(asked, CONTEXT)
