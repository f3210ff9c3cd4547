"""Consuming as an application does it: what its block does to a message."""

import asyncio
import gc
import logging

import pytest

from client.queue.counting import until
from client.upstream import Upstream
from prism.client import (
    Client,
    Consumption,
    GroupConfig,
    GroupNotFound,
    InvalidArgument,
    Queue,
    QueueMessage,
    QueueOutgoing,
    ReceiptLost,
)
from prism.errors import PrismError

LONG = 3600.0


async def publish(jobs: Queue, count: int) -> None:
    """Messages `0`, `1`, ..."""
    await jobs.publish_batch([QueueOutgoing(topic="t", payload=b"%d" % number) for number in range(count)])


async def divide(messages: Consumption) -> None:
    """Fails at message `1`."""
    async for message in messages:
        async with message:
            if message.payload == b"1":
                raise ZeroDivisionError("by zero")


async def test_the_block_acknowledges_and_its_errors_nack(jobs: Queue) -> None:
    """CONTRACT, Queue 2 and 6: no error acknowledges, nor does `break` differ; an error nacks, as the reason."""
    await jobs.create_group("t", "g", GroupConfig(max_attempts=1))
    await publish(jobs, 3)
    async with jobs.consume("t", group="g") as messages:
        with pytest.raises(ZeroDivisionError):
            await divide(messages)
        async for message in messages:
            async with message:
                break
        assert message.settled
    counts = await jobs.describe_group("t", "g")
    assert (counts.acknowledged, counts.dead, counts.in_flight) == (2, 1, 0)
    (dead,) = [each async for each in jobs.peek("t", "g", "dead")]
    assert (dead.payload, dead.reason, dead.attempt) == (b"1", "ZeroDivisionError: by zero", 1)


async def test_acknowledging_without_waiting(jobs: Queue) -> None:
    """It is asked at once; what it gives says when it is so, and what is not waited for is no error."""
    await publish(jobs, 100)
    async with jobs.consume("t", group="g", max_in_flight=100) as messages:
        answers = [(await anext(messages)).acknowledge_nowait() for _ in range(99)]
        assert [await each for each in answers] == [[]] * 99
        last = await anext(messages)
        assert last.payload == b"99"
        await last.nack(delay=LONG)
        with pytest.raises(RuntimeError, match="settled already, by nack"):
            last.acknowledge_nowait()
    counts = await jobs.describe_group("t", "g")
    assert (counts.acknowledged, counts.delayed) == (99, 1)
    await publish(jobs, 1)
    async with jobs.consume("t", group="g") as messages:
        message = await anext(messages)
    late = message.acknowledge_nowait()
    with pytest.raises(ReceiptLost):
        await late
    assert await message.acknowledge_nowait() == []


async def test_what_the_block_settles_itself_stays(jobs: Queue) -> None:
    """Nack with a delay, release, commit; a second settlement is refused."""
    await publish(jobs, 3)
    async with jobs.consume("t", group="g", max_in_flight=3) as messages:
        async with await anext(messages) as message:
            await message.nack(delay=LONG, reason="later")
            with pytest.raises(RuntimeError, match="settled already, by nack"):
                await message.acknowledge()
        async with await anext(messages) as message:
            assert len(await message.commit(QueueOutgoing(topic="next", payload=b"made"))) == 1
        with pytest.raises(InvalidArgument, match="delay"):
            async with await anext(messages) as message:
                await message.nack(delay=2 * LONG * 24)
    counts = await jobs.describe_group("t", "g")
    assert (counts.delayed, counts.acknowledged) == (2, 1)
    assert [each.payload for each in await jobs.receive("next", group="g")] == [b"made"]


async def test_a_cancelled_task_nacks_at_once(jobs: Queue) -> None:
    """Work that was begun and is cancelled has failed once; nothing waits for the answer."""
    await jobs.create_group("t", "g", GroupConfig(max_attempts=1))
    await publish(jobs, 1)
    begun = asyncio.Event()

    async with jobs.consume("t", group="g") as messages:

        async def work() -> None:
            async with await anext(messages):
                begun.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(jobs, dead=1)
    (dead,) = [each async for each in jobs.peek("t", "g", "dead")]
    assert dead.reason == "CancelledError"


async def test_what_was_not_asked_for_is_given_back_at_the_end(jobs: Queue) -> None:
    """CONTRACT, Queue 4: leaving the block, or draining, releases without counting an attempt."""
    await publish(jobs, 5)
    async with jobs.consume("t", group="g", max_in_flight=5) as messages:
        first = await anext(messages)
        await until(jobs, in_flight=5)
        messages.drain()
        await until(jobs, in_flight=1, waiting=4)
        async with first:
            pass
        assert [each async for each in messages] == []
    async with jobs.consume("t", group="g", max_in_flight=2) as messages:
        second = await anext(messages)
        assert second.attempt == 1
    assert second.lost
    with pytest.raises(ReceiptLost):
        await second.acknowledge()
    counts = await jobs.describe_group("t", "g")
    assert (counts.acknowledged, counts.waiting, counts.in_flight) == (1, 4, 0)


async def test_a_loop_that_is_left_ends_its_stream(jobs: Queue) -> None:
    """`break` out of a bare loop gives back what was not asked for."""
    await publish(jobs, 3)
    async for message in jobs.consume("t", group="g"):
        async with message:
            break
    await until(jobs, acknowledged=1, waiting=2, in_flight=0)


async def test_what_is_dropped_unsettled_is_nacked(jobs: Queue, caplog: pytest.LogCaptureFixture) -> None:
    """A program that forgets to settle finds out, and its messages come again."""
    await jobs.create_group("t", "g", GroupConfig(max_attempts=1))
    await publish(jobs, 2)
    with caplog.at_level(logging.WARNING, "prism.client"):
        async with jobs.consume("t", group="g") as messages:
            async for message in messages:
                if message.payload == b"1":
                    async with message:
                        break
            await until(jobs, dead=1, acknowledged=1)
    assert "was dropped unsettled, and is nacked" in caplog.text


async def test_what_is_in_hand_is_extended(jobs: Queue) -> None:
    """CONTRACT, Queue 1: up to `max_lease`; then it is lost, and says so."""
    await jobs.create_group("t", "g", GroupConfig(ack_deadline=0.6, max_lease=1.2, backoff_min=0, max_attempts=0))
    await publish(jobs, 1)
    loop = asyncio.get_running_loop()
    async with jobs.consume("t", group="g") as messages:
        since = loop.time()
        message = await anext(messages)
        again = await anext(messages)
        assert loop.time() - since > 0.7
        assert message.lost
        with pytest.raises(ReceiptLost):
            await message.acknowledge()
        assert again.attempt == 2
        await again.acknowledge()


async def test_what_is_asked_twice_at_once_is_two_requests(jobs: Queue) -> None:
    """A request names each receipt once."""
    await publish(jobs, 1)
    async with jobs.consume("t", group="g") as messages, await anext(messages) as message:
        await asyncio.gather(*(message.extend() for _ in range(3)))
    assert (await jobs.describe_group("t", "g")).acknowledged == 1


async def test_what_waits_here_does_not_lose_its_lease(jobs: Queue) -> None:
    """A loop that is slow at one message has the next ones as attempt 1 still; they go to others at last."""
    config = GroupConfig(ack_deadline=0.6, max_lease=1.2, max_attempts=1)
    await jobs.create_group("t", "g", config)
    await publish(jobs, 3)
    loop = asyncio.get_running_loop()
    async with jobs.consume("t", group="g", max_in_flight=3) as messages, jobs.consume("t", group="g") as others:
        since = loop.time()
        async with await anext(messages):
            async with await anext(others) as message:
                assert message.attempt == 1
            assert loop.time() - since > 0.7
    counts = await jobs.describe_group("t", "g")
    assert (counts.acknowledged, counts.dead) == (2, 0)


async def test_a_wait_can_be_cancelled_without_a_loss(jobs: Queue) -> None:
    """The message that comes then is the next one's."""
    async with jobs.consume("t", group="g") as messages:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await anext(messages)
        await publish(jobs, 1)
        async with await anext(messages) as message:
            assert message.payload == b"0"


async def test_a_group_that_is_deleted_ends_it(jobs: Queue) -> None:
    """Opening it again cannot help; a message that was taken is lost."""
    await publish(jobs, 1)
    async with jobs.consume("t", group="g") as messages:
        message: QueueMessage = await anext(messages)
        await jobs.delete_group("t", "g")
        with pytest.raises(GroupNotFound):
            await anext(messages)
        assert message.lost
        with pytest.raises(GroupNotFound):
            await message.acknowledge()


async def test_what_cannot_be_subscribed_raises(jobs: Queue) -> None:
    """At the entrance of the block."""
    with pytest.raises(InvalidArgument):
        async with jobs.consume("", group="g"):
            pass
    with pytest.raises(PrismError):
        async for _ in jobs.consume("t", group="g" * 600):
            pass


async def test_nothing_is_left_of_it(upstream: Upstream) -> None:
    """Neither a stream nor a task, however it was left."""
    before = asyncio.all_tasks()
    async with Client(upstream.address) as prism:
        jobs = prism.queue()
        await publish(jobs, 3)
        messages = jobs.consume("t", group="g")
        await anext(messages)
        del messages
        gc.collect()
        async with jobs.consume("t", group="g"):
            pass
        while upstream.streams:
            await upstream.left.wait()
            upstream.left.clear()
    await asyncio.sleep(0)
    mine = {task for task in asyncio.all_tasks() - before if "prism/client/queue" in str(task.get_coro())}
    assert not mine
