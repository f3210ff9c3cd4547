"""Queue on JetStream: what the kit cannot ask of every store."""

import asyncio
from typing import Any, cast

import pytest
from google.protobuf.duration_pb2 import Duration
from nats.aio.client import Client

from backends.nats.jobs import GROUP, TOPIC, Jobs, jobs_on
from prism.backends.nats.backend import NatsBackend
from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.jetstream.names import QueueNames
from prism.backends.nats.pubsub import NatsPubSub
from prism.backends.nats.queue.leases import Delivered
from prism.backends.nats.testing import NatsServer
from prism.errors import BackendCredentials, FailedPrecondition, InvalidArgument
from prism.interfaces import queue as q
from prism.interfaces.capabilities.queue import QueueCapabilities
from prism.interfaces.pubsub import PublishRequest


async def test_a_forged_receipt_publishes_nowhere(jobs: Jobs, stock: Client) -> None:
    """CONTRACT, Queue 3: JetStream acknowledges by publishing; what a receipt says is believed only under its seal."""
    await jobs.group()
    await jobs.publish(b"work")
    (message,) = await jobs.receive()
    heard: list[str] = []

    async def hear(said: Any) -> None:
        heard.append(said.subject)

    await stock.subscribe("$JS.ACK.>", cb=hear)
    await stock.flush()
    for place in range(0, len(message.receipt), 7):
        other = "B" if message.receipt[place] != "B" else "C"
        forged = message.receipt[:place] + other + message.receipt[place + 1 :]
        assert await jobs.acknowledge(forged) == [False]
    await stock.flush()
    assert heard == []
    assert await jobs.acknowledge(message.receipt) == [True]
    await stock.flush()
    assert len(heard) == 1


async def test_the_stock_client_sees_what_prism_has_published(jobs: Jobs, stock: Client) -> None:
    """A topic is a stream with a readable name, an attribute a header."""
    await jobs.publish(b"from prism", attributes={"kind": "paid"})
    consumer = await stock.jetstream().pull_subscribe(jobs.names.topic(TOPIC), "stock", stream=jobs.names.stream(TOPIC))
    (message,) = await consumer.fetch(1, timeout=10)
    assert message.data == b"from prism"
    assert (message.headers or {})["kind"] == "paid"
    await message.ack()
    assert jobs.names.topic(TOPIC).endswith(f".t.{TOPIC}")


async def test_prism_consumes_what_the_stock_client_has_published(jobs: Jobs, stock: Client) -> None:
    """Headers of others are attributes `h.NAME`; a message without an id of ours has one all the same."""
    await jobs.group()
    await stock.jetstream().publish(jobs.names.topic(TOPIC), b"from outside", headers={"Kind": "paid"})
    (message,) = await jobs.receive()
    assert (message.payload, dict(message.attributes)) == (b"from outside", {"h.Kind": "paid"})
    assert message.message_id
    assert await jobs.acknowledge(message.receipt) == [True]


async def test_consumers_that_are_not_ours_are_no_groups(jobs: Jobs, stock: Client) -> None:
    """ListGroups shows what Prism has made."""
    await jobs.group()
    await stock.jetstream().pull_subscribe(jobs.names.topic(TOPIC), "stock", stream=jobs.names.stream(TOPIC))
    answer = await jobs.queue.list_groups(q.ListGroupsRequest(topic=TOPIC), jobs.context)
    assert list(answer.groups) == [GROUP]


async def test_what_came_for_a_caller_who_has_gone_is_given_back_uncounted(jobs: Jobs, server: NatsServer) -> None:
    """CONTRACT, Queue 5 and 11: a pull that waits may get what is not wanted any more; its attempt does not count."""
    await jobs.group(max_attempts=1)
    async with jobs_on(server, jobs.context.namespace) as other:
        waiting = asyncio.create_task(other.receive())
        await other.pull_waits()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await jobs.publish(b"work")
        (message,) = await jobs.receive()
        assert (message.payload, message.attempt) == (b"work", 1)
        assert await jobs.acknowledge(message.receipt) == [True]


async def test_stopping_gives_back_at_once(jobs: Jobs, server: NatsServer) -> None:
    """CONTRACT, Queue 11: what came to a gateway that ends goes to another, long before the deadline.

    Of a message that the server has given away and not sent yet it drops the rest when the pull ends: that one comes
    after the deadline. A busy machine does so now and then, and never five times.
    """
    await jobs.group(ack_deadline=Duration(seconds=5))
    attempts = []
    for number in range(5):
        async with jobs_on(server, jobs.context.namespace) as other:
            waiting = asyncio.create_task(other.receive())
            await other.pull_waits()
            await jobs.publish(b"%d" % number)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        (message,) = await jobs.receive()
        assert message.payload == b"%d" % number
        attempts.append(message.attempt)
        assert await jobs.acknowledge(message.receipt) == [True]
    assert 1 in attempts


async def test_a_seek_leaves_old_receipts_without_a_consumer(jobs: Jobs, server: NatsServer) -> None:
    """CONTRACT, Queue 17: also a gateway that has not heard of the Seek settles nothing with them."""
    await jobs.group()
    await jobs.publish(b"work")
    async with jobs_on(server, jobs.context.namespace) as other:
        (message,) = await other.receive()
        seek = q.SeekRequest(topic=TOPIC, group=GROUP, to=q.Start(earliest={}))
        assert (await jobs.queue.seek(seek, jobs.context)).count == 1
        assert await other.acknowledge(message.receipt) == [False]
        (again,) = await other.receive()
        assert (again.message_id, again.attempt) == (message.message_id, 1)


async def test_without_jetstream_queues_are_refused_and_pubsub_is_served(backends: Any) -> None:
    """A server that keeps nothing says so in words that tell what to do; what it can do goes on."""
    server = NatsServer("none", jetstream=False)
    server.start()
    try:
        async with jobs_on(server, "n") as jobs:
            with pytest.raises(FailedPrecondition, match="JetStream, which is off"):
                await jobs.publish(b"work")
            assert await jobs.backend.holds_data("n") is False
            assert (await jobs.backend.health()).status.name == "HEALTHY"
    finally:
        server.stop()


async def test_who_may_not_hear_answers_gets_the_permission_that_is_missing(backends: Any) -> None:
    """At once, not after the time of an answer; PubSub, which needs none, goes on without keeping what is published."""
    may = '{publish: ">", subscribe: "prism.>"}'
    server = NatsServer("none", f'authorization {{ users = [{{user: "u", password: "p", permissions: {may}}}] }}')
    server.start()
    try:
        config = NatsConfig(servers=(server.url,), answer_timeout=60.0)
        backend = NatsBackend(config, NatsCredentials.model_validate({"username": "u", "password": "p"}))
        await backend.start()
        try:
            jobs = Jobs(backend, "n")
            async with asyncio.timeout(30):
                with pytest.raises(BackendCredentials, match="_INBOX"):
                    await jobs.publish(b"work")
                pubsub = cast("NatsPubSub", backend.interfaces[0])
                assert (await pubsub.publish(PublishRequest(topic="t"), jobs.context)).message_id
                assert await backend.holds_data("n") is False
        finally:
            await backend.stop()
    finally:
        server.stop()


async def test_what_the_server_forbids_is_named(backends: Any) -> None:
    """A user who may consume and not acknowledge: the refusal names the subject, at once; the message is not lost."""
    may = '{publish: {allow: ">", deny: "$JS.ACK.>"}, subscribe: ">"}'
    server = NatsServer("none", f'authorization {{ users = [{{user: "u", password: "p", permissions: {may}}}] }}')
    server.start()
    try:
        config = NatsConfig(servers=(server.url,), answer_timeout=60.0)
        backend = NatsBackend(config, NatsCredentials.model_validate({"username": "u", "password": "p"}))
        await backend.start()
        try:
            jobs = Jobs(backend, "n")
            await jobs.group(ack_deadline=Duration(nanos=200_000_000))
            await jobs.publish(b"work")
            (message,) = await jobs.receive()
            async with asyncio.timeout(30):
                with pytest.raises(BackendCredentials, match=r"JS\.ACK"):
                    await jobs.acknowledge(message.receipt)
                (again,) = await jobs.receive()
            assert (again.payload, again.attempt) == (b"work", 2)
        finally:
            await backend.stop()
    finally:
        server.stop()


async def test_an_atomic_batch_is_of_one_topic(jobs: Jobs) -> None:
    """JetStream publishes atomically to one stream."""
    messages = [q.PublishRequest(topic=topic, payload=b"x") for topic in ("a", "b")]
    with pytest.raises(Exception, match="more than one topic"):
        await jobs.queue.publish_batch(q.PublishBatchRequest(messages=messages, atomic=True), jobs.context)


async def test_a_message_over_the_servers_limit(jobs: Jobs) -> None:
    """The refusal has both numbers."""
    jobs.queue.declare(QueueCapabilities(max_payload=16 << 20))
    with pytest.raises(InvalidArgument, match=r"\d{7} bytes .*max_payload"):
        await jobs.publish(bytes(2 << 20))


async def test_retention_runs_from_when_a_message_is_due(jobs: Jobs) -> None:
    """CONTRACT, Queue 13: the stream's age takes no message that is delayed for longer."""
    config = q.TopicConfig(retention=Duration(seconds=1))
    await jobs.queue.create_topic(q.CreateTopicRequest(topic=TOPIC, config=config), jobs.context)
    await jobs.group()
    await jobs.publish(b"late", delay=Duration(seconds=2, nanos=500_000_000))
    (message,) = await jobs.receive()
    assert message.payload == b"late"


@pytest.mark.parametrize("values", [(1, 1, 1, 1, 1, 0, 1), (9, 3, 2000, 1999, 1 << 40, 1 << 42, 43_200_000)])
def test_a_lease_holds_all_of_a_delivery(values: tuple[int, ...]) -> None:
    """What a token is made of comes back from it."""
    delivered = Delivered(*values)
    assert Delivered.of(delivered.lease()) == delivered
    assert delivered.lease().token < 1 << 192


@pytest.mark.parametrize(
    ("one", "other"), [("a.b", "a_b"), ("x" * 61, "x" * 62), ("=", ""), ("A", "a"), ("a+b", "a"), ("=" + "0" * 32, "b")]
)
def test_names_are_kept_apart(one: str, other: str) -> None:
    """No two names become one, nor a name with a dot, a slash or a wildcard in it."""
    names = QueueNames("prism", "n")
    for make in (names.stream, names.dead_stream, lambda name: names.consumer(name, 1)):
        assert make(one) != make(other)
        assert not set("./\\*> ") & set(make(one))
