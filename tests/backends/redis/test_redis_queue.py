"""Queue on Redis: two gateways on one store, scripts that are forgotten, memory that is full, and a failover."""

import asyncio

import pytest

from backends.redis.conftest import Make, Open
from backends.redis.queue_calls import acknowledge, counts, make_group, publish, receive
from prism.backends.redis.testing.server import RedisServer
from prism.errors import BackendUnavailable, Outcome, StoreFull
from prism.interfaces import queue as q


async def test_a_publish_wakes_who_waits_in_another_gateway(server: RedisServer, open_store: Open) -> None:
    """The other gateway looks once a second where it hears nothing: a message is there much sooner, each time."""
    here, there = await open_store(server), await open_store(server)
    await make_group(here)
    await receive(there, wait=0)
    loop = asyncio.get_running_loop()
    seconds = []
    for number in range(5):
        waiting = asyncio.create_task(receive(there, wait=20))
        while not server.command("PUBSUB", "CHANNELS"):  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        since = loop.time()
        await publish(here, b"%d" % number)
        (message,) = await waiting
        seconds.append(loop.time() - since)
        assert message.payload == b"%d" % number
        await acknowledge(here, message)
    assert sorted(seconds)[2] < 0.5
    assert (await counts(there)).acknowledged == 5


async def test_a_seek_through_another_gateway_is_noticed(server: RedisServer, open_store: Open) -> None:
    """What a gateway remembers of a group is forgotten when another one moves it: old receipts are lost, here too."""
    here, there = await open_store(server), await open_store(server)
    await publish(here, b"work")
    (message,) = await receive(here)
    await there.call("queue.seek", q.SeekRequest(topic="t", group="g", to=q.Start(earliest={})))
    (again,) = await receive(here, wait=5)
    assert (again.message_id, again.attempt) == (message.message_id, 1)
    request = q.AcknowledgeRequest(topic="t", group="g", receipts=[message.receipt])
    (lost,) = (await here.call("queue.acknowledge", request)).results
    assert lost.HasField("error")
    await acknowledge(there, again)


async def test_scripts_that_are_forgotten_are_sent_again(server: RedisServer, open_store: Open) -> None:
    """SCRIPT FLUSH before each step: none fails, and none is done twice."""
    store = await open_store(server)
    await make_group(store)
    for number in range(10):
        server.command("SCRIPT", "FLUSH")
        await publish(store, b"%d" % number)
        server.command("SCRIPT", "FLUSH")
        (message,) = await receive(store)
        server.command("SCRIPT", "FLUSH")
        await acknowledge(store, message)
    found = await counts(store)
    assert (found.offered, found.acknowledged) == (10, 10)


async def test_where_memory_is_full_the_queue_is_emptied_and_not_filled(server: RedisServer, open_store: Open) -> None:
    """Over maxmemory: publishing, and a commit that publishes, give STORE_FULL and do nothing; consumers go on."""
    store = await open_store(server)
    await make_group(store)
    for number in range(4):
        await publish(store, b"%d" % number)
    await receive(store, group="other")
    messages = await receive(store, 3)
    server.command("CONFIG", "SET", "maxmemory", "1")
    batch = q.PublishBatchRequest(messages=[q.PublishRequest(topic=each) for each in ("t", "new")], atomic=True)
    commit = q.CommitRequest(
        topic="t", group="g", receipts=[messages[0].receipt], publishes=[q.PublishRequest(topic="t")]
    )
    for name, request in (("publish", batch.messages[0]), ("publish_batch", batch), ("commit", commit)):
        with pytest.raises(StoreFull) as caught:
            await store.call(f"queue.{name}", request)
        assert caught.value.outcome is Outcome.NOT_APPLIED
    await acknowledge(store, messages[0])
    nack = q.NackRequest(topic="t", group="g", receipts=[messages[1].receipt])
    assert not (await store.call("queue.nack", nack)).results[0].HasField("error")
    (last,) = await receive(store)
    await acknowledge(store, last)
    found = await counts(store)
    assert (found.offered, found.acknowledged, found.delayed, found.in_flight) == (4, 2, 1, 1)
    server.command("CONFIG", "SET", "maxmemory", "0")
    await publish(store)


async def test_a_replica_takes_nothing(server: RedisServer, make_server: Make, open_store: Open) -> None:
    """READONLY, as after a failover: UNAVAILABLE and NOT_APPLIED for each step; then all is well."""
    store = await open_store(server)
    await publish(store, b"work")
    (message,) = await receive(store)
    primary = make_server(requirepass="")
    server.command("REPLICAOF", "127.0.0.1", str(primary.port))
    with pytest.raises(BackendUnavailable) as caught:
        await publish(store)
    assert caught.value.outcome is Outcome.NOT_APPLIED
    with pytest.raises(BackendUnavailable):
        await receive(store)
    with pytest.raises(BackendUnavailable) as caught:
        await acknowledge(store, message)
    assert caught.value.outcome is Outcome.NOT_APPLIED
    server.command("REPLICAOF", "NO", "ONE")
    await publish(store)


async def test_names_that_hold_the_signs_of_keys_stay_apart(server: RedisServer, open_store: Open) -> None:
    """Braces, colons and numbers in names of topics, groups and keys: each is its own."""
    store = await open_store(server)
    names = ["t", "{t}", "}", "t:", "1", "1-1", "ß"]
    for topic in names:
        request = q.PublishRequest(topic=topic, payload=topic.encode(), ordering_key=topic)
        await store.call("queue.publish", request)
    for topic in names:
        for group in names:
            received = await store.call("queue.receive", q.ReceiveRequest(topic=topic, group=group))
            assert [each.payload for each in received.messages] == [topic.encode()]
        groups = await store.call("queue.list_groups", q.ListGroupsRequest(topic=topic))
        assert sorted(groups.groups) == sorted(names)
    listed = await store.call("queue.list_topics", q.ListTopicsRequest())
    assert list(listed.topics) == sorted(names, key=str.encode)
    for topic in names:
        await store.call("queue.delete_topic", q.DeleteTopicRequest(topic=topic))
    left = {key.rpartition(b"\0")[2] for key in server.command("KEYS", "*")}
    assert left == {b"qn", b"qs"}


def scripts_run(server: RedisServer) -> int:
    """How many, whole or by their digest."""
    stats = server.command("INFO", "commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("eval", "evalsha"))


async def test_what_was_seen_holds_until_something_is_told(server: RedisServer, open_store: Open) -> None:
    """Where nothing is to be had Redis is not asked again, until there is something: by a publish, a seek or time."""
    here, there = await open_store(server), await open_store(server)
    await make_group(here)
    waiting = asyncio.create_task(receive(here, wait=30))  # from now on it hears what is told
    while not server.command("PUBSUB", "CHANNELS"):  # noqa: ASYNC110  # nothing tells when
        await asyncio.sleep(0.01)
    await publish(there, b"0")
    await waiting
    assert await receive(here) == []
    before = scripts_run(server)
    for _ in range(10):
        assert await receive(here) == []
    assert scripts_run(server) - before == 10  # each asks for the group, and none for messages
    await publish(there, b"1")
    (second,) = await receive(here, wait=5)
    assert second.payload == b"1"
    await there.call("queue.seek", q.SeekRequest(topic="t", group="g", to=q.Start(earliest={})))
    again = [*await receive(here, 2, wait=5), *await receive(here, 2)]
    assert [each.payload for each in again] == [b"0", b"1"]
    nack = q.NackRequest(topic="t", group="g", receipts=[again[0].receipt], delay={"nanos": 200_000_000})
    await there.call("queue.nack", nack)
    (late,) = await receive(here, wait=5)
    assert (late.payload, late.attempt) == (b"0", 2)
