"""Consumers of a queue with nothing to do ask its store for nothing: they are woken."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import pytest

from backends.opened import open_backend
from missing import missing
from prism.acceptance.store.backend import StoreMissing
from prism.context import Context
from prism.interfaces import queue as q
from prism.sdk.queue import StoredQueue

HERE = Context("n")
CONSUMERS = 4
WATCHED = 0.5
"""Seconds: a store that is asked again and again is asked a thousand times in them."""


@asynccontextmanager
async def memory(_: pytest.FixtureRequest) -> AsyncIterator[dict[str, Any]]:
    """Nothing to say."""
    yield {}


@asynccontextmanager
async def sqlite(request: pytest.FixtureRequest) -> AsyncIterator[dict[str, Any]]:
    """A file."""
    yield {"path": request.getfixturevalue("tmp_path") / "data.db"}


@asynccontextmanager
async def postgres(request: pytest.FixtureRequest) -> AsyncIterator[dict[str, Any]]:
    """A database."""
    yield {"connection_string": request.getfixturevalue("postgres_url")}


@asynccontextmanager
async def redis(_: pytest.FixtureRequest) -> AsyncIterator[dict[str, Any]]:
    """A server."""
    pytest.importorskip("redis")
    from prism.backends.redis.testing.server import RedisServer

    try:
        server = RedisServer()
        server.start()
    except StoreMissing as absent:
        missing(str(absent))
    try:
        yield {"addresses": [server.address], "login": dict(server.credentials())}
    finally:
        server.stop()


@pytest.fixture(params=[memory, sqlite, postgres, redis], ids=lambda store: store.__name__)
async def queue(request: pytest.FixtureRequest) -> AsyncIterator[StoredQueue]:
    """Queue on each store."""
    async with request.param(request) as config:
        backend, _ = await open_backend(request.param.__name__, **config)
        try:
            yield next(each for each in backend.interfaces if isinstance(each, StoredQueue))
        finally:
            await backend.stop()


async def subscribe(*, consumer: str) -> AsyncIterator[q.ConsumeRequest]:
    """A stream that stays."""
    yield q.ConsumeRequest(subscribe=q.Subscribe(topic="t", group="g", consumer_id=consumer))
    await asyncio.Event().wait()


def counted(queue: StoredQueue, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows with each claim from now on."""
    claims: list[None] = []
    claim: Callable[..., Coroutine[Any, Any, Any]] = queue._store.claim

    async def count(*arguments: Any) -> Any:
        claims.append(None)
        return await claim(*arguments)

    monkeypatch.setattr(queue._store, "claim", count)
    return claims


async def test_an_empty_group(queue: StoredQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its first message, and after its last one was acknowledged; each is delivered at once."""
    claims = counted(queue, monkeypatch)
    got: asyncio.Queue[q.ConsumeResponse] = asyncio.Queue()

    async def read(stream: AsyncIterator[q.ConsumeResponse]) -> None:
        async for response in stream:
            await got.put(response)

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        reading = []
        for number in range(CONSUMERS):
            stream: Any = queue.consume(subscribe(consumer=f"c{number}"), HERE)
            await stack.enter_async_context(aclosing(stream))
            assert (await anext(stream)).HasField("subscribed")
            reading.append(tasks.create_task(read(stream)))
        for _ in range(2):
            await asyncio.sleep(0.1)
            before = len(claims)
            await asyncio.sleep(WATCHED)
            assert len(claims) - before <= 2 * CONSUMERS
            await queue.publish(q.PublishRequest(topic="t", payload=b"work"), HERE)
            message = (await got.get()).message
            assert message.payload == b"work"
            done = q.AcknowledgeRequest(topic="t", group="g", receipts=[message.receipt])
            assert not (await queue.acknowledge(done, HERE)).results[0].HasField("error")
        for each in reading:
            each.cancel()
