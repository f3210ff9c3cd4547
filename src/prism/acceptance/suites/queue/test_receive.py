"""Rule 11: Receive, which waits."""

import asyncio

from prism.acceptance.suites.queue.dsl import Queue, Since


async def test_receive_waits_for_the_first_message(queue: Queue) -> None:
    """CONTRACT, Queue 11: Receive waits for what is published meanwhile, through any gateway; else it answers empty."""
    queue.needs_calls()
    await queue.group()
    since = Since()
    await queue.nothing(wait=queue.short)
    assert since() >= queue.short
    waiting = asyncio.create_task(queue.receive(wait=10.0, via=0))
    await asyncio.sleep(0.05)
    await queue.publish(b"late", via=1)
    (message,) = await waiting
    assert message.payload == b"late"
    assert since() < 10


async def test_what_is_leased_for_a_caller_who_has_gone_is_released(queue: Queue) -> None:
    """CONTRACT, Queue 11: what was leased for a caller who has gone is released."""
    queue.needs_calls()
    await queue.group()
    for _ in range(5):
        waiting = asyncio.create_task(queue.receive(wait=10.0, via=0))
        await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await queue.publish(b"work")
    message = await queue.one(via=1)
    assert message.payload == b"work"
