"""Publishing and listening as an application does it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from client.upstream import Fault, Upstream
from prism.client import BackendUnavailable, Client, InvalidArgument, Outcome, Outgoing, PubSub, Subscription


async def taken(subscription: Subscription, count: int) -> list[str]:
    """The topics of the next messages."""
    return [(await anext(subscription)).topic for _ in range(count)]


async def test_what_is_published_is_received(events: PubSub) -> None:
    """Topic, payload, attributes, id and time come as they were given."""
    before = datetime.now(UTC)
    async with events.subscribe("orders.>") as orders:
        message_id = await events.publish("orders.eu", b"\0\xff", attributes={"type": "text", "": "\u00fc"})
        message = await anext(orders)
    assert (message.topic, message.payload, message.id) == ("orders.eu", b"\0\xff", message_id)
    assert message.attributes == {"type": "text", "": "\u00fc"}
    assert before - timedelta(seconds=1) < message.published_at <= datetime.now(UTC) + timedelta(seconds=1)


async def test_a_batch_keeps_its_order_and_its_failures_apart(events: PubSub) -> None:
    """Each message succeeds or fails by itself; those that were taken come in the order of the batch."""
    async with events.subscribe(">") as everything:
        results = await events.publish_batch([Outgoing("a"), Outgoing("b..c"), Outgoing("d", b"x", {"n": "v"}, "key")])
        messages = [await anext(everything), await anext(everything)]
    assert [(each.topic, each.id) for each in messages] == [("a", results[0].id), ("d", results[2].id)]
    assert (messages[1].payload, messages[1].attributes) == (b"x", {"n": "v"})
    assert [result.error is None for result in results] == [True, False, True]
    assert isinstance(results[1].error, InvalidArgument)
    assert results[1].error.outcome is Outcome.NOT_APPLIED
    assert await events.publish_batch([]) == []


async def test_a_group_shares(events: PubSub) -> None:
    """Of the members of a group each message reaches one."""
    async with events.subscribe("t", group="g") as one, events.subscribe("t", group="g") as other:
        for _ in range(4):
            await events.publish("t")
        assert await taken(one, 2) == await taken(other, 2) == ["t", "t"]


async def test_a_namespace_is_its_own(upstream: Upstream) -> None:
    """Messages stay in their namespace."""
    async with Client(upstream.address) as prism:
        one, other = prism.pubsub("one"), prism.pubsub("other")
        async with one.subscribe(">") as messages:
            await other.publish("theirs")
            await one.publish("ours")
            assert await taken(messages, 1) == ["ours"]


async def test_a_publish_is_repeated_only_where_nothing_was_applied(events: PubSub, upstream: Upstream) -> None:
    """A message that may have been sent is not sent again behind the application's back."""
    upstream.faults.append(Fault(BackendUnavailable("away", outcome=Outcome.NOT_APPLIED)))
    await events.publish("t")
    assert upstream.methods() == ["Publish", "Publish"]
    upstream.faults.append(Fault(BackendUnavailable("away"), applied=True))
    with pytest.raises(BackendUnavailable) as caught:
        await events.publish("t")
    assert caught.value.outcome is Outcome.UNKNOWN
    assert upstream.methods() == ["Publish"] * 3


async def test_a_loop_that_is_left_ends_its_subscription(events: PubSub, upstream: Upstream) -> None:
    """`break` out of a bare loop leaves nothing running at the gateway."""

    async def first() -> str:
        async for message in events.subscribe(">"):
            return message.topic
        return ""

    task = asyncio.create_task(first())
    await upstream.established.wait()
    await events.publish("t")
    assert await task == "t"
    await upstream.left.wait()
