"""Sql on SQLite beyond the suite: ways to write, hostile texts, whose file it is, and how long a statement may take."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from hostile_texts import made, published
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.transact.mailboxes import TABLES
from prism.client.values import Other, from_value, to_value
from prism.errors import DeadlineExceeded, FailedPrecondition, LimitExceeded, Outcome, PrismError
from prism.interfaces import sql
from prism.sdk import Context, Deadline, NoCredentials
from prism.sdk.sql import StoredSql

CONTEXT = Context("test")
ENDLESS = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s) SELECT count(*) FROM s"


class Statements:
    """A backend's Sql in few words."""

    def __init__(self, backend: SqliteBackend) -> None:
        (self.sql,) = (each for each in backend.interfaces if isinstance(each, StoredSql))

    async def rows(self, statement: str, *params: Any, seconds: float = 20.0) -> list[list[Any]]:
        """Those of a Query."""
        request = sql.QueryRequest(statement=statement, params=map(to_value, params))
        rows: list[list[Any]] = []
        async for message in self.sql.query(request, Context("test", Deadline.after(seconds))):
            each = sql.QueryResponse.FromString(message.SerializeToString())
            rows += [[from_value(one) for one in row.values] for row in each.rows.rows]
        return rows

    async def execute(self, statement: str, *params: Any, **options: Any) -> sql.Result:
        """What it gives."""
        request = sql.ExecuteRequest(statement=statement, params=map(to_value, params), **options)
        return (await self.sql.execute(request, CONTEXT)).result


OpenSql = Callable[..., Awaitable[Statements]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that another application has made."""
    file = tmp_path / "found.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, v TEXT, secret TEXT)")
        connection.execute("INSERT INTO kept VALUES (1, 'one', 'confidential'), (2, 'two', NULL)")
        connection.execute("CREATE VIEW seen AS SELECT id, v FROM kept")
        connection.execute("CREATE TRIGGER on_seen INSTEAD OF INSERT ON seen BEGIN DELETE FROM kept; END")
    return file


@pytest.fixture
async def open_sql(tmp_path: Path) -> AsyncIterator[OpenSql]:
    """Starts a backend for Sql on a file; ends it with the test."""
    async with AsyncExitStack() as stack:

        async def open_(file: Path, access: str = "read", **options: Any) -> Statements:
            config = {"path": tmp_path / "own.db", "tables": file, "sql": access, **options}
            backend = SqliteBackend(SqliteConfig.model_validate(config), NoCredentials())
            stack.push_async_callback(backend.stop)
            await backend.start()
            return Statements(backend)

        yield open_


WAYS_TO_WRITE = (
    "INSERT INTO kept VALUES (3, 'x', 'x')",
    "INSERT INTO kept VALUES (3, 'x', 'x') RETURNING id",
    "INSERT INTO kept SELECT 3, 'x', 'x'",
    "INSERT OR REPLACE INTO kept VALUES (1, 'x', 'x')",
    "INSERT INTO kept VALUES (1, 'x', 'x') ON CONFLICT DO UPDATE SET v = 'x'",
    "INSERT INTO seen VALUES (3, 'x')",
    "INSERT INTO kept DEFAULT VALUES",
    "REPLACE INTO kept VALUES (1, 'x', 'x')",
    "UPDATE kept SET v = 'x'",
    "UPDATE kept SET v = 'x' RETURNING *",
    "UPDATE OR IGNORE kept SET id = 9",
    "DELETE FROM kept",
    "DELETE FROM kept RETURNING *",
    "WITH w AS (SELECT 1) DELETE FROM kept",
    "WITH w(n) AS (SELECT 3) INSERT INTO kept SELECT n, 'x', 'x' FROM w",
    "WITH w AS (SELECT 1) UPDATE kept SET v = 'x'",
    "CREATE TABLE other (a)",
    "CREATE TABLE other AS SELECT * FROM kept",
    "CREATE TABLE IF NOT EXISTS other (a)",
    "CREATE TEMP TABLE other (a)",
    "CREATE TEMP TABLE kept AS SELECT 1 AS id",
    "CREATE VIEW other AS SELECT 1",
    "CREATE TEMP VIEW kept AS SELECT 1 AS id",
    "CREATE INDEX other ON kept (v)",
    "CREATE UNIQUE INDEX other ON kept (v)",
    "CREATE TRIGGER other AFTER INSERT ON kept BEGIN SELECT 1; END",
    "CREATE TEMP TRIGGER other AFTER INSERT ON kept BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE other USING fts5(a)",
    "CREATE VIRTUAL TABLE other USING rtree(a, b, c)",
    "CREATE VIRTUAL TABLE temp.other USING dbstat",
    "DROP TABLE kept",
    "DROP VIEW seen",
    "DROP TRIGGER on_seen",
    "ALTER TABLE kept ADD COLUMN w",
    "ALTER TABLE kept RENAME TO other",
    "ALTER TABLE kept RENAME COLUMN v TO w",
    "ALTER TABLE kept DROP COLUMN secret",
    "ATTACH ':memory:' AS other",
    "ATTACH '{folder}/other.db' AS other",
    "ATTACH 'file:{folder}/other.db?mode=rwc' AS other",
    "ATTACH '' AS other",
    "DETACH main",
    "VACUUM",
    "VACUUM INTO '{folder}/other.db'",
    "REINDEX",
    "REINDEX kept",
    "ANALYZE",
    "PRAGMA user_version = 7",
    "PRAGMA application_id = 7",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA journal_mode(OFF)",
    "PRAGMA writable_schema = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA main.query_only(0)",
    "PRAGMA schema_version = 99",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA optimize",
    "PRAGMA incremental_vacuum",
    "PRAGMA auto_vacuum = FULL",
    "PRAGMA temp_store_directory = '{folder}'",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA trusted_schema = ON",
    "PRAGMA locking_mode = EXCLUSIVE",
    "SELECT * FROM pragma_journal_mode('DELETE')",
    "SELECT load_extension('{folder}/other.so')",
    "SELECT writefile('{folder}/other.db', 'x')",
    "SELECT readfile('/etc/passwd')",
    "SELECT edit('x', 'touch {folder}/other.db')",
    "SELECT fts3_tokenizer('simple', x'00')",
    "BEGIN EXCLUSIVE",
    "BEGIN; DELETE FROM kept; COMMIT",
    "COMMIT",
    "ROLLBACK",
    "END",
    "SAVEPOINT other",
    "RELEASE other",
    "SELECT 1; DELETE FROM kept",
    "EXPLAIN SELECT 1; DELETE FROM kept",
    "DELETE FROM sqlite_master",
    "UPDATE sqlite_schema SET sql = ''",
    "INSERT INTO sqlite_sequence VALUES ('kept', 9)",
)


def state(file: Path) -> list[Any]:
    """All that the file holds, and what lies beside it."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        held = [*connection.iterdump()]
        held += [
            connection.execute(f"PRAGMA {name}").fetchone()
            for name in ("user_version", "application_id", "journal_mode")
        ]
    return [held, sorted(each.name for each in file.parent.iterdir() if not each.name.startswith("own.db"))]


async def test_ways_to_write(open_sql: OpenSql, file: Path) -> None:
    """A namespace that reads survives each; nothing is there afterwards, in the file or beside it."""
    assert len(WAYS_TO_WRITE) >= 60
    before = state(file)
    statements = await open_sql(file)
    for text in WAYS_TO_WRITE:
        written = text.format(folder=file.parent) if "{folder}" in text else text
        with suppress(PrismError):
            await statements.rows(written)
        with pytest.raises(FailedPrecondition, match="only reads"):
            await statements.execute(written)
        assert state(file) == before, text
        assert await statements.rows("SELECT count(*) FROM kept") == [[2]], text
        assert await statements.rows("PRAGMA table_list('other')") == [], text


OF_MAILBOXES = (
    "SELECT * FROM prism_mailbox",
    "SELECT payload FROM Prism_Mailbox_Message",
    "SELECT count(*) FROM prism_mailbox_message",
    "SELECT * FROM kept WHERE id IN (SELECT seq FROM prism_mailbox_message)",
    "INSERT INTO prism_mailbox (namespace, name) VALUES ('a', 'b')",
    "UPDATE prism_mailbox SET retention = 1",
    "DELETE FROM prism_mailbox_message",
    "DROP TABLE prism_mailbox_message",
    "ALTER TABLE prism_mailbox_reader RENAME TO mine",
    "ALTER TABLE kept RENAME TO prism_kept",
    "CREATE INDEX mine ON prism_mailbox (name)",
    "CREATE VIEW mine AS SELECT * FROM prism_mailbox",
    "CREATE TABLE prism_other (id)",
    "CREATE TRIGGER mine AFTER INSERT ON prism_mailbox_message BEGIN DELETE FROM kept; END",
    "CREATE TABLE mine AS SELECT * FROM prism_mailbox",
)


async def test_mailboxes_in_the_file_are_not_seen(open_sql: OpenSql, file: Path) -> None:
    """What Transact keeps beside the rows is its own: no statement reads it, changes it or looks over its shoulder."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in TABLES:
            connection.execute(statement)
        connection.execute("INSERT INTO prism_mailbox VALUES (1, 'test', 'm', 0, 0, 0)")
    statements = await open_sql(file, "write")

    def of_prism() -> list[Any]:
        with closing(sqlite3.connect(file)) as connection:
            names = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
            return [names, connection.execute("SELECT * FROM prism_mailbox").fetchall()]

    before = of_prism()
    for text in OF_MAILBOXES:
        for autocommit in (False, True):
            with suppress(PrismError):
                result = await statements.execute(text, autocommit=autocommit)
                assert text.startswith("CREATE VIEW"), (text, result)  # which SQLite looks into when it is used
                with pytest.raises(PrismError):
                    await statements.rows("SELECT * FROM mine")
                await statements.execute("DROP VIEW mine")
        with pytest.raises(PrismError):
            await statements.rows(text)
        assert of_prism() == before, text
    await statements.execute("VACUUM", autocommit=True)
    assert of_prism() == before
    await statements.execute("CREATE TABLE other (prism_id INTEGER)")
    assert await statements.rows("SELECT prism_id FROM other") == []


async def test_no_other_file(open_sql: OpenSql, file: Path) -> None:
    """A statement that writes has its own file, also outside a transaction."""
    statements = await open_sql(file, "write")
    for text in WAYS_TO_WRITE:
        if "{folder}" in text or "/etc" in text or "ATTACH" in text:
            for autocommit in (False, True):
                with suppress(PrismError):
                    await statements.execute(text.format(folder=file.parent), autocommit=autocommit)
    assert not {each.name for each in file.parent.iterdir()} & {"other.db", "other.so"}
    assert await statements.rows("SELECT count(*) FROM kept") == [[2]]
    await statements.execute("VACUUM", autocommit=True)
    with pytest.raises(PrismError, match="no such table"):
        await statements.execute("SELECT * FROM other.sqlite_master")


async def test_rows_of_what_runs_alone(open_sql: OpenSql, file: Path) -> None:
    """They are counted as they come: what gives too many is refused, and what it did stays."""
    statements = await open_sql(file, "write")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT printf('%.4096c', i) FROM n"
    many = "INSERT INTO kept SELECT i + 10, printf('%.100000c', 'x'), NULL FROM n LIMIT 500 RETURNING *"
    for text in (endless, f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) {many}"):
        with pytest.raises(LimitExceeded) as caught:
            await statements.execute(text, autocommit=True)
        assert (caught.value.reason, caught.value.outcome) == ("ANSWER_TOO_LARGE", Outcome.UNKNOWN)
    assert await statements.rows("SELECT count(*) FROM kept") == [[502]]
    await statements.execute("VACUUM", autocommit=True)


async def test_hostile_texts(open_sql: OpenSql, file: Path, often: Callable[[int], int]) -> None:
    """As a parameter each is text and nothing else; as a statement, or in one's literal, none changes a thing."""
    texts = [*made(), *published()]
    assert len(texts) >= 500
    step = len(texts) // often(len(texts))
    before = state(file)
    statements = await open_sql(file)
    for text in texts[::step]:
        assert await statements.rows("SELECT ?1, ?1 = ?2", text, text) == [[text, 1]]
        assert await statements.rows("SELECT v FROM kept WHERE v = ?1", text) == []
        for statement in (text, f"SELECT v FROM kept WHERE v = '{text}'", f'SELECT v AS "{text}" FROM kept'):
            with suppress(PrismError):
                await statements.rows(statement)
    assert state(file) == before


async def test_whose_file_it_is(open_sql: OpenSql, tmp_path: Path, file: Path) -> None:
    """A file of Prism's own is refused, and one that is not there is made only where it may be written."""
    await open_sql(file)
    with pytest.raises(FailedPrecondition, match="holds what Prism keeps"):
        await open_sql(tmp_path / "own.db")
    with pytest.raises(FailedPrecondition, match="does not exist"):
        await open_sql(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    made_anew = await open_sql(tmp_path / "none.db", "write")
    await made_anew.execute("CREATE TABLE t (a)")
    assert await made_anew.rows("SELECT count(*) FROM t") == [[0]]


async def test_off_unless_asked_for(open_sql: OpenSql, file: Path) -> None:
    """It says what to set, and opens nothing."""
    statements = await open_sql(file.parent / "none.db", "off")
    with pytest.raises(FailedPrecondition, match="set `sql: read`"):
        await statements.rows("SELECT 1")


async def test_all_readers_busy(open_sql: OpenSql, file: Path) -> None:
    """Who finds no reader free waits until the deadline; the others' deadlines end what they run, and they are free."""
    statements = await open_sql(file, readers=2)
    busy = [asyncio.create_task(statements.rows(ENDLESS, seconds=0.5)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(DeadlineExceeded):
        await statements.rows("SELECT 1", seconds=0.05)
    assert await statements.rows("SELECT 1") == [[1]]
    assert {type(each) for each in await asyncio.gather(*busy, return_exceptions=True)} == {DeadlineExceeded}


async def test_texts_that_are_none(open_sql: OpenSql, file: Path) -> None:
    """Bytes in a TEXT that are not UTF-8, and a NUL, come as what they are."""
    statements = await open_sql(file)
    found = await statements.rows("SELECT CAST(x'ff00' AS TEXT), CAST(x'6100' AS TEXT), 'a'")
    assert found == [[Other("text", "x'ff00'"), Other("text", "x'6100'"), "a"]]
