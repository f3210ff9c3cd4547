"""Rules 3, 5 and 6: one statement, a transaction of its own, and rows as they come."""

from contextlib import suppress

import pytest

from prism.acceptance.callers.caller import BOTH_WAYS
from prism.acceptance.suites.sql.dsl import FAILS_LATE, SERIES, Sql, plain
from prism.errors import CallerError, InvalidArgument, LimitExceeded, Outcome
from prism.interfaces import sql as s


async def test_write_and_read(sql: Sql) -> None:
    """proto, Execute and Query: what is written is committed and read, through any gateway."""
    table = await sql.table()
    done = await sql.execute(f"INSERT INTO {table} VALUES ({{1}}, {{2}}), (2, NULL)", 1, "one")
    assert done.rows_affected == 2
    assert not done.rows
    for via in range(sql.caller.gateways):
        got = await sql.query(f"SELECT id, v FROM {table} ORDER BY id", via=via)
        assert (got.columns, got.rows, got.complete) == (["id", "v"], [[1, "one"], [2, None]], True)


async def test_rows_of_a_write(sql: Sql) -> None:
    """proto, Execute: what a statement has changed, and the rows that it gives."""
    sql.needs("transactions")
    table = await sql.table()
    await sql.execute(f"INSERT INTO {table} VALUES (1, 'one'), (2, NULL)")
    changed = await sql.execute(f"UPDATE {table} SET v = {{1}} WHERE id > 0 RETURNING id, v", "new")
    assert changed.rows_affected == 2
    assert sorted(plain(changed)) == [[1, "new"], [2, "new"]]
    assert [each.name for each in changed.columns] == ["id", "v"]
    assert (await sql.execute(f"DELETE FROM {table} WHERE id = {{1}}", 1)).rows_affected == 1
    assert await sql.rows(f"SELECT id FROM {table}") == [[2]]


async def test_columns_of_nothing(sql: Sql) -> None:
    """proto, Query: the columns come though there is no row, with names that come twice or are odd as they are."""
    second = "1" if sql.capabilities.dialect == "clickhouse" else "2"  # one name means one thing there
    got = await sql.query(f'SELECT 1 AS a, {second} AS a, 3 AS "B c" WHERE 1 = 0')
    assert (got.columns, got.rows, got.complete) == (["a", "a", "B c"], [], True)


async def test_one_statement(sql: Sql) -> None:
    """CONTRACT, Sql 3: one statement; a second one in the same text is refused, and neither is run."""
    table = await sql.table()
    inserts = f"INSERT INTO {table} VALUES (1, 'a'); INSERT INTO {table} VALUES (2, 'b')"
    # ClickHouse takes what follows VALUES for data: a server refuses it, and its engine alone does not.
    texts = [f"SELECT 1; DROP TABLE {table}"] + ([inserts] if sql.capabilities.dialect != "clickhouse" else [])
    for text in texts:
        await sql.refused(InvalidArgument, "Execute", s.ExecuteRequest(statement=text))
        with pytest.raises(CallerError):
            await sql.query(text)
    assert await sql.rows(f"SELECT * FROM {table}") == []


async def test_no_trace(sql: Sql) -> None:
    """CONTRACT, Sql 3: BEGIN, COMMIT, SET and the like leave no trace in the calls after them."""
    table = await sql.table()
    words = {
        "postgresql": ["BEGIN", "COMMIT", "ROLLBACK", "SET search_path = nowhere", "SET statement_timeout = 1",
            "SELECT set_config('search_path', 'nowhere', false)", "CREATE TEMP TABLE trace (a int)",
            "LISTEN trace", "SELECT pg_advisory_lock(4711)",
            "DECLARE trace CURSOR WITH HOLD FOR SELECT 1", "PREPARE trace AS SELECT 1",
            "SET default_transaction_read_only = on", "SET DateStyle = 'German'", "DEALLOCATE ALL"],
        "sqlite": ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "PRAGMA query_only = ON", "PRAGMA foreign_keys = OFF",
            "PRAGMA case_sensitive_like = ON", "CREATE TEMP TABLE trace (a)", "ATTACH ':memory:' AS trace"],
        "clickhouse": ["BEGIN TRANSACTION", "SET max_threads = 1", "SET readonly = 1", "USE system",
            "CREATE TEMPORARY TABLE trace (a Int8)", "SET ROLE NONE"],
    }  # fmt: skip
    for text in sql.of(words):
        for via in range(sql.caller.gateways):
            for call in (sql.execute, sql.query):
                with suppress(CallerError):
                    await call(text, via=via)
        await sql.execute(f"INSERT INTO {table} (v) SELECT 'x' WHERE 1 = 0")
        assert await sql.rows(f"SELECT count(*) FROM {table}") == [[0]], text
    if sql.capabilities.dialect == "postgresql":
        assert await sql.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711") == [[0]]
        for _ in range(8):
            assert await sql.rows("SELECT name FROM pg_prepared_statements WHERE from_sql") == []
            assert await sql.rows("SELECT name FROM pg_cursors WHERE is_holdable") == []
            assert await sql.rows("SELECT current_setting('DateStyle')") == [["ISO, MDY"]]


async def test_max_rows(sql: Sql) -> None:
    """CONTRACT, Sql 5: `max_rows` ends an answer with `complete: false`, and nothing else cuts it."""
    for most, there in ((1, 3), (3, 3), (4, 3), (2_000, 3_000), (3_000, 3_000)):
        got = await sql.query(sql.of(SERIES).format(there), max_rows=most)
        assert [row[0] for row in got.rows] == [*range(1, min(most, there) + 1)]
        assert got.complete == (most >= there)
    got = await sql.query(sql.of(SERIES).format(10_001))
    assert (len(got.rows), got.complete) == (10_000, False)
    assert (await sql.query(sql.of(SERIES).format(10_000))).complete


async def test_rows_in_messages(sql: Sql) -> None:
    """CONTRACT, Sql 6: rows come in messages of bounded size, all and in order."""
    got = await sql.query(sql.of(SERIES).format(30_000), max_rows=50_000)
    assert [row[0] for row in got.rows] == [*range(1, 30_001)]
    assert got.messages > 3
    wide = {
        "postgresql": "SELECT generate_series(1, 20) AS n, repeat('x', 300000)",
        "sqlite": sql.of(SERIES).format(20).replace("SELECT n FROM", "SELECT n, printf('%.300000c', 'x') FROM"),
        "clickhouse": "SELECT toInt64(number + 1) AS n, repeat('x', 300000) FROM numbers(20)",
    }
    got = await sql.query(sql.of(wide))
    assert [row[0] for row in got.rows] == [*range(1, 21)]
    assert {len(row[1]) for row in got.rows} == {300_000}
    assert got.messages == 20


async def test_a_failure_is_no_end(sql: Sql) -> None:
    """CONTRACT, Sql 6: a failure after the first row ends the stream with its error, never as `end`."""
    seen: list[s.QueryResponse] = []
    with pytest.raises(InvalidArgument) as caught:
        await _read(sql, seen)
    assert sum(len(each.rows.rows) for each in seen) < 5_000
    assert not any(each.HasField("end") for each in seen)
    assert caught.value.metadata["sql_code"]


async def test_a_row_too_large(sql: Sql) -> None:
    """CONTRACT, Sql 6: a row over max_payload is ANSWER_TOO_LARGE; a write that would answer with it is undone."""
    most = sql.capabilities.max_payload
    text = {"postgresql": f"repeat('x', {most})", "sqlite": f"printf('%.{most}c', 'x')",
            "clickhouse": f"repeat(repeat('x', 1024), {most // 1024})"}  # fmt: skip
    with pytest.raises(LimitExceeded) as caught:
        await sql.query(f"SELECT {sql.of(text)}")
    assert caught.value.reason == "ANSWER_TOO_LARGE"
    if sql.capabilities.dialect == "clickhouse":
        return  # its writes give no rows
    table = await sql.table()
    request = s.ExecuteRequest(statement=f"INSERT INTO {table} VALUES (1, {sql.of(text)}) RETURNING v")
    await sql.refused(LimitExceeded, "Execute", request)
    assert await sql.rows(f"SELECT count(*) FROM {table}") == [[0]]


async def test_too_many_rows(sql: Sql) -> None:
    """CONTRACT, Sql 6: rows of a write are refused as they come, as soon as its answer is too large; all is undone."""
    sql.needs("transactions")
    table = await sql.table()
    numbers = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i FROM n)"
    endless = sql.of(
        {
            "postgresql": "SELECT repeat('x', 4096), generate_series(1, 10000000000)",
            "sqlite": f"{numbers} SELECT printf('%.4096c', 'x') FROM n",
        }
    )
    write = f"INSERT INTO {table} VALUES (1, 'a') RETURNING v"
    statements = [s.Statement(statement=each) for each in (write, endless)]
    await sql.refused(LimitExceeded, "Execute", s.ExecuteRequest(statement=endless))
    with pytest.raises(LimitExceeded) as caught:
        await sql.call("Batch", s.BatchRequest(statements=statements))
    assert (caught.value.reason, caught.value.outcome) == ("ANSWER_TOO_LARGE", Outcome.NOT_APPLIED)
    assert await sql.rows(f"SELECT count(*) FROM {table}") == [[0]]


async def test_all_or_nothing(sql: Sql) -> None:
    """proto, Batch: all statements, or none."""
    sql.needs("transactions")
    table = await sql.table()
    done = await sql.batch((f"INSERT INTO {table} VALUES ({{1}}, 'a')", 1), f"UPDATE {table} SET v = 'b' RETURNING v")
    assert [each.rows_affected for each in done] == [1, 1]
    assert plain(done[1]) == [["b"]]
    for bad in (f"INSERT INTO {table} VALUES (1, 'again')", "SELEC", "COMMIT"):
        statements = [s.Statement(statement=f"INSERT INTO {table} VALUES (2, 'c')"), s.Statement(statement=bad)]
        with pytest.raises(CallerError) as caught:
            await sql.call("Batch", s.BatchRequest(statements=statements))
        assert caught.value.outcome is Outcome.NOT_APPLIED, bad
        assert await sql.rows(f"SELECT id, v FROM {table}") == [[1, "b"]], bad


async def test_outside_a_transaction(sql: Sql) -> None:
    """CONTRACT, Sql 9: statements that refuse a transaction are refused unless `autocommit` is asked for."""
    sql.needs("autocommit")
    table = await sql.table()
    await sql.execute(f"INSERT INTO {table} VALUES (1, 'a')")
    statement = sql.of({"postgresql": f"VACUUM {table}", "sqlite": "VACUUM"})
    with pytest.raises(CallerError) as caught:
        await sql.execute(statement)
    assert caught.value.outcome is Outcome.NOT_APPLIED
    await sql.execute(statement, autocommit=True)
    assert await sql.rows(f"SELECT v FROM {table}") == [["a"]]


async def _read(sql: Sql, seen: list[s.QueryResponse]) -> None:
    async for each in sql.open("Query", s.QueryRequest(statement=sql.of(FAILS_LATE))):
        seen.append(each)  # noqa: PERF401  # what came before the failure stays


@BOTH_WAYS
async def test_left_early(sql: Sql) -> None:
    """CONTRACT, Sql 7: an answer that is left early is stopped in the store, and what it held is free again."""
    endless = sql.of(SERIES).format(10**12)
    for _ in range(24):
        stream = sql.open("Query", s.QueryRequest(statement=endless, max_rows=10**12))
        await anext(stream)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]  # a generator
    assert await sql.rows("SELECT 1") == [[1]]
