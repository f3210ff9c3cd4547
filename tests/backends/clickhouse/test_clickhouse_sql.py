"""Sql on ClickHouse, where it is ClickHouse's alone: its users, its limits, statements that are given up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.polling import eventually
from prism.backends.clickhouse.backend import ClickHouseBackend
from prism.backends.clickhouse.config import ClickHouseConfig, ClickHouseCredentials
from prism.backends.clickhouse.testing import Engine
from prism.context import Context
from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    CallerError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    LimitExceeded,
    Outcome,
)
from prism.interfaces import sql as s
from prism.interfaces.value import Value
from prism.sdk import Deadline, HealthStatus

HERE = Context("here")
ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"


def backend(engine: Engine, *, user: str | None = None, password: str = "", **config: Any) -> ClickHouseBackend:
    """One on the engine."""
    options = {"urls": [engine.url], "database": "default", "sql": "write", **config}
    return ClickHouseBackend(
        ClickHouseConfig.model_validate(options),
        ClickHouseCredentials.model_validate(
            {"username": user or engine.user, "password": password or engine.password}
        ),
    )


@pytest.fixture
async def here(shared_engine: Engine) -> AsyncIterator[ClickHouseBackend]:
    """One that may write."""
    made = backend(shared_engine)
    await made.start()
    yield made
    await made.stop()


async def rows(backend: ClickHouseBackend, statement: str, *params: Value, context: Context = HERE) -> list[Any]:
    """The rows of a Query, as they travel and are read."""
    (sql,) = backend.interfaces
    found = []
    async for each in sql.query(s.QueryRequest(statement=statement, params=params), context):  # type: ignore[attr-defined]
        answer = s.QueryResponse.FromString(each.SerializeToString())
        found += [[getattr(one, one.WhichOneof("kind")) for one in row.values] for row in answer.rows.rows]
    return found


async def execute(backend: ClickHouseBackend, statement: str) -> s.Result:
    """An Execute."""
    (sql,) = backend.interfaces
    return (await sql.execute(s.ExecuteRequest(statement=statement), HERE)).result  # type: ignore[attr-defined]


async def test_a_user_that_only_reads(shared_engine: Engine) -> None:
    """`sql: read` takes a user whose profile is readonly = 1, and no other; it is sent no settings."""
    reads = backend(shared_engine, user="reader", password=shared_engine.password, sql="read")
    await reads.start()
    try:
        assert await rows(reads, "SELECT {p1:Int64} + 1", Value(int64=2)) == [[3]]
        for statement in (
            "CREATE TABLE x (a Int8) ENGINE = Memory",
            "SET max_threads = 1",
            "SELECT 1 SETTINGS max_threads = 1",
        ):
            with pytest.raises(CallerError) as caught:
                await rows(reads, statement)
            assert caught.value.metadata["sql_code"] == "READONLY"
        with pytest.raises(FailedPrecondition, match="only reads"):
            await execute(reads, "SELECT 1")
        with pytest.raises(DeadlineExceeded):
            await rows(reads, ENDLESS, context=Context("here", Deadline.after(0.3)))
    finally:
        await reads.stop()
    for user, access in (("prism", "read"), ("reader", "write")):
        unfit = backend(shared_engine, user=user, password=shared_engine.password, sql=access)
        with pytest.raises(FailedPrecondition, match="readonly"):
            await unfit.start()
        await unfit.stop()


async def test_credentials(shared_engine: Engine) -> None:
    """A wrong password is said at the start, and never the password."""
    wrong = backend(shared_engine, password="not-it")
    with pytest.raises(BackendCredentials) as caught:
        await wrong.start()
    assert "not-it" not in str(caught.value)
    assert (await wrong.health()).status is HealthStatus.UNHEALTHY
    await wrong.stop()


async def test_what_is_given_up_is_killed(here: ClickHouseBackend) -> None:
    """A statement whose deadline has passed, or whose caller has gone, is stopped in ClickHouse, and no other one."""
    beside = asyncio.create_task(rows(here, "SELECT sleepEachRow(0.05) FROM numbers(20)"))

    async def running() -> int:
        like = "query LIKE '%sipHash64(number))%' AND query NOT LIKE '%LIKE%'"
        return int((await rows(here, f"SELECT toInt64(count()) FROM system.processes WHERE {like}"))[0][0])

    with pytest.raises(DeadlineExceeded):
        await rows(here, ENDLESS, context=Context("here", Deadline.after(0.3)))
    gone = asyncio.create_task(rows(here, ENDLESS))
    await eventually(lambda: _is(running(), 1), "the engine says in a table what runs")
    gone.cancel()
    await asyncio.wait([gone])
    await eventually(lambda: _is(running(), 0), "the engine says in a table what runs")
    assert len(await beside) == 20
    assert here.metrics()["statements_killed"] == 2


async def _is(counting: Any, wanted: int) -> bool:
    return bool(await counting == wanted)


async def test_limits_of_the_store(here: ClickHouseBackend) -> None:
    """Memory that a statement may not have is RESOURCE_EXHAUSTED, and whether a write was applied is not known."""
    much = "SELECT groupArray(number) FROM numbers(30000000) SETTINGS max_memory_usage = 10000000"
    with pytest.raises(CallerError) as refused:
        await rows(here, much)  # a Query may have no settings of its own: the store would let more than those pass
    assert refused.value.metadata["sql_code"] == "READONLY"
    with pytest.raises(LimitExceeded) as caught:
        await execute(here, much)
    assert (caught.value.metadata["sql_code"], caught.value.outcome) == ("MEMORY_LIMIT_EXCEEDED", Outcome.UNKNOWN)


async def test_many_rows_in_bounded_memory(here: ClickHouseBackend) -> None:
    """Rows come as they are read; wide and narrow ones mixed."""
    statement = "SELECT toInt64(number), repeat('x', number % 5000 = 0 ? 300000 : 3) FROM numbers(20000)"
    (sql,) = here.interfaces
    seen = 0
    async for each in sql.query(s.QueryRequest(statement=statement, max_rows=30_000), HERE):  # type: ignore[attr-defined]
        answer = s.QueryResponse.FromString(each.SerializeToString())
        for row in answer.rows.rows:
            assert row.values[0].int64 == seen
            assert len(row.values[1].string) == (300_000 if seen % 5000 == 0 else 3)
            seen += 1
    assert (seen, answer.end.complete) == (20_000, True)


async def test_rows_in_another_format(here: ClickHouseBackend) -> None:
    """FORMAT in a statement is the gateway's own."""
    with pytest.raises(InvalidArgument, match="leave FORMAT"):
        await rows(here, "SELECT 1 FORMAT JSON")


async def test_a_type_without_a_value(here: ClickHouseBackend) -> None:
    """A column that no kind holds is refused, with the mend; converted it comes."""
    with pytest.raises(FailedPrecondition, match="toString"):
        await rows(here, "SELECT 1::Variant(Int64, String) AS v")
    assert await rows(here, "SELECT toString(1::Variant(Int64, String)) AS v") == [["1"]]


async def test_a_server_that_is_away(shared_engine: Engine) -> None:
    """The next URL is tried where no connection is made; where none is, nothing was applied."""
    away = HeldPort()
    second = backend(shared_engine, urls=[f"http://127.0.0.1:{away.number}", shared_engine.url])
    await second.start()
    assert await rows(second, "SELECT 1") == [[1]]
    await second.stop()
    alone = backend(shared_engine, urls=[f"http://127.0.0.1:{away.number}"])
    with pytest.raises(BackendUnavailable):
        await alone.start()
    with pytest.raises(BackendUnavailable) as caught:
        await execute(alone, "SELECT 1")
    assert caught.value.outcome is Outcome.NOT_APPLIED
    await alone.stop()


async def test_bytes_that_are_no_text(here: ClickHouseBackend) -> None:
    """A String may hold any bytes: those that are not UTF-8, and U+0000, come in hexadecimal, as `other`."""
    ((first, second),) = await rows(here, r"SELECT unhex('ff00'), 'a\0'")
    assert [(each.type, each.text) for each in (first, second)] == [("String", "x'ff00'"), ("String", "x'6100'")]
