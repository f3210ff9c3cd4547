"""TimeSeries on ClickHouse beside clickhouse-connect: appends, an aggregate and a stream of ten million events."""

import asyncio
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_connect

import gateways
from bench.arena import compete
from bench.contestants import Call, Contestant
from bench.headers import headers
from bench.report import Row, Table, write
from prism.backends.clickhouse.testing import Engine
from prism.client import Client, Event, TimeSeries

EVENTS, ROUNDS = 10_000_000, 3
CALLERS, SMALL, FEW, LARGE = 64, 5, 4, 1000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(milliseconds=1)
PRISM, HAND = "Prism, its Python client", "clickhouse-connect"
TABLE = """
CREATE TABLE hand (ts DateTime64(6, 'UTC'), id String, place LowCardinality(String), value Float64)
ENGINE = MergeTree ORDER BY (ts, id)
"""
NOTE = (
    "ClickHouse's engine (chDB) behind the HTTP listener of the tests, not a server: each request costs it a "
    "millisecond or two, both ways alike. Events have two fields. Load average, which others share: {load:.0f}."
)
_COLUMNS = ["ts", "id", "place", "value"]


@dataclass(frozen=True, slots=True)
class Arena:
    """A gateway, and the engine."""

    address: str
    pid: int
    engine: Engine


def run() -> None:
    """Runs the competitions and writes their tables."""
    with _arena() as arena:
        for callers, events, name, goal in ((CALLERS, SMALL, "small", 5.0), (FEW, LARGE, "large", 0.7)):
            results = asyncio.run(compete([_appending(arena, events), _inserting(arena, events)], callers=callers))
            ratio = results[PRISM].throughput / results[HAND].throughput
            table = [
                Row(each, {"events/s": sample.throughput * events, "p50 us": sample.p50, "p99 us": sample.p99})
                for each, sample in results.items()
            ]
            title = f"ClickHouse: appending {events} events a call, {callers} callers"
            verdict = f"TimeSeries does {ratio:.2f} of one INSERT a call (goal {goal})"
            write(Table(f"timeseries-clickhouse-{name}", title, _note(), table, [verdict]))
        table, verdicts = asyncio.run(_reading(arena))
        title = f"ClickHouse: {EVENTS:,} events summed up by hour and place, and streamed"
        write(Table("timeseries-clickhouse-reading", title, _note(), table, verdicts))


def _note() -> str:
    return NOTE.format(load=os.getloadavg()[0])


def _client(arena: Arena) -> Client:
    return Client(arena.address, headers=headers, timeout=300)


def _direct(arena: Arena) -> Any:
    """The driver's own client, which is a context manager too."""
    engine = arena.engine
    return clickhouse_connect.get_async_client(
        host="127.0.0.1", port=engine.port, username=engine.user, password=engine.password, compress=False,
        autogenerate_session_id=False,
    )  # fmt: skip


def _appending(arena: Arena, count: int) -> Contestant:
    """Our client, through the gateway."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        ids = itertools.count(int.from_bytes(os.urandom(5)) << 20)
        async with _client(arena) as prism:
            series = prism.timeseries("ticks")
            await series.create("appended", {"place": "string", "value": "double"})

            async def call() -> None:
                now = datetime.now(UTC)
                events = [Event(now, {"place": "Graz", "value": 7.5}, b"", str(next(ids))) for _ in range(count)]
                await series.append("appended", events)

            yield call

    return Contestant(PRISM, opened, arena.pid)


def _inserting(arena: Arena, count: int) -> Contestant:
    """One INSERT a call."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        ids = itertools.count(int.from_bytes(os.urandom(5)) << 20)
        async with await _direct(arena) as direct:
            await direct.command(TABLE.replace("hand", f"inserted{count}"))

            async def call() -> None:
                now = datetime.now(UTC)
                rows = [[now, str(next(ids)), "Graz", 7.5] for _ in range(count)]
                await direct.insert(f"inserted{count}", rows, column_names=_COLUMNS)

            yield call

    return Contestant(HAND, opened)


async def _reading(arena: Arena) -> tuple[list[Row], list[str]]:
    async with _client(arena) as prism, await _direct(arena) as direct:
        series = prism.timeseries("ticks")
        await _fill(series, direct)
        rows, verdicts = [], []
        ways: tuple[tuple[str, float, Callable[[], Awaitable[int]], Callable[[], Awaitable[int]]], ...] = (
            ("aggregate", 0.9, lambda: _aggregate(series), lambda: _aggregate_by_hand(direct)),
            ("stream", 0.25, lambda: _stream(series), lambda: _stream_by_hand(direct)),
        )
        for name, goal, ours, theirs in ways:
            times: dict[str, list[float]] = {PRISM: [], HAND: []}
            for turn in range(ROUNDS):
                found = [await _timed(times[PRISM], ours), await _timed(times[HAND], theirs)]
                assert found[0] == found[1], found
                print(f"  round {turn + 1}/{ROUNDS}  {name}: {times[PRISM][-1]:.2f} s", file=sys.stderr, flush=True)
            seconds = {each: statistics.median(taken) for each, taken in times.items()}
            rows += [
                Row(f"{each}: {name}", {"s": taken, "events/s": EVENTS / taken}) for each, taken in seconds.items()
            ]
            verdicts.append(f"TimeSeries does {seconds[HAND] / seconds[PRISM]:.2f} of {HAND}: {name} (goal {goal})")
        return rows, verdicts


async def _fill(series: TimeSeries, direct: Any) -> None:
    """One event by Prism, all of them from it within ClickHouse: to read them costs the same, to send them does not."""
    await series.create("ticks", {"place": "string", "value": "double"})
    await series.append("ticks", [Event(BEGIN - STEP, {"place": "Graz", "value": 7.5}, b"", "00000000")])
    found = "SELECT concat(database, '.', table), name FROM system.columns WHERE database = 'prism_bench' AND"
    tables = (await direct.query(f"{found} name LIKE 'event\\_%' AND name != 'event_id'")).result_rows
    for table, column in tables:
        if (await direct.query(f"SELECT count() FROM {table} WHERE event_id = '00000000'")).result_rows == [(1,)]:
            await direct.command(
                f"INSERT INTO {table} (ts, event_id, arrival, f0, f1, {column}) "
                f"SELECT toInt64({round(BEGIN.timestamp())}) * 1000000 + number * 1000, leftPad(toString(number), 8, "
                f"'0'), number, concat('place ', toString(number % 10)), number % 1000 / 10, (SELECT {column} FROM "
                f"{table} WHERE event_id = '00000000') FROM numbers({EVENTS})",
                settings={"max_partitions_per_insert_block": 0},
            )
            await direct.command(TABLE)
            await direct.command(
                f"INSERT INTO hand SELECT fromUnixTimestamp64Micro(ts), event_id, f0, f1 FROM {table} "
                f"WHERE ts >= {round(BEGIN.timestamp())} * 1000000"
            )


async def _timed(times: list[float], work: Callable[[], Awaitable[int]]) -> int:
    begun = time.perf_counter()
    found = await work()
    times.append(time.perf_counter() - begun)
    return found


async def _aggregate(series: TimeSeries) -> int:
    functions = {"n": "count", "mean": ("avg", "value"), "most": ("max", "value")}
    asked = series.aggregate("ticks", functions, begin=BEGIN, end=BEGIN + EVENTS * STEP, every=3600, group_by=["place"])
    return len([each async for each in asked])


async def _aggregate_by_hand(direct: Any) -> int:
    statement = (
        "SELECT toStartOfInterval(ts, INTERVAL 1 HOUR) AS hour, place, count(), avg(value), max(value) FROM hand "
        "GROUP BY hour, place ORDER BY hour, place"
    )
    return len((await direct.query(statement)).result_rows)


async def _stream(series: TimeSeries) -> int:
    count = 0
    async for _ in series.stream("ticks", begin=BEGIN):
        count += 1
    return count


async def _stream_by_hand(direct: Any) -> int:
    count = 0
    statement = "SELECT ts, id, place, value FROM hand ORDER BY ts, id"
    async with await direct.query_row_block_stream(statement) as blocks:
        async for block in blocks:
            for _ in block:
                count += 1
    return count


@contextmanager
def _arena() -> Iterator[Arena]:
    engine = Engine()
    engine.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            entry = gateways.namespace("ticks", "clickhouse", "timeseries", urls=[engine.url], database="prism_bench")
            entry["credentials"] = {"username": engine.user, "password": engine.password}
            with gateways.running({"namespaces": [entry]}, Path(folder)) as gateway:
                yield Arena(gateway.data, gateway.pid, engine)
    finally:
        engine.stop()
