"""A cluster's nodes while slots move to one that owned none, where they are slow, and for users who may not do all.

All is done by the account that the documentation names.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from pydantic import SecretStr

from missing import missing

pytest.importorskip("redis")

from redis.crc import key_slot

from backends.redis.move import Move
from backends.redis.store import RULES, Store
from prism.acceptance.store.backend import StoreMissing
from prism.backends.redis.backend import server_and_locator
from prism.backends.redis.config import RedisConfig, RedisCredentials
from prism.backends.redis.testing.cluster import RedisCluster
from prism.backends.redis.testing.server import USER, RedisServer
from prism.errors import BackendCredentials, BackendUnavailable, MessagesLost, Outcome
from prism.interfaces import cache, keyvalue

PATIENCE = 40.0
USERS = 8
ITEMS = 300
LOGIN = {"username": "gateway", "password": "secret"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """Three primaries, and a node that owns nothing."""
    try:
        made = RedisCluster(empty=1, options={"enable-debug-command": "yes"})
    except StoreMissing as absent:
        missing(str(absent))
    try:
        made.start()
        allow(made, "gateway", *RULES.split())
        yield made
    finally:
        made.stop()


@pytest_asyncio.fixture
async def store(cluster: RedisCluster) -> AsyncIterator[Store]:
    """A backend on it, which knows only the first primary to begin with."""
    store = Store(cluster.nodes[0], mode="cluster", login=LOGIN)
    await store.backend.start()
    yield store
    await store.backend.stop()


@pytest.fixture
def source(cluster: RedisCluster) -> RedisServer:
    """Where slots move from."""
    return cluster.nodes[0]


@pytest.fixture
def empty(cluster: RedisCluster) -> RedisServer:
    """Where they move to: the backend has not heard of it."""
    return cluster.nodes[-1]


async def test_calls_wait_while_a_slot_moves(
    cluster: RedisCluster, store: Store, source: RedisServer, empty: RedisServer
) -> None:
    """Puts, swaps, reads and messages under way while every key of theirs moves: none fails, is wrong, or is lost."""
    store.namespace = next(f"w{each}" for each in range(1000) if cluster.owner(b"{w%d}" % each) is source)
    slot = key_slot(store.namespace.encode())
    record = next(f"a{each}" for each in range(1_000_000) if record_slot(store, f"a{each}") == slot)
    await fill(store, record, ITEMS)
    done = asyncio.Event()
    rounds = [0] * USERS

    async def use(number: int) -> None:
        """Counts an item up by putting it and another by swapping it, and reads both together."""
        put, swapped = b"p%d" % number, b"s%d" % number
        await store.put(record, swapped, b"0")
        while not done.is_set():
            before, rounds[number] = b"%d" % rounds[number], rounds[number] + 1
            value = b"%d" % rounds[number]
            await store.put(record, put, value)
            swap = keyvalue.CompareAndSwapRequest(id=record, key=swapped, expected_value=before, new_value=value)
            assert (await store.call("keyvalue.compare_and_swap", swap)).swapped
            both = await store.call("keyvalue.get", keyvalue.GetRequest(id=record, keys=[put, swapped]))
            assert [item.value for item in both.items] == [value, value]

    async with store.listening() as listening:
        users = [asyncio.create_task(use(number)) for number in range(USERS)]
        move = Move(source, empty, slot)
        await move.begin()
        await store.publish("during", b"the move")
        assert (await listening.next()).payload == b"the move"
        await move.end()
        _, gap = await listening.rest()
    assert isinstance(gap, MessagesLost)
    moved = list(rounds)
    async with asyncio.timeout(PATIENCE):
        while any(now < then + 2 for now, then in zip(rounds, moved, strict=True)):  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.005)
    done.set()
    await asyncio.gather(*users)
    async with store.listening() as listening:
        await store.publish("after", b"it")
        assert (await listening.next()).payload == b"it"
    counted = {b"%b%d" % (kind, each): b"%d" % rounds[each] for kind in (b"p", b"s") for each in range(USERS)}
    assert await items(store, record) == counted | {b"%d" % number: b"v" for number in range(ITEMS)}
    assert empty.command("EXISTS", b"prism:{%b\0%b}\0k" % (store.namespace.encode(), record.encode())) == 1


async def test_what_is_new_goes_where_its_slot_goes(
    cluster: RedisCluster, store: Store, source: RedisServer, empty: RedisServer
) -> None:
    """ASK names a node that owned nothing till now: what has one key is written there, and found there."""
    keys = [b"%d" % each for each in range(100) if cluster.owner(b"prism:n\0%d" % each) is source]
    key = keys[0]
    slot = key_slot(b"prism:n\0" + key)
    move = Move(source, empty, slot)
    await move.begin()
    try:
        assert (await store.call("cache.set", cache.SetRequest(key=key, value=b"v"))).stored
        assert empty.command("CLUSTER", "COUNTKEYSINSLOT", str(slot)) == 1
        assert (await store.call("cache.get", cache.GetRequest(key=key))).value == b"v"
        increment = cache.IncrementRequest(key=key, delta=1)
        await store.call("cache.set", cache.SetRequest(key=key, value=b"41"))
        assert (await store.call("cache.increment", increment)).value == 42
    finally:
        await move.end()
    assert (await store.call("cache.get", cache.GetRequest(key=key))).value == b"42"


async def test_half_a_record_is_not_written(
    cluster: RedisCluster, store: Store, source: RedisServer, empty: RedisServer
) -> None:
    """While its keys are on two nodes no script of a record runs: its callers wait, and are told why in time."""
    record = next(f"h{each}" for each in range(1000) if cluster.owner(b"{n\0h%d}" % each) is source)
    await fill(store, record, 20)
    move = Move(source, empty, record_slot(store, record))
    await move.begin()
    try:
        assert await move.carry(10) == 10
        put = keyvalue.PutRequest(id=record, items=[keyvalue.PutItem(key=b"new", value=b"v")])
        for name, request in (
            ("keyvalue.put", put),
            ("keyvalue.delete", keyvalue.DeleteRequest(id=record)),
            ("keyvalue.scan", keyvalue.ScanRequest(id=record)),
        ):
            with pytest.raises(BackendUnavailable, match="split over two nodes") as caught:
                await store.call(name, request, timeout=0.2)
            assert caught.value.outcome is (None if name == "keyvalue.scan" else Outcome.NOT_APPLIED)
    finally:
        await move.end()
    assert await items(store, record) == {b"%d" % number: b"v" for number in range(20)}


async def test_a_batch_has_one_time(cluster: RedisCluster) -> None:
    """command_timeout is for all answers of a node together: each of them in time is not enough."""
    config = RedisConfig(mode="cluster", addresses=(cluster.nodes[0].address,), command_timeout=0.4)
    credentials = RedisCredentials(username=USER, password=SecretStr(cluster.nodes[0].password))
    server, _, _ = server_and_locator(config, credentials)
    slow = (b"DEBUG", b"SLEEP", b"0.25" + b"0" * 40_000)  # so long that each is read, and answered, by itself
    try:
        answers = await server.run([slow] * 4, writes=False)
    finally:
        await server.close()
    for answer in answers:
        assert isinstance(answer, BackendUnavailable)
        assert "does not answer in time" in answer.message


async def test_a_user_who_may_not_see_the_slots(cluster: RedisCluster) -> None:
    """What is missing in the ACL is named."""
    allow(cluster, "blind", *RULES.split(), "-cluster|slots")
    store = Store(cluster.nodes[0], mode="cluster", login={**LOGIN, "username": "blind"})
    try:
        with pytest.raises(BackendCredentials, match=r"allow the user \+cluster\|slots"):
            await store.backend.start()
    finally:
        await store.backend.stop()


def allow(cluster: RedisCluster, user: str, *rules: str) -> None:
    """Makes a user of every node."""
    for node in cluster.nodes:
        node.command("ACL", "SETUSER", user, "on", f">{LOGIN['password']}", *rules)


def record_slot(store: Store, record: str) -> int:
    """Where all of a record is."""
    return int(key_slot(f"{store.namespace}\0{record}".encode()))


async def fill(store: Store, record: str, count: int) -> None:
    """Stores so many items."""
    await asyncio.gather(*(store.put(record, b"%d" % number, b"v") for number in range(count)))


async def items(store: Store, record: str) -> dict[bytes, bytes]:
    """All items of a record."""
    answer = await store.call("keyvalue.scan", keyvalue.ScanRequest(id=record, limit=1000))
    return {item.key: item.value for item in answer.items}
