"""The account that the documentation of `username` names: enough for everything, and for nothing beside the prefix."""

import asyncio

import pytest

from backends.redis.conftest import Open
from backends.redis.queue_calls import acknowledge, publish, receive
from backends.redis.store import RULES
from prism.backends.redis.config import RedisCredentials
from prism.backends.redis.testing.server import RedisServer
from prism.errors import BackendCredentials, FailedPrecondition, Outcome
from prism.interfaces import cache, keyvalue, queue
from prism.sdk import HealthStatus


def test_the_rules_are_those_that_are_documented() -> None:
    """What an operator copies is what is tested here."""
    assert RULES in " ".join((RedisCredentials.__doc__ or "").split())


async def test_the_documented_account_is_enough(server: RedisServer, open_store: Open) -> None:
    """Every kind of operation of every abstraction works, a sweep, and the check of synced."""
    server.command("ACL", "SETUSER", "gateway", "on", ">secret", *RULES.split())
    login = {"username": "gateway", "password": "secret"}
    store = await open_store(server, login=login, durability="synced")
    await store.put("r", b"k", b"v", milliseconds=60_000, once="token")
    swap = keyvalue.CompareAndSwapRequest(id="r", key=b"k", expected_value=b"v", new_value=b"w")
    assert (await store.call("keyvalue.compare_and_swap", swap)).swapped
    assert (await store.call("keyvalue.scan", keyvalue.ScanRequest(id="r"))).items[0].value == b"w"
    assert (await store.call("keyvalue.exists", keyvalue.ExistsRequest(id="r", keys=[b"k"]))).keys == [b"k"]
    assert (await store.call("keyvalue.persist", keyvalue.PersistRequest(id="r", keys=[b"k"]))).keys == [b"k"]
    assert (await store.call("keyvalue.list_records", keyvalue.ListRecordsRequest())).ids == ["r"]
    assert (await store.call("keyvalue.delete", keyvalue.DeleteRequest(id="r"))).count == 1
    assert (await store.call("cache.set", cache.SetRequest(key=b"c", value=b"v"))).stored
    assert (await store.call("cache.increment", cache.IncrementRequest(key=b"n", delta=2))).value == 2
    assert (await store.call("cache.delete", cache.DeleteRequest(keys=[b"c", b"n"]))).count == 2
    async with store.listening("a.*") as listening:
        await store.publish("a.b")
        assert (await listening.next()).topic == "a.b"
    waiting = asyncio.create_task(receive(store, wait=20))
    message_id = await publish(store, b"work")
    (message,) = await waiting
    assert message.message_id == message_id
    await acknowledge(store, message)
    await store.call("queue.delete_topic", queue.DeleteTopicRequest(topic="t"))
    await store.backend.attach("n")
    assert not await store.backend.holds_data("n")
    assert (await store.backend.health()).status is HealthStatus.HEALTHY


async def test_beside_the_prefix_it_may_nothing(server: RedisServer, open_store: Open) -> None:
    """Redis refuses another prefix, to plain commands and inside of scripts: the operator's fault, nothing done."""
    server.command("ACL", "SETUSER", "gateway", "on", ">secret", *RULES.split())
    store = await open_store(server, login={"username": "gateway", "password": "secret"}, prefix="other")
    with pytest.raises(BackendCredentials):
        await store.put("r", b"k", b"v")
    with pytest.raises(BackendCredentials):
        await store.call("cache.set", cache.SetRequest(key=b"c", value=b"v"))
    assert server.command("DBSIZE") == 0
    for command in ("FLUSHALL", "KEYS *", "CLIENT KILL TYPE normal", "CONFIG SET maxmemory 1", "DEBUG SLEEP 0"):
        assert b"has no permissions" in server.command("ACL", "DRYRUN", "gateway", *command.split(" "))


async def test_a_script_that_is_stopped_half_way_says_so(server: RedisServer, open_store: Open) -> None:
    """An account that lacks one of its commands: what it did before stays, so the outcome is not known."""
    server.command("ACL", "SETUSER", "gateway", "on", ">secret", *RULES.split(), "-zadd")
    store = await open_store(server, login={"username": "gateway", "password": "secret"})
    with pytest.raises(BackendCredentials) as caught:
        await store.put("r", b"k", b"v")
    assert caught.value.outcome is Outcome.UNKNOWN
    assert server.command("EXISTS", b"prism:{n\0r}\0ik") == 1


async def test_a_command_that_is_not_allowed_is_named(server: RedisServer, open_store: Open) -> None:
    """What to add to the ACL is in the message."""
    server.command("ACL", "SETUSER", "gateway", "on", ">secret", *RULES.split(), "-mget")
    store = await open_store(server, login={"username": "gateway", "password": "secret"})
    with pytest.raises(BackendCredentials, match=r"allow the user \+mget"):
        await store.get("r", b"k")


async def test_a_server_that_is_no_cluster(server: RedisServer, open_store: Open) -> None:
    """Mode cluster on a single server: refused at start, with what to change."""
    store = await open_store(server, start=False, mode="cluster")
    with pytest.raises(FailedPrecondition, match="set mode: standalone"):
        await store.backend.start()
