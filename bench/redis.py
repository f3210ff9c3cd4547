"""KeyValue.Get and Cache.Get on Redis, 64 callers, against redis-py used directly: plainly, and pipelined by hand."""

import asyncio
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import BlockingConnectionPool, Redis

import gateways
from bench import contestants as who
from bench.arena import compete, rows
from bench.contestants import TIMEOUT, Call, Contestant
from bench.data import KEY, RECORDS, VALUE, any_record, fill
from bench.headers import headers
from bench.report import Table, write
from prism.backends.redis.data.layout import Names, unpack
from prism.backends.redis.testing.server import USER, RedisServer
from prism.client import Client
from prism.interfaces import cache as messages
from prism.wire import Channel, Deadline, Metadata

CALLERS = 64
GOAL = 1.5
NAMES = Names("prism")
CACHE_GET = "/prism.data.v1.Cache/Get"
NOTE = (
    f"Gets of one 100-byte value at random out of {RECORDS:,}, {CALLERS} callers in one process; through the gateway "
    "with deadline, trace id, 200-byte token and request id. Median of 5 interleaved rounds. Ratios are against "
    "redis-py with a pool of 16 and a command for each call."
)


def run() -> None:
    """Runs both competitions and writes their tables."""
    with tempfile.TemporaryDirectory() as folder, RedisServer({"appendfsync": "everysec"}) as server:
        common = {
            "backend": "redis",
            "config": {"addresses": [server.address]},
            "credentials": {"username": USER, "password": server.password},
        }
        entries = [
            {"name": "records", "abstraction": "keyvalue", **common},
            {"name": "cache", "abstraction": "cache", **common},
        ]
        with gateways.running({"namespaces": entries}, Path(folder)) as gateway:
            asyncio.run(_fill(gateway.data))
            stored = [
                who.prism_client(gateway.data, "records", gateway.pid),
                who.channel(gateway.data, "records", gateway.pid),
            ]
            _compete("keyvalue", server, _stored_name, stored)
            cached = [_cache_client(gateway.data, gateway.pid), _cache_channel(gateway.data, gateway.pid)]
            _compete("cache", server, _cached_name, cached)


def _compete(what: str, server: RedisServer, name: who.Callable[[], bytes], ways: list[Contestant]) -> None:
    plain, pipelined = _plain(server, name), _pipelined(server, name)
    results = asyncio.run(compete([plain, pipelined, *ways], callers=CALLERS))
    ratio = max(results[way.name].throughput for way in ways) / results[plain.name].throughput
    word = "met" if ratio >= GOAL else "missed"
    verdict = f"goal: the better of our ways at least {GOAL} times redis-py called plainly: {ratio:.2f} times, {word}"
    title = f"{'KeyValue' if what == 'keyvalue' else 'Cache'}.Get on Redis, {CALLERS} callers"
    write(Table(f"{what}-redis-{CALLERS}", title, NOTE, rows(results, plain.name), [verdict], "calls/s"))


async def _fill(address: str) -> None:
    await fill(address, "records")
    async with Client(address, timeout=60) as prism:
        cache = prism.cache("cache")
        for start in range(0, RECORDS, 500):
            keys = (f"record-{number:06}".encode() for number in range(start, start + 500))
            await asyncio.gather(*(cache.set(key, VALUE) for key in keys))


def _stored_name() -> bytes:
    return NAMES.record("records", any_record().encode()) + b"i" + KEY


def _cached_name() -> bytes:
    return NAMES.cached("cache", any_record().encode())


def _value(stored: bytes) -> bytes | None:
    return stored if stored == VALUE else unpack(stored).value


def _client(server: RedisServer, connections: int) -> Redis:
    pool = BlockingConnectionPool(
        host="127.0.0.1", port=server.port, username=USER, password=server.password, max_connections=connections
    )
    return Redis.from_pool(pool)


def _plain(server: RedisServer, name: who.Callable[[], bytes]) -> Contestant:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        async with _client(server, 16) as redis:

            async def call() -> None:
                assert _value(await redis.get(name())) == VALUE

            yield call

    return Contestant("redis-py, pool of 16", opened)


def _pipelined(server: RedisServer, name: who.Callable[[], bytes]) -> Contestant:
    """An application that does the gateway's work itself: joins the gets of its own callers."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        async with _client(server, 2) as redis:
            waiting: deque[tuple[bytes, asyncio.Future[bytes]]] = deque()
            tasks: set[asyncio.Task[None]] = set()

            async def run() -> None:
                while waiting:
                    batch = [waiting.popleft() for _ in range(min(len(waiting), 256))]
                    pipeline = redis.pipeline(transaction=False)
                    for key, _ in batch:
                        pipeline.get(key)
                    for (_, future), stored in zip(batch, await pipeline.execute(), strict=True):
                        future.set_result(stored)

            async def call() -> None:
                future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
                waiting.append((name(), future))
                if len(tasks) < 2:
                    tasks.add(task := asyncio.create_task(run()))
                    task.add_done_callback(tasks.discard)
                assert _value(await future) == VALUE

            yield call

    return Contestant("redis-py, pipelined by hand", opened)


def _cache_client(address: str, pid: int) -> Contestant:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        async with Client(address, headers=headers, timeout=TIMEOUT) as prism:
            cache = prism.cache("cache")

            async def call() -> None:
                assert await cache.get(any_record().encode()) == VALUE

            yield call

    return Contestant("Prism, its Python client", opened, pid)


def _cache_channel(address: str, pid: int) -> Contestant:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        async with Channel(address) as wire:

            async def call() -> None:
                metadata = Metadata([("prism-namespace", "cache"), *headers().items()])
                request = messages.GetRequest(key=any_record().encode()).SerializeToString()
                answer = await wire.unary(CACHE_GET, request, metadata=metadata, deadline=Deadline.after(TIMEOUT))
                assert messages.GetResponse.FromString(answer).value == VALUE

            yield call

    return Contestant("Prism, bare channel", opened, pid)
