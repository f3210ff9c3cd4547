"""Sql on both stores: a statement whose rows are not taken gives back what it holds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from prism.context import Context
from prism.errors import TransferIdle
from prism.interfaces import sql
from prism.sdk import NoCredentials
from prism.sdk.sql import StoredSql

CONTEXT = Context("test")
MANY = "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 100000) SELECT v FROM n"


@pytest.fixture(params=["sqlite", "postgres"])
async def statements(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoredSql]:
    """Sql with one session, and a short limit."""
    options: dict[str, Any] = {"sql": "write", "sql_idle_timeout": 0.05}
    if request.param == "sqlite":
        from prism.backends.sqlite.backend import SqliteBackend
        from prism.backends.sqlite.config import SqliteConfig

        files = {"path": tmp_path / "p.db", "tables": tmp_path / "t.db", "readers": 1}
        backend: Any = SqliteBackend(SqliteConfig.model_validate(files | options), NoCredentials())
    else:
        from prism.backends.postgres.backend import PostgresBackend
        from prism.backends.postgres.config import PostgresConfig, PostgresCredentials

        url = request.getfixturevalue("postgres_url")
        config = PostgresConfig.model_validate({"connection_string": url, "sql_sessions": 1, **options})
        backend = PostgresBackend(config, PostgresCredentials())
    await backend.start()
    (found,) = (each for each in backend.interfaces if isinstance(each, StoredSql))
    yield found
    await backend.stop()


async def test_rows_that_are_not_taken(statements: StoredSql) -> None:
    """CONTRACT, Sql 7: after `sql_idle_timeout` the next caller has the session; the first one is told so."""
    async with aclosing(statements.query(sql.QueryRequest(statement=MANY, max_rows=10**6), CONTEXT)) as rows:
        assert (await anext(rows)).HasField("columns")
        await anext(rows)
        async with asyncio.timeout(20):
            others = [each async for each in statements.query(sql.QueryRequest(statement="SELECT 1"), CONTEXT)]
        assert others[-1].end.complete
        with pytest.raises(TransferIdle, match=r"no row was taken for 0\.05 s"):
            await anext(rows)
    again = [each async for each in statements.query(sql.QueryRequest(statement=MANY, max_rows=10**6), CONTEXT)]
    assert (again[-1].end.rows, again[-1].end.complete) == (100_000, True)


async def test_a_caller_that_leaves_while_it_rests(statements: StoredSql) -> None:
    """Nothing is left of it."""
    for _ in range(3):
        async with aclosing(statements.query(sql.QueryRequest(statement=MANY, max_rows=10**6), CONTEXT)) as rows:
            await anext(rows)
            await asyncio.sleep(0.05)
    others = [each async for each in statements.query(sql.QueryRequest(statement="SELECT 1"), CONTEXT)]
    assert others[-1].end.complete
