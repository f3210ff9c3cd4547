"""durability synced is what every server does that a write goes to, not only the one that was asked at the start."""

import asyncio
from collections.abc import Iterator

import pytest
from google.protobuf.duration_pb2 import Duration

from backends.redis.conftest import Make, Open
from backends.redis.store import Store
from missing import missing
from prism.acceptance.store.backend import StoreMissing
from prism.backends.redis.testing.cluster import RedisCluster
from prism.backends.redis.testing.server import USER, RedisServer
from prism.errors import BackendCredentials, FailedPrecondition, Outcome, PrismError
from prism.interfaces import keyvalue
from prism.sdk import HealthStatus

MORE_THAN_STAND = 8


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """Three primaries, of which one syncs later."""
    try:
        made = RedisCluster()
    except StoreMissing as absent:
        missing(str(absent))
    try:
        made.start()
        made.nodes[-1].command("CONFIG", "SET", "appendfsync", "everysec")
        yield made
    finally:
        made.stop()


async def test_synced_wants_a_file_that_is_synced(make_server: Make, open_store: Open) -> None:
    """durability synced is refused where Redis syncs later, with what it has; store is served."""
    server = make_server(appendfsync="everysec")
    store = await open_store(server, start=False, durability="synced")
    with pytest.raises(FailedPrecondition, match="yes and everysec"):
        await store.backend.start()
    await open_store(server)


async def test_synced_wants_to_see_the_settings(server: RedisServer, open_store: Open) -> None:
    """A user who may not ask for the settings is told so; with durability store nobody asks."""
    server.command("ACL", "SETUSER", USER, "-config")
    store = await open_store(server, start=False, durability="synced")
    with pytest.raises(FailedPrecondition, match=r"\+config\|get"):
        await store.backend.start()
    assert (await (await open_store(server)).backend.health()).status is HealthStatus.HEALTHY


async def test_each_connection_asks(server: RedisServer, open_store: Open) -> None:
    """What a new connection reaches may be another server than before: it gets no write if it syncs later."""
    store = await open_store(server, durability="synced")
    await store.put("r", b"k", b"v")
    server.command("CONFIG", "SET", "appendfsync", "everysec")
    expire = keyvalue.ExpireRequest(id="r", keys=[b"k"], ttl=Duration(seconds=60))
    calls = (store.call("keyvalue.expire", expire) for _ in range(MORE_THAN_STAND))
    refused = [each for each in await asyncio.gather(*calls, return_exceptions=True) if isinstance(each, Exception)]
    assert refused
    for error in refused:
        assert isinstance(error, FailedPrecondition)
        assert error.outcome is Outcome.NOT_APPLIED
        assert "yes and everysec" in error.message


async def test_every_node_of_a_cluster_is_asked(cluster: RedisCluster) -> None:
    """One primary that syncs later is enough to be refused, whichever of them is asked first."""
    await _refused(cluster, cluster.nodes[0].password, FailedPrecondition, "yes and everysec")


async def test_what_no_node_of_a_cluster_takes_is_said(cluster: RedisCluster) -> None:
    """Where all nodes refuse a connection, the error is what they refuse it for, and not that none answers."""
    for node in cluster.nodes:
        node.command("CONFIG", "SET", "appendfsync", "everysec")
    await _refused(cluster, cluster.nodes[0].password, FailedPrecondition, "yes and everysec")
    await _refused(cluster, "wrong", BackendCredentials, "correct username and password")


async def _refused(cluster: RedisCluster, password: str, kind: type[PrismError], reason: str) -> None:
    login = {"username": USER, "password": password}
    store = Store(cluster.nodes[0], login=login, mode="cluster", durability="synced")
    try:
        with pytest.raises(kind, match=reason):
            await store.backend.start()
    finally:
        await store.backend.stop()
