"""Rules 9 and 10: consumers of a group share its messages, within their bounds."""

import asyncio
from collections import Counter

from prism.acceptance.callers.caller import BOTH_WAYS
from prism.acceptance.skips import not_declared
from prism.acceptance.suites.queue.dsl import Queue

pytestmark = BOTH_WAYS


async def test_consumers_share(queue: Queue) -> None:
    """CONTRACT, Queue 9: 30 messages, 3 consumers of a group: 30 deliveries, at least 5 each; another group: 30."""
    if queue.capabilities.sharing != "messages":
        not_declared("sharing: messages")
    await queue.group()
    await queue.group("other")
    deliveries: Counter[int] = Counter()
    seen: set[bytes] = set()
    done = asyncio.Event()

    async def work(number: int) -> None:
        async with queue.consuming(max_in_flight=1, via=number) as stream:
            while not done.is_set():
                message = await stream.message()
                seen.add(message.payload)
                deliveries[number] += 1
                await asyncio.sleep(0.05)
                await stream.ack(message)
                if deliveries.total() == 30:
                    done.set()

    tasks = [asyncio.create_task(work(number)) for number in range(3)]
    for number in range(30):
        await queue.publish(b"%d" % number)
    await asyncio.wait_for(done.wait(), 30)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (deliveries.total(), len(seen)) == (30, 30)
    assert min(deliveries[number] for number in range(3)) >= 5, deliveries
    async with queue.consuming("other", max_in_flight=100) as stream:
        assert len({(await stream.message()).payload for _ in range(30)}) == 30


async def test_a_window_is_not_exceeded(queue: Queue) -> None:
    """CONTRACT, Queue 10: a stream never has more than max_in_flight unsettled; who does not settle slows no other."""
    for number in range(7):
        await queue.publish(b"%d" % number)
    async with queue.consuming(max_in_flight=3) as slow:
        mine = [await slow.message() for _ in range(3)]
        async with queue.consuming(max_in_flight=3, via=1) as other:
            theirs = [await other.message() for _ in range(3)]
            assert not {each.message_id for each in mine} & {each.message_id for each in theirs}
            if queue.capabilities.counts == "exact":
                counts = await queue.counts()
                assert (counts.in_flight, counts.waiting) == (6, 1)
            slow.ask(ack={"receipts": [mine[0].receipt]})
            assert {(await slow.next()).WhichOneof("response") for _ in range(2)} == {"settled", "message"}


async def test_bytes_in_flight_are_bounded(queue: Queue) -> None:
    """CONTRACT, Queue 10: nor more than max_in_flight_bytes, or one message."""
    for _ in range(3):
        await queue.publish(b"x" * 1000)
    async with queue.consuming(max_in_flight_bytes=2500) as stream:
        first = await stream.message()
        await stream.message()
        if queue.capabilities.counts == "exact":
            assert (await queue.counts()).in_flight == 2
        stream.ask(ack={"receipts": [first.receipt]})
        assert {(await stream.next()).WhichOneof("response") for _ in range(2)} == {"settled", "message"}
    await queue.publish(b"x" * 1000, "large")
    async with queue.consuming(topic="large", max_in_flight_bytes=10) as stream:
        await stream.message()
