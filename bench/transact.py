"""A row and the message about it: Transact beside the same SQL by hand; the relay, from the commit to a consumer."""

import asyncio
import itertools
import os
import statistics
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import asyncpg

import gateways
from bench.arena import compete, rows
from bench.contestants import TIMEOUT, Call, Contestant
from bench.headers import headers
from bench.report import Row, Table, write
from prism.backends.postgres.testing import PostgresServer
from prism.client import Client, Mail, insert

WRITERS = 64
CONNECTIONS = 20
PAYLOAD = bytes(100)
RELAYED = 300
"""Messages of each measurement of the relay, one after the other."""
_WARMING = 50
"""Messages before, the first of which says how long a start takes."""
PAUSE = 0.01
"""Seconds between two of them: a relay that waits is woken each time."""
P50, P99 = 20, 200
BY_HAND = "asyncpg: INSERT, INSERT, COMMIT by hand"
TABLES = """
CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, total bigint NOT NULL);
CREATE TABLE hand_orders (id bigint PRIMARY KEY, customer text NOT NULL, total bigint NOT NULL);
CREATE TABLE hand_outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload bytea NOT NULL);
"""
NOTE = (
    "A call writes a row and a message of 100 bytes in one transaction, which PostgreSQL syncs to its disk. By hand "
    f"the same two inserts go over {CONNECTIONS} connections of asyncpg, with no order of commits, key or bound. "
    "Median of 5 interleaved rounds."
)
RELAY_NOTE = (
    "From the answer to a write, which follows its commit, to a consumer that has the message from the queue that the "
    f"relay of the gateway fills; {RELAYED} writes, {PAUSE * 1000:.0f} ms apart, after {_WARMING} others. The consumer "
    "acknowledges each before it takes the next. Both namespaces are on one "
    "PostgreSQL."
)


@dataclass(frozen=True, slots=True)
class Arena:
    """A gateway with the tables, a mailbox that it relays to a queue, and the store."""

    address: str
    pid: int
    postgres: str


def run() -> None:
    """Runs the competitions and writes their tables."""
    with _arena() as arena:
        for callers in (1, WRITERS):
            results = asyncio.run(compete([_prism(arena), _by_hand(arena)], callers=callers))
            ratio = results["Prism, its Python client"].throughput / results[BY_HAND].throughput
            verdicts = [f"Transact does {ratio:.2f} of what the same SQL by hand does", _load()]
            who = "one writer" if callers == 1 else f"{callers} writers"
            write(Table(f"transact-{callers}", f"A row and a message, {who}", NOTE, rows(results, BY_HAND), verdicts))
        asyncio.run(_relay(arena))


async def _relay(arena: Arena) -> None:
    first = await _latencies(arena, _WARMING)
    alone = await _latencies(arena)
    foreign = await asyncpg.connect(arena.postgres)
    await foreign.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current(), count(*) FROM pg_class")
    beside = await _latencies(arena)
    await foreign.close()
    table = []
    verdicts = [f"the first message of the gateway, whose relay, mailbox and topic are made for it: {first[0]:.0f} ms"]
    for name, found in (("alone", alone), ("beside a transaction that stays open", beside)):
        p50, p99 = statistics.median(found), statistics.quantiles(found, n=100)[98]
        table.append(Row(name, {"p50 ms": p50, "p99 ms": p99, "longest ms": max(found)}))
        word = "met" if p50 <= P50 and p99 <= P99 else "missed"
        verdicts.append(
            f"goal: p50 {P50} ms and p99 {P99} ms from the commit to a consumer, {name}: {p50:.1f}, {p99:.1f}: {word}"
        )
    verdicts.append(_load())
    write(Table("transact-relay", "The relay, from the commit to a consumer", RELAY_NOTE, table, verdicts))


async def _latencies(arena: Arena, count: int = RELAYED) -> list[float]:
    """Milliseconds of each message, of so many."""
    committed: dict[bytes, float] = {}
    found: list[float] = []
    numbers = itertools.count()
    async with Client(arena.address, headers=headers, timeout=TIMEOUT) as prism:
        messages = prism.queue("work").consume("events", group="bench", start="latest", max_in_flight=100)

        async def consume() -> None:
            async for message in messages:
                now = perf_counter()
                while message.payload not in committed:  # it came before the answer to its write
                    await asyncio.sleep(0)
                    if message.payload not in committed and perf_counter() - now > TIMEOUT:
                        return
                found.append(max(now - committed[message.payload], 0.0) * 1000)
                await message.acknowledge()
                if len(found) == count:
                    return

        consuming = asyncio.create_task(consume())
        shop = prism.transact("shop")
        for _ in range(count):
            payload = b"%d-%d" % (id(found), next(numbers))
            await shop.write(mail=[Mail("relayed", payload)])
            committed[payload] = perf_counter()
            await asyncio.sleep(PAUSE)
        await asyncio.wait_for(consuming, 60)
        await messages.aclose()
    return found


def _prism(arena: Arena) -> Contestant:
    """Our client, through the gateway."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        ids = itertools.count(int.from_bytes(os.urandom(5)) << 20)
        async with Client(arena.address, headers=headers, timeout=TIMEOUT) as prism:
            shop = prism.transact("shop")

            async def call() -> None:
                number = next(ids)
                await shop.write(
                    insert("orders", {"id": number, "customer": "ann", "total": 30}), mail=[Mail("written", PAYLOAD)]
                )

            yield call

    return Contestant("Prism, its Python client", opened, arena.pid)


def _by_hand(arena: Arena) -> Contestant:
    """The same statements on a pool."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        ids = itertools.count(int.from_bytes(os.urandom(5)) << 20)
        async with asyncpg.create_pool(arena.postgres, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:

            async def call() -> None:
                async with pool.acquire() as connection, connection.transaction():
                    await connection.execute("INSERT INTO hand_orders VALUES ($1, $2, $3)", next(ids), "ann", 30)
                    await connection.execute("INSERT INTO hand_outbox (payload) VALUES ($1)", PAYLOAD)

            yield call

    return Contestant(BY_HAND, opened)


def _load() -> str:
    ahead = ", ahead of which this ran by its priority" if os.nice(0) < 0 else ""
    return f"load average of the machine, which others share: {os.getloadavg()[0]:.0f}{ahead}"


@contextmanager
def _arena() -> Iterator[Arena]:
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as postgres:
        url = postgres.create_database()
        for statement in filter(str.strip, TABLES.split(";")):
            postgres.execute(statement, url=url)
        options = {"connection_string": url, "transact": {"collections": {"orders": {}}}}
        config = {
            "namespaces": [
                gateways.namespace("shop", "postgres", "transact", **options),
                gateways.namespace("work", "postgres", "queue", connection_string=url),
            ],
            "relays": [{"mailbox": "shop/relayed", "to": "work/events"}],
        }
        with gateways.running(config, Path(folder)) as gateway:
            yield Arena(gateway.data, gateway.pid, url)
