"""PostgreSQL behind a real PgBouncer, in session and in transaction mode: names and settings hold all the same."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from prism._proto.data.v1 import keyvalue_pb2 as pb
from prism.errors import BackendUnavailable, Conflict, Outcome

from .pooler import Pooler
from .store import OpenStore, Store

SIDE_BY_SIDE = 300


@pytest.fixture(params=["session", "transaction"])
def pooler(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[Pooler]:
    """A pooler in a mode that works."""
    # In session mode each of a gateway's sessions holds a server's; in transaction mode they share a few.
    size = 40 if request.param == "session" else 3
    with Pooler(postgres_url, request.param, default_pool_size=size) as pooler:
        yield pooler


async def directly(url: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
    """What a statement gives without the pooler."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()


async def check_operations(store: Store) -> None:
    """Every kind of statement."""
    (version,) = await store.put("r", {b"k": b"v"}, idempotency_key="once")
    assert await store.put("r", {b"k": b"v"}, idempotency_key="once") == [version]
    assert await store.get("r", b"k") == {b"k": b"v"}
    assert (await store.call("CompareAndSwap", id="r", key=b"k", expected_version=version, new_value=b"w")).swapped
    assert (await store.call("CompareAndSwap", id="r", key=b"n", expected_absent={}, new_value=b"n")).swapped
    assert (await store.call("Exists", id="r", keys=[b"k", b"x"])).keys == [b"k"]
    assert (await store.call("Expire", id="r", keys=[b"k"], ttl={"seconds": 60})).keys == [b"k"]
    assert [item.key for item in (await store.call("Scan", id="r")).items] == [b"k", b"n"]
    assert [each.id for each in await store.stream()] == ["r"]
    assert (await store.call("ListRecords")).ids == ["r"]
    assert (await store.cache("Set", key=b"c", value=b"1")).stored
    assert (await store.cache("Increment", key=b"c", delta=2)).value == 3
    assert (await store.call("Delete", id="r", keys=[b"n"])).count == 1
    await store.backend._sweep()
    assert (await store.backend.health()).message == ""


async def test_everything_works_in_the_schema_that_is_configured(
    pooler: Pooler, postgres_url: str, open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    """The pooler is as installed; tables and data are in the schema and nowhere else, a restart finds them, and a
    second schema is another store."""
    store = await open_store(pooler.url, schema="orders")
    assert "a pooler in front of PostgreSQL drops the settings of sessions" in caplog.text
    await check_operations(store)
    await store.backend.stop()
    again = await open_store(pooler.url, schema="orders")
    assert await again.get("r", b"k") == {b"k": b"w"}
    other = await open_store(pooler.url, schema="stock")
    assert await other.get("r", b"k") == {}
    rows = await directly(postgres_url, "SELECT id, value FROM orders.items")
    assert [tuple(row) for row in rows] == [(b"r", b"w")]
    spaces = await directly(postgres_url, "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'items'")
    assert {space for (space,) in spaces} == {"orders", "stock"}


async def test_many_calls_side_by_side(pooler: Pooler, open_store: OpenStore) -> None:
    """Two backends, each with more sessions than there are servers in transaction mode: every call has its answer."""
    stores = [await open_store(pooler.url), await open_store(pooler.url)]

    async def work(number: int) -> dict[bytes, bytes]:
        store, key = stores[number % 2], b"%d" % number
        await store.put(f"r{number % 7}", {key: key})
        swap = {"expected_value": key, "new_value": key + b"!"}
        assert (await store.call("CompareAndSwap", id=f"r{number % 7}", key=key, **swap)).swapped
        return await stores[(number + 1) % 2].get(f"r{number % 7}", key)

    found = await asyncio.gather(*(work(number) for number in range(SIDE_BY_SIDE)))
    assert found == [{b"%d" % number: b"%d!" % number} for number in range(SIDE_BY_SIDE)]


async def test_settings_hold_and_do_not_leak(pooler: Pooler, postgres_url: str, open_store: OpenStore) -> None:
    """A lock is waited for as long as configured; the session goes on after; others of the pooler keep their own."""
    store = await open_store(pooler.url, lock_timeout=0.2)
    await store.put("r", {b"k": b"v"})
    holder = await asyncpg.connect(postgres_url)
    await holder.execute("BEGIN; UPDATE prism.items SET value = 'x'")
    with pytest.raises(Conflict, match="lock timeout") as caught:
        await store.call("Delete", id="r", keys=[b"k"])
    assert caught.value.outcome is Outcome.NOT_APPLIED
    await holder.close()
    assert (await store.call("Delete", id="r", keys=[b"k"])).count == 1
    for name, own in (("lock_timeout", "0"), ("enable_seqscan", "on"), ("search_path", '"$user", public')):
        other = await asyncpg.connect(pooler.url, statement_cache_size=0)
        async with other.transaction():
            assert await other.fetchval(f"SELECT current_setting('{name}')") == own
        await other.close()


async def test_a_pooler_that_is_started_again(pooler: Pooler, open_store: OpenStore) -> None:
    """Reads and writes go on as they do with PostgreSQL itself."""
    store = await open_store(pooler.url)
    await store.put("r", {b"k": b"v"})
    pooler.process.kill()
    with pytest.raises(BackendUnavailable):
        await store.get("r", b"k")
    pooler.start()
    assert await store.get("r", b"k") == {b"k": b"v"}
    assert pb.KeyValuePutResponse(versions=await store.put("r", {b"k": b"w"})).versions


async def test_statement_mode_is_refused(postgres_url: str, open_store: OpenStore) -> None:
    """It has no transactions; the pooler's own words say so."""
    with Pooler(postgres_url, "statement") as pooler:
        store = await open_store(pooler.url, start=False)
        with pytest.raises(BackendUnavailable, match=r"refuses the connection.*statement pooling mode"):
            await store.backend.start()


async def test_the_path_decides_nothing_directly(postgres_url: str, open_store: OpenStore) -> None:
    """Without a pooler, too, a table of the same name that the path finds first is not ours."""
    store = await open_store(postgres_url)
    await store.put("r", {b"k": b"v"})
    for session in list(store.backend._sessions._open):
        await session.connection.execute("CREATE TEMP TABLE items (LIKE prism.items)")
    assert await store.get("r", b"k") == {b"k": b"v"}
