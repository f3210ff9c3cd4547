"""Rule 4: how streams end, and what becomes of what they have."""

import asyncio

import pytest

from prism.acceptance.callers.caller import BOTH_WAYS, TIMEOUT
from prism.acceptance.suites.queue.dsl import Queue, Since
from prism.errors import InvalidArgument
from prism.interfaces import queue as q

pytestmark = BOTH_WAYS


async def test_after_drain_nothing_more_is_sent(queue: Queue) -> None:
    """CONTRACT, Queue 4: after `drain` nothing more is sent, and what the stream has can still be settled."""
    await queue.publish(b"one")
    async with queue.consuming(max_in_flight=2) as stream:
        message = await stream.message()
        stream.ask(drain={})
        stream.ask(extend=q.Extend(receipts=[message.receipt]))
        await stream.settled()
        await queue.publish(b"two")
        await stream.ack(message)
        stream.end()
        assert await stream.rest() == []
    assert (await queue.counts()).waiting == 1


async def test_what_is_unsettled_at_the_end_is_released(queue: Queue) -> None:
    """CONTRACT, Queue 4: after a half-close it is released at once, and no attempt counts."""
    await queue.publish()
    async with queue.consuming() as stream:
        await stream.message()
        stream.end()
        assert await stream.rest() == []
    async with queue.consuming(via=1) as other:
        assert (await other.message()).attempt == 1


async def test_a_stream_that_breaks_is_resumed(queue: Queue) -> None:
    """CONTRACT, Queue 4: the next stream of that consumer_id goes on with the old receipts."""
    await queue.publish()
    async with queue.consuming(consumer_id="worker 1") as stream:
        message = await stream.message()
    receipts: list[str] = []
    async with asyncio.timeout(TIMEOUT):
        while not receipts:  # that a connection is gone takes a moment to be known
            async with queue.consuming(consumer_id="worker 1", via=1) as again:
                receipts = list(again.subscribed.resumed)
                if receipts:
                    assert receipts == [message.receipt]
                    await again.ack(message)
                    again.end()
                    assert await again.rest() == []
                await asyncio.sleep(0)
    assert (await queue.counts()).acknowledged == 1


async def test_what_receive_has_is_not_resumed(queue: Queue) -> None:
    """CONTRACT, Queue 4: streams go on with what streams had, whatever name a consumer has."""
    queue.needs_calls()
    await queue.publish()
    message = await queue.one()
    answer = await queue.call("DescribeGroup", q.DescribeGroupRequest(topic="t", group="g"))
    (consumer,) = answer.consumers
    async with queue.consuming(consumer_id=consumer.consumer_id, via=1) as stream:
        assert list(stream.subscribed.resumed) == []
    await queue.ack(message)


async def test_without_a_next_stream_others_get_it_at_the_deadline_at_the_latest(queue: Queue) -> None:
    """CONTRACT, Queue 4: a stream that broke keeps its leases, but not past their deadline; then an attempt counts."""
    await queue.group(ack_deadline=2 * queue.short)
    await queue.publish()
    async with queue.consuming() as stream:
        since = Since()
        await stream.message()
    async with queue.consuming(via=1) as other:
        assert (await other.message()).attempt == 2
        assert since() >= queue.short


async def test_a_stream_begins_with_subscribe(queue: Queue) -> None:
    """proto, Consume: the first request is `subscribe`, and there is one."""
    async with queue.consuming() as stream:
        stream.ask(subscribe=q.Subscribe(topic="t", group="g"))
        with pytest.raises(InvalidArgument, match="subscribe"):
            await stream.next()
