"""A message from its publisher to its handler and acknowledged, through the gateway and by queues made by hand."""

import asyncio
import itertools
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from redis.asyncio import BlockingConnectionPool, Redis

import gateways
from bench.arena import compete, rows
from bench.contestants import TIMEOUT, Call, Contestant
from bench.headers import headers
from bench.measure import Sample, load, resident_bytes
from bench.report import Table, write
from prism.backends.postgres.testing import PostgresServer
from prism.backends.redis.testing.server import USER, RedisServer
from prism.client import Client
from prism.client.queue.message import QueueMessage
from prism.plugins.discovery import discover

PUBLISHERS = 64
CONSUMERS = 16
AT_ONCE = 16
"""Messages that a consumer takes at once, each of them in every contest."""
CONNECTIONS = 20
FILLING = bytes(92)
PAUSE = 0.005
"""Seconds between two looks of a consumer by hand that found nothing."""
AGED = 200.0
"""Seconds of load of each of three ways beside an open transaction, which is ten minutes old when it is measured."""
GOAL, IDLE, BESIDE = 1.5, {"postgres": 5, "redis": 5, "sqlite": 15}, 0.8
NOTE = (
    f"A call publishes 100 bytes and waits until they are acknowledged and a handler has them; {CONSUMERS} consumers "
    f"take up to {AT_ONCE} messages at once and acknowledge each. Publishers and consumers share a process; gateway "
    "and stores are others. PostgreSQL syncs each commit to its disk, by hand and through the gateway; Redis has "
    "appendfsync everysec. Median of 5 interleaved rounds; who has no turn has no consumers."
)
SKIP_LOCKED = "asyncpg, FOR UPDATE SKIP LOCKED by hand"
PGMQ = "pgmq's SQL, asyncpg"
STREAMS = "redis-py, Streams by hand"
BY_HAND = {"postgres": (SKIP_LOCKED, PGMQ), "redis": (STREAMS,)}
"""On the same store; what is on another store promises something else."""

Handle = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Arena:
    """A gateway with a namespace for each store, and the stores."""

    address: str
    pid: int
    postgres: str
    redis: RedisServer | None
    stores: tuple[str, ...]


class Post:
    """Messages on their way: who published one waits here until a handler has it."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._waiting: dict[bytes, asyncio.Future[None]] = {}

    def stamp(self) -> tuple[bytes, asyncio.Future[None]]:
        """A payload that no other message has, and what comes true when it is handled."""
        payload = next(self._numbers).to_bytes(8, "big") + FILLING
        self._waiting[payload] = arrival = asyncio.get_running_loop().create_future()
        return payload, arrival

    def handle(self, payload: bytes) -> None:
        """The handler; a message that comes again is another delivery of the same."""
        arrival = self._waiting.pop(payload, None)
        if arrival is not None and not arrival.done():
            arrival.set_result(None)


def run() -> None:
    """Runs the competitions and writes their tables."""
    with _arena() as arena:
        for callers in (1, PUBLISHERS):
            results = asyncio.run(compete(_contestants(arena), callers=callers, apart=True))
            table = rows(results, SKIP_LOCKED)
            if callers == 1:
                verdicts = [
                    f"goal: p50 of an idle queue on {store} below {most} ms: {results[_name(store)].p50 / 1000:.2f} ms"
                    for store, most in IDLE.items()
                    if store in arena.stores
                ]
            else:
                verdicts = [_beside_the_best(results, store) for store in arena.stores]
            verdicts.append(f"resident memory of the gateway: {resident_bytes(arena.pid) / 1e6:.0f} MB")
            verdicts.append(f"load average of the machine, which others share: {os.getloadavg()[1]:.0f}")
            who = "one publisher" if callers == 1 else f"{callers} publishers"
            title = f"Publish to handler, {who}, {CONSUMERS} consumers"
            bars = "calls/s" if callers > 1 else "p50 us"
            write(Table(f"queue-{callers}", title, NOTE, table, verdicts, bars))
        asyncio.run(_beside_a_transaction(arena))


def _beside_the_best(results: Mapping[str, Sample], store: str) -> str:
    """Beside the best by hand on the same store; SQLite, which has none, beside that on PostgreSQL."""
    best = max(BY_HAND.get(store, BY_HAND["postgres"]), key=lambda name: results[name].throughput)
    ours, other = results[_name(store)], results[best]
    return (
        f"goal: at least {GOAL} times the best by hand ({best}): {_name(store)} "
        f"{ours.throughput / other.throughput:.2f} times, p99 {ours.p99 / 1000:.1f} ms beside {other.p99 / 1000:.1f} ms"
    )


async def _beside_a_transaction(arena: Arena) -> None:
    """The same on PostgreSQL while another session's transaction is open, whose snapshot keeps every dead row."""
    ways = [prism_queue(arena, "postgres"), _skip_locked(arena), _pgmq(arena)]
    before = await compete(ways, callers=PUBLISHERS, apart=True)
    foreign = await asyncpg.connect(arena.postgres)
    await foreign.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current(), count(*) FROM pg_class")
    for way in ways:
        print(f"  {way.name}: {AGED:.0f} s of load beside an open transaction", file=sys.stderr, flush=True)
        async with way.open() as call:
            await load(call, callers=PUBLISHERS, seconds=AGED)
    after = await compete(ways, callers=PUBLISHERS, apart=True)
    await foreign.close()
    shares = {way.name: after[way.name].throughput / before[way.name].throughput for way in ways}
    verdicts = [f"goal: at least {BESIDE} of what it is without: {name} {share:.2f}" for name, share in shares.items()]
    verdicts.append(f"load average of the machine, which others share: {os.getloadavg()[1]:.0f}")
    note = (
        f"{NOTE} Beside a transaction of another session that has been open for ten minutes, {AGED:.0f} s of "
        "this load of each way: what is acknowledged cannot be vacuumed."
    )
    title = f"Publish to handler beside an open transaction, {PUBLISHERS} publishers"
    write(Table("queue-open-transaction", title, note, rows(after, SKIP_LOCKED), verdicts, "calls/s"))


def _contestants(arena: Arena) -> list[Contestant]:
    by_hand = [_skip_locked(arena), _pgmq(arena), _streams(arena)]
    return [*(prism_queue(arena, store) for store in arena.stores), *by_hand]


def _name(store: str) -> str:
    return f"Prism on {store}, its Python client"


@contextmanager
def _arena() -> Iterator[Arena]:
    serving = [
        name for name in ("postgres", "redis", "sqlite") if "queue" in discover().found[name].manifest.interfaces
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        PostgresServer() as postgres,
        RedisServer({"appendfsync": "everysec"}) as redis,
    ):
        url = postgres.create_database()
        configs: dict[str, dict[str, object]] = {
            "postgres": {"connection_string": url},
            "redis": {"addresses": [redis.address]},
            "sqlite": {"path": f"{folder}/queue.db"},
        }
        entries = [gateways.namespace(name, name, "queue", **configs[name]) for name in serving]
        for entry in entries:
            if entry["name"] == "redis":
                entry["credentials"] = {"username": USER, "password": redis.password}
        with gateways.running({"namespaces": entries}, Path(folder)) as gateway:
            yield Arena(gateway.data, gateway.pid, url, redis, tuple(serving))


def prism_queue(arena: Arena, namespace: str) -> Contestant:
    """Our client, through the gateway."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        post = Post()
        async with AsyncExitStack() as stack:
            prism = await stack.enter_async_context(Client(arena.address, headers=headers, timeout=TIMEOUT))
            queue = prism.queue(namespace)

            async def handler(message: QueueMessage) -> None:
                post.handle(message.payload)

            workers = [queue.worker("bench", handler, group="workers", concurrency=AT_ONCE) for _ in range(CONSUMERS)]
            running = [asyncio.create_task(each.run()) for each in workers]

            async def call() -> None:
                payload, arrival = post.stamp()
                await queue.publish("bench", payload)
                await arrival

            try:
                yield call
            finally:
                for each in workers:
                    each.stop()
                await asyncio.gather(*running)

    return Contestant(_name(namespace), opened, arena.pid)


@asynccontextmanager
async def consumers(takes: list[Callable[[], Awaitable[int]]]) -> AsyncIterator[None]:
    """Consumers by hand: each takes what there is, and looks again a little later where there was nothing."""
    done = asyncio.Event()

    async def consume(take: Callable[[], Awaitable[int]]) -> None:
        while not done.is_set():
            if not await take():
                await asyncio.sleep(PAUSE)

    tasks = [asyncio.create_task(consume(take)) for take in takes]
    try:
        yield
    finally:
        done.set()
        await asyncio.gather(*tasks)


def _by_hand(arena: Arena, name: str, table: str, send: str, read: str, delete: str) -> Contestant:
    """A queue in a table: each message sent in a transaction, taken by the row's lock and a time, and deleted."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        post = Post()
        async with asyncpg.create_pool(arena.postgres, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
            await pool.execute(table)

            async def take() -> int:
                found = await pool.fetch(read, AT_ONCE)
                for number, payload in found:
                    post.handle(payload)
                    await pool.execute(delete, number)
                return len(found)

            async def call() -> None:
                payload, arrival = post.stamp()
                await pool.execute(send, payload)
                await arrival

            async with consumers([take] * CONSUMERS):
                yield call

    return Contestant(name, opened)


def _skip_locked(arena: Arena) -> Contestant:
    return _by_hand(
        arena,
        SKIP_LOCKED,
        """
        CREATE TABLE IF NOT EXISTS job (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, due timestamptz NOT NULL DEFAULT now(),
            attempts int NOT NULL DEFAULT 0, payload bytea NOT NULL);
        CREATE INDEX IF NOT EXISTS job_due ON job (due);
        """,
        "INSERT INTO job (payload) VALUES ($1)",
        """
        UPDATE job SET due = now() + interval '30 seconds', attempts = attempts + 1
        WHERE id IN (SELECT id FROM job WHERE due <= now() ORDER BY due LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING id, payload
        """,
        "DELETE FROM job WHERE id = $1",
    )


def _pgmq(arena: Arena) -> Contestant:
    """The statements that pgmq's `send`, `read` and `delete` run, on a table as its `create` makes it."""
    return _by_hand(
        arena,
        PGMQ,
        """
        CREATE TABLE IF NOT EXISTS q_bench (
            msg_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, read_ct int NOT NULL DEFAULT 0,
            enqueued_at timestamptz NOT NULL DEFAULT now(), vt timestamptz NOT NULL, message bytea);
        CREATE INDEX IF NOT EXISTS q_bench_vt_idx ON q_bench (vt ASC);
        """,
        "INSERT INTO q_bench (vt, message) VALUES (clock_timestamp(), $1) RETURNING msg_id",
        """
        WITH cte AS (
            SELECT msg_id FROM q_bench WHERE vt <= clock_timestamp() ORDER BY msg_id ASC LIMIT $1 FOR UPDATE SKIP LOCKED
        )
        UPDATE q_bench AS m SET vt = clock_timestamp() + interval '30 seconds', read_ct = read_ct + 1
        FROM cte WHERE m.msg_id = cte.msg_id RETURNING m.msg_id, m.message
        """,
        "DELETE FROM q_bench WHERE msg_id = $1",
    )


def _streams(arena: Arena) -> Contestant:
    """XADD for each message; a consumer reads and acknowledges each."""
    assert arena.redis is not None
    redis_server = arena.redis

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        post = Post()
        pool = BlockingConnectionPool(
            host="127.0.0.1",
            port=redis_server.port,
            username=USER,
            password=redis_server.password,
            max_connections=CONNECTIONS + CONSUMERS,
        )
        async with Redis.from_pool(pool) as redis:
            await redis.delete("bench")
            await redis.xgroup_create("bench", "workers", mkstream=True)

            def taking(consumer: str) -> Callable[[], Awaitable[int]]:
                async def take() -> int:
                    found = await redis.xreadgroup("workers", consumer, {"bench": ">"}, count=AT_ONCE, block=100)
                    entries = found[0][1] if found else []
                    for number, fields in entries:
                        post.handle(fields[b"p"])
                        await redis.xack("bench", "workers", number)
                    return len(entries)

                return take

            async def call() -> None:
                payload, arrival = post.stamp()
                await redis.xadd("bench", {"p": payload}, maxlen=100_000, approximate=True)
                await arrival

            async with consumers([taking(f"c{number}") for number in range(CONSUMERS)]):
                yield call

    return Contestant(STREAMS, opened)
