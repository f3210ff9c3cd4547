"""The sweeper: what has expired leaves the tables, in bites, by one gateway at a time, waiting for nobody."""

import asyncpg

from prism._proto.data.v1 import keyvalue_pb2 as pb
from prism.backends.postgres.testing import RunningServer

from .store import OpenStore, Store

COUNT = "SELECT count(*) FROM prism.items"


async def put_expired(store: Store, server: RunningServer, url: str, count: int) -> None:
    """Items whose time has come."""
    items = [pb.KeyValuePutItem(key=b"%d" % n, value=b"v", ttl={"seconds": 1000}) for n in range(count)]
    await store.call("Put", id="r", items=items)
    server.execute("UPDATE prism.items SET expires_at = now() - interval '1 second'", url=url)


async def test_expired_items_leave_the_table(postgres_url: str, postgres_server: RunningServer, open_store: OpenStore):
    """In bites until none is left, by a sweeper that runs by itself; living items stay."""
    idle = await open_store(postgres_url, sweep_interval=1000)
    await put_expired(idle, postgres_server, postgres_url, 900)
    await idle.put("living", {b"k": b"v"})
    assert await idle.backend.holds_data("ns")
    await open_store(postgres_url, sweep_interval=0.01)
    while postgres_server.execute(COUNT, url=postgres_url)[0][0] > 1:
        assert (await idle.call("ListRecords")).ids == ["living"]
    assert await idle.get("living", b"k") == {b"k": b"v"}


async def test_a_bite_is_small_and_says_whether_more_is_left(
    postgres_url: str, postgres_server: RunningServer, open_store: OpenStore
):
    """900 expired items are two bites."""
    store = await open_store(postgres_url, sweep_interval=1000)
    await put_expired(store, postgres_server, postgres_url, 900)
    assert await store.backend._sweep()
    assert not await store.backend._sweep()
    assert postgres_server.execute(COUNT, url=postgres_url)[0][0] == 0


async def test_a_locked_item_is_left_for_later(
    postgres_url: str, postgres_server: RunningServer, open_store: OpenStore
):
    """The sweeper waits for no other transaction, and for no other gateway that sweeps."""
    store = await open_store(postgres_url, sweep_interval=1000)
    await put_expired(store, postgres_server, postgres_url, 3)
    outsider = await asyncpg.connect(postgres_url)
    async with outsider.transaction():
        await outsider.execute("SELECT FROM prism.items WHERE key = '1' FOR UPDATE")
        assert not await store.backend._sweep()
        assert postgres_server.execute(COUNT, url=postgres_url)[0][0] == 1
    async with outsider.transaction():
        await outsider.execute("SELECT pg_advisory_xact_lock(hashtextextended('prism.sweep.prism', 0))")
        assert not await store.backend._sweep()
        assert postgres_server.execute(COUNT, url=postgres_url)[0][0] == 1
    await outsider.close()
    await store.backend._sweep()
    assert postgres_server.execute(COUNT, url=postgres_url)[0][0] == 0


async def test_idempotency_keys_are_forgotten_after_a_day(
    postgres_url: str, postgres_server: RunningServer, open_store: OpenStore
):
    """A day later the key is free, swept or not; and the sweeper removes it."""
    store = await open_store(postgres_url, sweep_interval=1000)
    await store.put("r", {b"k": b"1"}, idempotency_key="i")
    age = "UPDATE prism.idempotency SET used_at = used_at - interval '24 hours'"
    postgres_server.execute(age, url=postgres_url)
    await store.put("r", {b"k": b"2"}, idempotency_key="i")
    assert await store.get("r", b"k") == {b"k": b"2"}
    postgres_server.execute(age, url=postgres_url)
    await store.backend._sweep()
    assert postgres_server.execute("SELECT count(*) FROM prism.idempotency", url=postgres_url)[0][0] == 0
