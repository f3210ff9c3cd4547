"""Events a second: TimeSeries on PostgreSQL beside asyncpg with one insert a call, and beside batches made by hand."""

import asyncio
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time_ns

import asyncpg

import gateways
from bench.arena import compete
from bench.contestants import TIMEOUT, Call, Contestant
from bench.headers import headers
from bench.report import Row, Table, write
from prism.backends.postgres.testing import PostgresServer
from prism.client import Client, Event

CALLERS, CONNECTIONS = 64, 20
SMALL, LARGE, FEW = 5, 1000, 4
TABLE = """
CREATE TABLE ticks (ts bigint NOT NULL, id text COLLATE "C" NOT NULL, place text, value double precision,
    PRIMARY KEY (ts, id))
"""
INSERT = "INSERT INTO ticks SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::float8[])"
NOTE = (
    "A call stores events with two fields; PostgreSQL syncs what it acknowledges to its disk. By hand a call is one "
    f"INSERT of its events with unnest, over {CONNECTIONS} connections of asyncpg, into a table with the same key. "
    "Median of 5 interleaved rounds."
)


@dataclass(frozen=True, slots=True)
class Arena:
    """A gateway, and the store."""

    address: str
    pid: int
    postgres: str


def run() -> None:
    """Runs the competitions and writes their tables."""
    with _arena() as arena:
        for callers, events, name, goal in ((CALLERS, SMALL, "small", 5.0), (FEW, LARGE, "large", 0.7)):
            results = asyncio.run(compete([_prism(arena, events), _by_hand(arena, events)], callers=callers))
            prism, hand = results["Prism, its Python client"], results["asyncpg: one INSERT a call"]
            table = [
                Row(
                    each,
                    {
                        "events/s": sample.throughput * events,
                        "ratio": sample.throughput / hand.throughput,
                        "p50 us": sample.p50,
                        "p99 us": sample.p99,
                        "gateway CPU us an event": sample.cpu_per_thousand / events if sample.cpu else "",
                        "callers' CPU us an event": sample.own_per_thousand / events,
                    },
                )
                for each, sample in results.items()
            ]
            verdicts = [
                f"TimeSeries does {prism.throughput / hand.throughput:.2f} of asyncpg by hand (goal {goal})",
                f"load average of the machine, which others share: {os.getloadavg()[0]:.0f}",
            ]
            title = f"Appending {events} events a call, {callers} callers"
            write(Table(f"timeseries-{name}", title, NOTE, table, verdicts))


def _prism(arena: Arena, count: int) -> Contestant:
    """Our client, through the gateway."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        ids = itertools.count(int.from_bytes(os.urandom(5)) << 20)
        async with Client(arena.address, headers=headers, timeout=TIMEOUT) as prism:
            series = prism.timeseries("ticks")
            await series.create("ticks", {"place": "string", "value": "double"}, dedup=True)

            async def call() -> None:
                now = datetime.now(UTC)
                events = [Event(now, {"place": "Graz", "value": 7.5}, b"", str(next(ids))) for _ in range(count)]
                await series.append("ticks", events)

            yield call

    return Contestant("Prism, its Python client", opened, arena.pid)


def _by_hand(arena: Arena, count: int) -> Contestant:
    """One statement a call on a pool."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        ids = itertools.count(int.from_bytes(os.urandom(5)) << 20)
        async with asyncpg.create_pool(arena.postgres, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:

            async def call() -> None:
                now = time_ns() // 1000
                names = [str(next(ids)) for _ in range(count)]
                await pool.execute(INSERT, [now] * count, names, ["Graz"] * count, [7.5] * count)

            yield call

    return Contestant("asyncpg: one INSERT a call", opened)


@contextmanager
def _arena() -> Iterator[Arena]:
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as postgres:
        url = postgres.create_database()
        postgres.execute(TABLE, url=url)
        config = {"namespaces": [gateways.namespace("ticks", "postgres", "timeseries", connection_string=url)]}
        with gateways.running(config, Path(folder)) as gateway:
            yield Arena(gateway.data, gateway.pid, url)
