"""PubSub that persists on PostgreSQL: what is its store's alone. What it means is in the acceptance suite."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from prism.backends.postgres import watch
from prism.interfaces import pubsub as ps
from prism.sdk import Context

from .pooler import Pooler
from .store import OpenStore, Store

EARLIEST = ps.Start(earliest={})
PROGRESS = ps.Kind.PUB_SUB_KIND_PROGRESS
NOW = ps.Start(now={})

Next = Callable[[], "asyncio.Future[ps.Message]"]


async def publish(store: Store, payload: bytes) -> None:
    """Publishes to the topic `t`."""
    await store.backend._pubsub.publish(ps.PublishRequest(topic="t", payload=payload), Context("ns"))


@asynccontextmanager
async def following(store: Store, start: ps.Start) -> AsyncIterator[Next]:
    """Gives the next answer; the first, which says where it begins, has come."""
    request = ps.SubscribeRequest(topic_pattern=">", start=start)
    answers = store.backend._pubsub.subscribe(request, Context("ns"))
    assert (await anext(answers)).kind == PROGRESS
    try:
        yield lambda: asyncio.ensure_future(anext(answers))
    finally:
        await answers.aclose()


async def payloads(next_: Next, count: int) -> list[bytes]:
    """Of so many messages."""
    found: list[bytes] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            answer = await next_()
            if answer.kind != PROGRESS:
                found.append(answer.payload)
    return found


async def test_who_listens_is_told(postgres_url: str, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another gateway publishes comes without a look, and in its order."""
    one, other = await open_store(postgres_url), await open_store(postgres_url)
    monkeypatch.setattr(watch, "LOOK", 3600.0)
    connection = await asyncpg.connect(postgres_url)
    async with following(one, NOW) as next_:
        async with asyncio.timeout(20):
            while not await connection.fetchval("SELECT count(*) FROM prism.pubsub_waiter"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        for number in range(5):
            await publish(other, b"%d" % number)
        assert await payloads(next_, 5) == [b"0", b"1", b"2", b"3", b"4"]
    await connection.close()


async def test_behind_a_pooler(postgres_url: str, open_store: OpenStore) -> None:
    """In transaction mode nothing is told; a look finds what another gateway has published."""
    with Pooler(postgres_url, "transaction") as pooler:
        one, other = await open_store(pooler.url), await open_store(pooler.url)
        await publish(other, b"before")
        async with following(one, EARLIEST) as next_:
            assert await payloads(next_, 1) == [b"before"]
            await publish(other, b"now")
            assert await payloads(next_, 1) == [b"now"]
        await one.backend._sweep()
        await one.backend.stop()
        await other.backend.stop()


async def test_what_is_kept_no_longer_is_dropped(open_store: OpenStore, postgres_url: str) -> None:
    """A partition goes when all of it is below the floor; a subscription from the earliest begins behind it."""
    store = await open_store(postgres_url, pubsub={"retention": 3600})
    await publish(store, b"old")
    connection = await asyncpg.connect(postgres_url)
    past = 7_200_000_000
    await connection.execute("SELECT prism.pubsub_partition(1::smallint, prism.pubsub_now() - $1)", past)
    await connection.execute("UPDATE prism.pubsub_log SET seq = seq - $1", past)
    parts = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'prism.pubsub_log'::regclass"
    before = await connection.fetchval(parts)
    await publish(store, b"new")
    await store.backend._sweep()
    assert await connection.fetchval(parts) == before - 1
    async with following(store, EARLIEST) as next_:
        assert await payloads(next_, 1) == [b"new"]
    await connection.close()
