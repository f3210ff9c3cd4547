"""PubSub that persists on Redis: two gateways, what retention and a bound leave, a log made anew, kills and a slot that
moves.
"""

import asyncio
from collections.abc import Iterator

import pytest

from missing import missing

pytest.importorskip("redis")

from google.protobuf.empty_pb2 import Empty
from redis.crc import key_slot

from backends.redis.conftest import Open
from backends.redis.move import Move
from backends.redis.store import Store
from prism.acceptance.store.backend import StoreMissing
from prism.backends.redis.testing.cluster import RedisCluster
from prism.backends.redis.testing.server import USER, RedisServer
from prism.errors import Outcome, PositionExpired, PrismError
from prism.interfaces.pubsub import Message, Start

EARLIEST = Start(earliest=Empty())
LOG = b"prism:{n}\0p"


def known(server: RedisServer) -> dict[bytes, bytes]:
    """What the log says of itself: its end and its bytes."""
    return {group[b"name"]: group[b"last-delivered-id"] for group in server.command("XINFO", "GROUPS", LOG)}


def payloads(messages: list[Message]) -> list[bytes]:
    return [each.payload for each in messages]


async def test_another_gateway_is_heard_at_once(server: RedisServer, open_store: Open) -> None:
    """A subscription that follows the log learns of another gateway's message by the channel, not by looking."""
    here, there = await open_store(server), await open_store(server)
    await there.publish("t", b"0")
    loop = asyncio.get_running_loop()
    seconds = []
    position = (await here.read(EARLIEST, 1))[0].position
    for number in range(1, 6):
        following = asyncio.create_task(here.read(Start(position=position), 1))
        await asyncio.sleep(0.05)
        since = loop.time()
        await there.publish("t", b"%d" % number)
        (message,) = await following
        seconds.append(loop.time() - since)
        assert message.payload == b"%d" % number
        position = message.position
    assert sorted(seconds)[2] < 0.5


async def test_retention_and_the_bound_leave_nothing_behind(server: RedisServer, open_store: Open) -> None:
    """At max_bytes the oldest go; after retention all go, and none of their bytes stay counted."""
    store = await open_store(server, pubsub={"max_bytes": 100_000, "retention": 0.2})
    for number in range(50):
        await store.publish("t", b"%02d" % number + bytes(5000))
    left = server.command("XLEN", LOG)
    assert 15 <= left <= 20
    assert int(known(server)[b"bytes"].partition(b"-")[0]) <= 100_000
    assert [each[:2] for each in payloads(await store.read(EARLIEST, left))] == [
        b"%02d" % each for each in range(50 - left, 50)
    ]
    await store.backend.attach("n")
    async with asyncio.timeout(20):
        while server.command("XLEN", LOG):
            await store.backend._sweep()
            await asyncio.sleep(0.02)
    assert known(server)[b"bytes"] == b"0-0"
    await store.publish("t", b"new")
    assert payloads(await store.read(EARLIEST, 1)) == [b"new"]


async def test_messages_take_no_more_than_their_bound_where_memory_is_full(
    server: RedisServer, open_store: Open
) -> None:
    """They pass, and are kept up to max_bytes."""
    store = await open_store(server, pubsub={"max_bytes": 20_000})
    server.command("CONFIG", "SET", "maxmemory", "1")
    for number in range(20):
        await store.publish("t", b"%02d" % number + bytes(2000))
    assert server.command("XLEN", LOG) <= 10
    assert (await store.read(EARLIEST, server.command("XLEN", LOG)))[-1].payload[:2] == b"19"


async def test_a_log_that_was_lost_or_is_behind_has_expired(server: RedisServer, open_store: Open) -> None:
    """After FLUSHALL, and where a failover lost the end of the log, a position is not taken for one of the new log."""
    store = await open_store(server)
    for number in range(3):
        await store.publish("t", b"%d" % number)
    messages = await store.read(EARLIEST, 3)
    last = server.command("XREVRANGE", LOG, "+", "-", "COUNT", "1")[0][0]
    server.command("XDEL", LOG, last)  # as on a replica that had not got it
    before = server.command("XREVRANGE", LOG, "+", "-", "COUNT", "1")[0][0]
    server.command("XGROUP", "SETID", LOG, "end", before)
    with pytest.raises(PositionExpired):
        await store.read(Start(position=messages[2].position), 1)
    await store.publish("t", b"3")
    assert payloads(await store.read(Start(position=messages[1].position), 1)) == [b"3"]
    assert payloads(await store.read(Start(position=messages[2].position), 1)) == [b"3"]
    server.command("FLUSHALL")
    await store.publish("t", b"4")
    for each in messages:
        with pytest.raises(PositionExpired):
            await store.read(Start(position=each.position), 1)


class Publishers:
    """They go on through outages; what was said to be kept, and what may be."""

    def __init__(self, stores: list[Store]) -> None:
        self.published: list[bytes] = []
        self.unknown: set[bytes] = set()
        self.failures: list[PrismError] = []
        self._going = True
        self._tasks = [asyncio.create_task(self._publish(each, name)) for name, each in enumerate(stores * 3)]

    async def _publish(self, store: Store, name: int) -> None:
        number = 0
        while self._going:
            number += 1
            body = b"%d.%d" % (name, number)
            try:
                await store.publish(f"t.{name}", body)
            except PrismError as error:
                self.failures.append(error)
                if error.outcome is Outcome.UNKNOWN:
                    self.unknown.add(body)
                await asyncio.sleep(0.01)
            else:
                self.published.append(body)

    async def until(self, count: int) -> None:
        """Waits for so many more."""
        most = len(self.published) + count
        async with asyncio.timeout(60):
            while len(self.published) < most:  # noqa: ASYNC110  # nothing tells when
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        """Stops them."""
        self._going = False
        await asyncio.gather(*self._tasks)


async def whole(store: Store) -> list[bytes]:
    """What the log has, up to a message of now."""
    await store.publish("t.end", b"end")
    found: list[bytes] = []
    start = EARLIEST
    while b"end" not in found:
        (message,) = await store.read(start, 1)
        found.append(message.payload)
        start = Start(position=message.position)
    return found[:-1]


async def test_nothing_acknowledged_is_lost_when_redis_is_killed(server: RedisServer, open_store: Open) -> None:
    """Killed twice under two gateways, with appendfsync always: all that was acknowledged is there, once."""
    stores = [await open_store(server, durability="synced") for _ in range(2)]
    publishers = Publishers(stores)
    for _ in range(2):
        await publishers.until(30)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    await publishers.until(10)
    await publishers.end()
    found = await whole(stores[0])
    assert len(found) == len(set(found))
    assert set(publishers.published) <= set(found) <= set(publishers.published) | publishers.unknown
    assert publishers.failures


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


async def test_a_log_that_moves_to_another_node(cluster: RedisCluster) -> None:
    """While its slot moves nothing fails, and nothing is missing or there twice, in the log and for who follows it."""
    source, empty = cluster.nodes[0], cluster.nodes[-1]
    namespace = next(f"w{each}" for each in range(1000) if cluster.owner(b"{w%d}" % each) is source)
    login = {"username": USER, "password": source.password}
    store = Store(source, mode="cluster", namespace=namespace, login=login)
    await store.backend.start()
    try:
        publishers = Publishers([store])
        following = asyncio.create_task(store.read(EARLIEST, 120))
        await publishers.until(20)
        move = Move(source, empty, key_slot(namespace.encode()))
        await move.begin()
        await publishers.until(5)
        await move.carry(1)
        await publishers.until(5)
        await move.end()
        await publishers.until(100)
        await publishers.end()
        assert not publishers.failures, publishers.failures[:3]
        found = await whole(store)
        assert sorted(found) == sorted(publishers.published)
        assert payloads(await following) == found[:120]
    finally:
        await store.backend.stop()
