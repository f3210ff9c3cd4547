"""Rules 2 and 7: Query only reads, and deadlines stop statements in the store."""

import asyncio
import time

import pytest

from prism.acceptance.suites.sql.dsl import FOR_EVER, Sql
from prism.errors import CallerError, DeadlineExceeded

WRITES = {
    "sqlite": [
        "INSERT INTO {t} VALUES (2, 'b')",
        "INSERT INTO {t} VALUES (2, 'b') RETURNING id",
        "WITH x AS (SELECT 2 AS a) INSERT INTO {t} SELECT a, 'b' FROM x",
        "UPDATE {t} SET v = 'b'",
        "DELETE FROM {t}",
        "REPLACE INTO {t} VALUES (1, 'b')",
        "DROP TABLE {t}",
        "ALTER TABLE {t} ADD COLUMN w",
        "CREATE TABLE {t}_2 (a)",
        "CREATE INDEX {t}_i ON {t} (v)",
        "CREATE VIEW {t}_v AS SELECT 1",
        "CREATE TRIGGER {t}_r AFTER INSERT ON {t} BEGIN SELECT 1; END",
        "PRAGMA user_version = 7",
        "PRAGMA writable_schema = ON",
        "PRAGMA journal_mode = DELETE",
        "ATTACH ':memory:' AS other",
        "VACUUM",
        "REINDEX",
        "ANALYZE",
    ],
    "postgresql": [
        "INSERT INTO {t} VALUES (2, 'b')",
        "INSERT INTO {t} VALUES (2, 'b') RETURNING id",
        "WITH x AS (INSERT INTO {t} VALUES (2, 'b') RETURNING id) SELECT * FROM x",
        "WITH x AS (DELETE FROM {t} RETURNING id) SELECT * FROM x",
        "UPDATE {t} SET v = 'b'",
        "DELETE FROM {t}",
        "TRUNCATE {t}",
        "DROP TABLE {t}",
        "ALTER TABLE {t} ADD COLUMN w int",
        "CREATE TABLE {t}_2 (a int)",
        "SELECT * INTO {t}_3 FROM {t}",
        "CREATE INDEX ON {t} (v)",
        "DO $$ BEGIN DELETE FROM {t}; END $$",
        "SET transaction_read_only = off",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "EXPLAIN ANALYZE DELETE FROM {t}",
        "CREATE SEQUENCE {t}_s",
        "COMMENT ON TABLE {t} IS 'b'",
        "COPY {t} FROM STDIN",
    ],
    "clickhouse": [
        "INSERT INTO {t} VALUES (2, 'b')",
        "INSERT INTO {t} SETTINGS readonly = 0 VALUES (2, 'b')",
        "INSERT INTO {t} SELECT 2, 'b'",
        "DELETE FROM {t} WHERE id = 1",
        "ALTER TABLE {t} UPDATE v = 'b' WHERE id = 1",
        "ALTER TABLE {t} DELETE WHERE id = 1",
        "ALTER TABLE {t} ADD COLUMN w Int8",
        "TRUNCATE TABLE {t}",
        "DROP TABLE {t}",
        "RENAME TABLE {t} TO {t}_2",
        "OPTIMIZE TABLE {t} FINAL",
        "CREATE TABLE {t}_2 ENGINE = Memory AS SELECT 1",
        "CREATE VIEW {t}_v AS SELECT 1",
        "CREATE DATABASE {t}_d",
        "CREATE FUNCTION {t}_f AS (x) -> x",
        "SET readonly = 0",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 INTO OUTFILE '{t}'",
        "INSERT INTO FUNCTION file('{t}.csv') SELECT 1",
        "SYSTEM STOP MERGES {t}",
    ],
}


async def test_a_query_only_reads(sql: Sql) -> None:
    """CONTRACT, Sql 2: whatever a Query tries to change stays as it is."""
    table = await sql.table()
    await sql.execute(f"INSERT INTO {table} VALUES (1, 'a')")
    for statement in sql.of(WRITES):
        with pytest.raises(CallerError):
            await sql.query(statement.replace("{t}", table))
        assert await sql.rows(f"SELECT id, v FROM {table}") == [[1, "a"]], statement


async def test_a_deadline_stops_it(sql: Sql) -> None:
    """CONTRACT, Sql 7: a deadline stops the statement in the store, and no other one."""
    beside = asyncio.create_task(sql.rows(sql.of(FOR_EVER).replace("1000000000000", "1000")
        if sql.capabilities.dialect == "postgresql" else "SELECT 1"))  # fmt: skip
    started = time.monotonic()
    for _ in range(3):
        with pytest.raises(DeadlineExceeded):
            await sql.query(sql.of(FOR_EVER), timeout=0.2)
    assert time.monotonic() - started < 30
    assert await beside
    if sql.capabilities.dialect == "postgresql":
        active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%1000000000000)%'"
        async with asyncio.timeout(20):
            while (await sql.rows(active))[0][0] > 1:  # noqa: ASYNC110  # it counts itself, and calls no one back
                await asyncio.sleep(0.05)  # the store says it in no other way
    assert await sql.rows("SELECT 1") == [[1]]


async def test_a_deadline_stops_a_write(sql: Sql) -> None:
    """CONTRACT, Sql 7: the same of a write, which is then not there or whole."""
    sql.needs("transactions")
    table = await sql.table()
    endless = sql.of(FOR_EVER).replace("count(*)", "n, 'x'")
    with pytest.raises(DeadlineExceeded):
        await sql.execute(f"INSERT INTO {table} {endless}", timeout=0.3)
    async with asyncio.timeout(20):
        assert await sql.rows(f"SELECT count(*) FROM {table}") == [[0]]
        await sql.execute(f"INSERT INTO {table} VALUES (1, 'a')")
