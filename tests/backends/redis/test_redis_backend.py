"""What the backend says of its server, and leaves behind."""

import asyncio

import pytest

from backends.redis.conftest import Make, Open
from prism.backends.redis.testing.server import RedisServer
from prism.errors import BackendUnavailable
from prism.interfaces import keyvalue
from prism.sdk import HealthStatus


async def test_a_server_that_evicts_is_degraded(make_server: Make, open_store: Open) -> None:
    """Redis would lose acknowledged items: health says so, and what to do."""
    store = await open_store(make_server(maxmemory_policy="allkeys-lru"))
    health = await store.backend.health()
    assert health.status is HealthStatus.DEGRADED
    assert "noeviction" in health.message


async def test_a_sweep_leaves_nothing_of_what_expired(server: RedisServer, open_store: Open) -> None:
    """Expired items leave lists, records and counts; what lives stays."""
    store = await open_store(server, sweep_interval=0.05)
    await store.backend.attach("n")
    await store.put("gone", b"k", b"v", milliseconds=20)
    await store.put("stays", b"dies", b"v", milliseconds=20)
    await store.put("stays", b"lives", b"v")
    async with asyncio.timeout(20):
        while server.command("ZCARD", b"prism:{n}\0r") > 1 or server.command("EXISTS", b"prism:{n}\0t"):  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.01)
    assert sorted(server.command("KEYS", "*")) == [
        b"prism:{n\0stays}\0ilives",
        b"prism:{n\0stays}\0k",
        b"prism:{n}\0r",
    ]
    assert await store.backend.holds_data("n")
    assert not await store.backend.holds_data("other")


async def test_stop_closes_every_connection(server: RedisServer, open_store: Open) -> None:
    """Nothing of the backend is left at the server."""
    store = await open_store(server)
    await asyncio.gather(*(store.put("r", b"%d" % number, b"v") for number in range(50)))
    metrics = store.backend.metrics()
    assert 0 < metrics["pool_connections_idle"] <= metrics["pool_connections_open"]
    await store.backend.stop()
    assert store.backend.metrics()["pool_connections_open"] == 0
    async with asyncio.timeout(10):
        while b" name=prism " in server.command("CLIENT", "LIST"):  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.01)


async def test_what_outlasts_the_stop_leaves_no_connection(server: RedisServer, open_store: Open) -> None:
    """A call that is under way is answered and its connection closed; a subscription that comes late is refused."""
    store = await open_store(server)
    await store.put("r", b"k", b"v")
    server.pause()
    try:
        late = asyncio.ensure_future(store.call("keyvalue.exists", keyvalue.ExistsRequest(id="r", keys=[b"k"])))
        await asyncio.sleep(0)  # it begins
        await store.backend.stop()
    finally:
        server.resume()
    assert (await late).keys == [b"k"]
    assert store.backend.metrics()["pool_connections_idle"] == 0
    with pytest.raises(BackendUnavailable, match="subscribe again"):
        await store.listening().__aenter__()
    async with asyncio.timeout(10):
        while b" name=prism " in server.command("CLIENT", "LIST"):  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.01)


async def test_an_idempotent_put_is_applied_once(server: RedisServer, open_store: Open) -> None:
    """The answer is remembered in the step that writes: a repetition finds it, also after another put."""
    store = await open_store(server)
    first = await store.put("r", b"k", b"1", once="token")
    await store.put("r", b"k", b"2")
    assert await store.put("r", b"k", b"1", once="token") == first
    assert await store.get("r", b"k") == b"2"


async def test_namespaces_have_connections_in_turns(server: RedisServer, open_store: Open) -> None:
    """Behind hundreds of another namespace's calls, calls of one, batches and a probe wait for a few of them."""
    store = await open_store(server, pool_size=4)
    await store.put("r", b"k", b"v")
    answered: list[str] = []

    async def ask(namespace: str) -> None:
        await store.call("keyvalue.exists", keyvalue.ExistsRequest(id="r", keys=[b"k"]), namespace=namespace)
        answered.append(namespace)

    async def probe() -> None:
        assert (await store.backend.health()).status is HealthStatus.HEALTHY
        answered.append("probe")

    async def get() -> None:
        assert await store.get("r", b"k") == b"v"
        answered.append("batch")

    async with asyncio.TaskGroup() as group:
        for _ in range(400):
            group.create_task(ask("n"))
        await asyncio.sleep(0)
        for work in (ask("other"), probe(), get()):
            group.create_task(work)
    assert {each: answered.index(each) < 40 for each in ("other", "probe", "batch")} == {
        "other": True,
        "probe": True,
        "batch": True,
    }, answered[:50]


async def test_a_get_alone_on_its_way_ends_with_its_caller(server: RedisServer, open_store: Open) -> None:
    """A get that its caller carries out is broken off when that one leaves; those that came meanwhile are served."""
    store = await open_store(server)
    await store.put("r", b"k", b"v")
    get = keyvalue.GetRequest(id="r", keys=[b"k"])
    await store.call("keyvalue.get", get)
    server.pause()
    leaver = asyncio.create_task(store.call("keyvalue.get", get))
    stayers = [asyncio.create_task(store.call("keyvalue.get", get)) for _ in range(3)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert store.backend.metrics()["pool_connections_idle"] == 0
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    server.resume()
    for answer in [*await asyncio.gather(*stayers), await store.call("keyvalue.get", get)]:
        assert [item.value for item in answer.items] == [b"v"]
