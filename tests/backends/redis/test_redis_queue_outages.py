"""Queue while Redis is killed, cut off, or moves a namespace from node to node."""

import asyncio
from collections.abc import Iterator

import pytest

from missing import missing

pytest.importorskip("redis")

from google.protobuf.duration_pb2 import Duration
from redis.crc import key_slot

from backends.redis.conftest import Open
from backends.redis.move import Move
from backends.redis.queue_calls import acknowledge, counts, make_group, publish, receive
from backends.redis.queue_load import Load
from backends.redis.store import Store
from prism.acceptance.store.backend import StoreMissing
from prism.backends.redis.testing.cluster import RedisCluster
from prism.backends.redis.testing.server import USER, RedisServer

SOON = Duration(nanos=200_000_000)


async def test_nothing_acknowledged_is_lost_when_redis_is_killed(server: RedisServer, open_store: Open) -> None:
    """Killed three times under two gateways, with appendfsync always: nothing is lost, nothing comes again."""
    stores = [await open_store(server, durability="synced") for _ in range(2)]
    await make_group(stores[0], ack_deadline=SOON, max_attempts=0)
    load = Load(stores)
    for _ in range(3):
        await load.until(20)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    await load.until(5)
    await load.end()
    load.check()
    assert load.failures
    found = await counts(stores[0])
    assert found.acknowledged >= len(load.acknowledged)
    assert (found.dead, found.expired) == (0, 0)


async def test_connections_that_are_cut_under_load(server: RedisServer, open_store: Open) -> None:
    """Each connection is killed, those that listen too: nothing is lost, nothing comes again."""
    stores = [await open_store(server) for _ in range(2)]
    await make_group(stores[0], ack_deadline=SOON, max_attempts=0)
    load = Load(stores)
    for _ in range(3):
        await load.until(10)
        await asyncio.to_thread(server.command, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await asyncio.to_thread(server.command, "CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes")
    await load.until(5)
    await load.end()
    load.check()


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """Three primaries, and a node that owns nothing."""
    try:
        made = RedisCluster(empty=1)
    except StoreMissing as absent:
        missing(str(absent))
    try:
        made.start()
        yield made
    finally:
        made.stop()


async def test_gateways_wake_each_other_in_a_cluster(cluster: RedisCluster) -> None:
    """What one publishes wakes who waits in the other: nothing else would, for half a minute."""
    node = cluster.nodes[0]
    login = {"username": USER, "password": node.password}
    here, there = (Store(node, mode="cluster", namespace="wake", login=login) for _ in range(2))
    for each in (here, there):
        await each.backend.start()
    try:
        await make_group(here)
        for number in range(5):
            waiting = asyncio.create_task(receive(there, wait=20))
            while not any(each.command("PUBSUB", "SHARDCHANNELS") for each in cluster.nodes):  # noqa: ASYNC110  # nothing tells when
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            await publish(here, b"%d" % number)
            async with asyncio.timeout(10):
                (message,) = await waiting
            await acknowledge(there, message)
    finally:
        for each in (here, there):
            await each.backend.stop()


async def test_a_namespace_that_moves_to_another_node(cluster: RedisCluster) -> None:
    """All queues of a namespace are in one slot: while it moves, callers wait, and nothing fails or is lost."""
    source, empty = cluster.nodes[0], cluster.nodes[-1]
    namespace = next(f"w{each}" for each in range(1000) if cluster.owner(b"{w%d}" % each) is source)
    login = {"username": USER, "password": source.password}
    stores = [Store(source, mode="cluster", namespace=namespace, login=login) for _ in range(2)]
    for each in stores:
        await each.backend.start()
    try:
        await make_group(stores[0], max_attempts=0)
        load = Load(stores)
        await load.until(20)
        move = Move(source, empty, key_slot(namespace.encode()))
        await move.begin()
        for _ in range(3):
            await move.carry(3)
            await asyncio.sleep(0.02)
        await move.end()
        await load.until(20)
        await load.end()
        load.check()
        assert not load.failures, load.failures[:3]
        found = await counts(stores[0])
        assert found.acknowledged == len(load.published)
    finally:
        for each in stores:
            await each.backend.stop()
