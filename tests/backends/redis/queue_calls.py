"""Queue in few words, for the tests of the redis backend: topic `t`, group `g`."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration

from backends.redis.store import Store
from prism.interfaces import queue as q


async def publish(store: Store, payload: bytes = b"", **more: Any) -> str:
    """Publishes a message; its id."""
    answer = await store.call("queue.publish", q.PublishRequest(topic="t", payload=payload, **more))
    return str(answer.message_id)


async def receive(store: Store, count: int = 1, *, wait: int = 0, group: str = "g") -> Sequence[q.Message]:
    """Messages that are due, waited for so many seconds."""
    request = q.ReceiveRequest(topic="t", group=group, max=count, wait=Duration(seconds=wait))
    answer = await store.call("queue.receive", request, timeout=wait + 10.0)
    return list(answer.messages)


async def acknowledge(store: Store, *messages: q.Message) -> None:
    """Acknowledges; must succeed."""
    receipts = [each.receipt for each in messages]
    answer = await store.call("queue.acknowledge", q.AcknowledgeRequest(topic="t", group="g", receipts=receipts))
    assert not any(each.HasField("error") for each in answer.results), answer


async def make_group(store: Store, group: str = "g", **config: Any) -> None:
    """Makes topic and group."""
    request = q.CreateGroupRequest(topic="t", group=group, config=q.GroupConfig(**config))
    await store.call("queue.create_group", request)


async def counts(store: Store) -> q.Counts:
    """Of the group; they add up (18)."""
    answer = await store.call("queue.describe_group", q.DescribeGroupRequest(topic="t", group="g"))
    found: q.Counts = answer.counts
    parts = (found.waiting, found.delayed, found.in_flight, found.acknowledged, found.dead, found.expired)
    assert found.offered == sum(parts), found
    return found
