"""Rules 13, 14 and 15: how long messages are kept, what is published once, and what never stops a topic."""

import asyncio

from prism.acceptance.dsl import duration
from prism.acceptance.skips import not_declared
from prism.acceptance.suites.queue.dsl import Queue, Since
from prism.errors import AlreadyExists, InvalidArgument, StoreFull
from prism.interfaces import queue as q

UNTIL = q.Keep.QUEUE_KEEP_UNTIL_ACKNOWLEDGED


async def test_what_outlives_its_ttl_is_expired(queue: Queue) -> None:
    """CONTRACT, Queue 13: what outlives its ttl unacknowledged is not delivered, and counted as expired."""
    queue.needs("receive")
    await queue.group()
    await queue.publish(b"brief", ttl=duration(0.05))
    await queue.publish(b"lasting")
    if queue.capabilities.counts == "exact":
        await queue.until(expired=1)
    else:
        await asyncio.sleep(0.06)
    assert [each.payload for each in await queue.receive(10)] == [b"lasting"]


async def test_acknowledged_messages_stay_for_later_groups(queue: Queue) -> None:
    """CONTRACT, Queue 13: with FOR_RETENTION acknowledged ones stay for later groups."""
    queue.needs("receive")
    await queue.group()
    await queue.publish(b"work")
    await queue.ack(await queue.one())
    await queue.group("later")
    assert (await queue.one("later")).payload == b"work"


async def test_kept_until_acknowledged(queue: Queue) -> None:
    """CONTRACT, Queue 13: UNTIL_ACKNOWLEDGED keeps a message until every group has acknowledged it."""
    queue.needs("receive")
    if queue.capabilities.keep != "until_acknowledged":
        not_declared("keep: until_acknowledged")
    await queue.call("CreateTopic", q.CreateTopicRequest(topic="t", config=q.TopicConfig(keep=UNTIL)))
    await queue.group()
    await queue.group("other")
    await queue.publish(b"work")
    message = await queue.one()
    await queue.ack(message)
    assert (await queue.call("DescribeTopic", q.DescribeTopicRequest(topic="t"))).messages == 1
    await queue.ack(await queue.one("other"), group="other")
    await queue.ack(message)
    assert (await queue.call("DescribeTopic", q.DescribeTopicRequest(topic="t"))).messages == 0
    await queue.group("later")
    await queue.nothing("later")


async def test_at_max_bytes(queue: Queue) -> None:
    """CONTRACT, Queue 13: at max_bytes the oldest expire, or UNTIL_ACKNOWLEDGED refuses with STORE_FULL."""
    queue.needs("receive")
    if queue.capabilities.sharing == "partitions":
        not_declared("sharing: messages")  # a log of partitions goes by segments, and keeps more for a while
    await queue.call("CreateTopic", q.CreateTopicRequest(topic="t", config=q.TopicConfig(max_bytes=100_000)))
    await queue.group()
    for name in (b"a", b"b", b"c"):
        await queue.publish(name * 40_000)
    assert [each.payload[:1] for each in await queue.receive(10)] == [b"b", b"c"]
    if queue.capabilities.counts == "exact":
        assert (await queue.counts()).expired == 1
    if queue.capabilities.keep == "until_acknowledged":
        full = q.TopicConfig(max_bytes=100_000, keep=UNTIL)
        await queue.call("CreateTopic", q.CreateTopicRequest(topic="full", config=full))
        await queue.publish(b"a" * 60_000, "full")
        request = q.PublishRequest(topic="full", payload=b"a" * 60_000)
        await queue.refused(StoreFull, "Publish", request)


async def test_a_delayed_message_comes_when_it_is_due(queue: Queue) -> None:
    """proto, Publish: a message with a delay is delayed until it is due, never before."""
    queue.needs("receive", "delay")
    await queue.group()
    since = Since()
    await queue.publish(b"later", delay=duration(2 * queue.short))
    await queue.publish(b"now")
    came = []
    for _ in range(2):  # the delay may be over before a busy machine asks for the first one
        came.append((await queue.one()).payload)
        assert b"later" not in came or since() >= 2 * queue.short
    assert sorted(came) == [b"later", b"now"]


async def test_a_message_is_taken_back(queue: Queue) -> None:
    """proto, Cancel: no group gets it that does not have it already."""
    queue.needs("receive", "cancel")
    await queue.group()
    message_id = await queue.publish(b"wrong")
    await queue.publish(b"right")
    answer = await queue.call("Cancel", q.CancelRequest(topic="t", message_ids=[message_id, "unknown"]))
    assert list(answer.message_ids) == [message_id]
    assert [each.payload for each in await queue.receive(10)] == [b"right"]
    await queue.counts()


async def test_an_idempotency_key(queue: Queue) -> None:
    """CONTRACT, Queue 14: the same key and message give the first answer again, another message ALREADY_EXISTS."""
    queue.needs("receive", "idempotency_window")
    await queue.group()
    request = q.PublishRequest(topic="t", payload=b"once", idempotency_key="k")
    first = await queue.call("Publish", request, via=0)
    again = await queue.call("Publish", request, via=1)
    assert (first.duplicate, again.duplicate, again.message_id) == (False, True, first.message_id)
    batch = await queue.call("PublishBatch", q.PublishBatchRequest(messages=[request]))
    assert (batch.results[0].duplicate, batch.results[0].message_id) == (True, first.message_id)
    other = q.PublishRequest(topic="t", payload=b"other", idempotency_key="k")
    await queue.refused(AlreadyExists, "Publish", other)
    assert len(await queue.receive(10)) == 1


async def test_what_could_not_be_delivered_is_refused(queue: Queue) -> None:
    """CONTRACT, Queue 15: Publish refuses what could not be delivered with INVALID_ARGUMENT."""
    large = q.PublishRequest(topic="t", payload=bytes(queue.capabilities.max_item_size + 1))
    await queue.refused(InvalidArgument, "Publish", large)
    many = q.PublishRequest(topic="t", attributes={f"a{number}": "x" * 1000 for number in range(9)})
    await queue.refused(InvalidArgument, "Publish", many)


async def test_what_always_fails_does_not_stop_a_fresh_message(queue: Queue) -> None:
    """CONTRACT, Queue 15: the one longest due comes first: 20 that always fail delay a fresh one by one each."""
    queue.needs("receive", "max_nack_delay", "due_first")
    await queue.group(max_attempts=0)
    for _ in range(20):
        await queue.publish(b"poison")
    for message in await queue.receive(20):
        await queue.nack(message, delay=duration(0.0))
    await queue.publish(b"fresh")
    for _ in range(21):
        message = await queue.one()
        if message.payload == b"fresh":
            break
        await queue.nack(message, delay=duration(0.0))
    assert message.payload == b"fresh"
