"""A Consume stream whose client does not read, and one whose gateway ends."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty

from prism.backends.memory.backend import MemoryBackend
from prism.backends.memory.testing import TemporaryStore
from prism.context import Context
from prism.errors import Conflict, Outcome
from prism.interfaces import queue as q
from prism.interfaces.capabilities.queue import QueueCapabilities
from prism.rpc_status import from_status
from prism.sdk.queue import StoredQueue
from prism.wire import Code, Status

HERE = Context("ns")


@asynccontextmanager
async def served() -> AsyncIterator[StoredQueue]:
    """Queue on a store of its own."""
    store = TemporaryStore()
    await store.start()
    try:
        backend: MemoryBackend = await store.backend()
        queue = next(each for each in backend.interfaces if isinstance(each, StoredQueue))
        queue.declare(QueueCapabilities(min_ack_deadline=0.01, max_payload=4 << 20, max_nack_delay=10))
        yield queue
    finally:
        await store.stop()


class Asked:
    """Requests that are given one by one."""

    def __init__(self, **subscribe: Any) -> None:
        self._requests: asyncio.Queue[q.ConsumeRequest | None] = asyncio.Queue()
        self.ask(subscribe=q.Subscribe(topic="t", group="g", **subscribe))

    def ask(self, **request: Any) -> None:
        self._requests.put_nowait(q.ConsumeRequest(**request))

    def end(self) -> None:
        self._requests.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[q.ConsumeRequest]:
        while (request := await self._requests.get()) is not None:
            yield request


def consume(queue: StoredQueue, asked: Asked, context: Context = HERE) -> AsyncGenerator[q.ConsumeResponse, None]:
    stream: Any = queue.consume(aiter(asked), context)
    return stream


async def counts(queue: StoredQueue) -> q.Counts:
    return (await queue.describe_group(q.DescribeGroupRequest(topic="t", group="g"), HERE)).counts


async def test_what_is_fetched_and_not_sent_does_not_age() -> None:
    """Rule 1: while a client does not read, nobody else gets it, and it is attempt 1 when it is read."""
    async with served() as queue:
        deadline = {"nanos": 100_000_000}
        config = q.GroupConfig(ack_deadline=deadline, max_attempts=1)
        await queue.create_group(q.CreateGroupRequest(topic="t", group="g", config=config), HERE)
        for _ in range(3):
            await queue.publish(q.PublishRequest(topic="t"), HERE)
        async with aclosing(consume(queue, Asked())) as responses:
            assert (await anext(responses)).HasField("subscribed")
            first = (await anext(responses)).message
            await asyncio.sleep(0.35)  # three deadlines: what is asserted is that nothing happens in them
            found = await counts(queue)
            assert (found.waiting, found.dead) == (0, 1), found  # the one that was sent is dead: its consumer was late
            messages = []
            while len(messages) < 2:
                response = await anext(responses)
                if response.HasField("message"):
                    messages.append(response.message)
            assert [each.attempt for each in (first, *messages)] == [1, 1, 1]


async def test_a_gateway_that_drains() -> None:
    """Rule 4: `draining` comes, nothing more is sent, what is there is settled, and the stream ends in order."""
    async with served() as queue:
        asked, context = Asked(), Context("ns")
        await queue.publish(q.PublishRequest(topic="t"), HERE)
        async with aclosing(consume(queue, asked, context)) as responses:
            assert (await anext(responses)).HasField("subscribed")
            message = (await anext(responses)).message
            context.draining.set()
            assert (await anext(responses)).HasField("draining")
            await queue.publish(q.PublishRequest(topic="t"), HERE)
            asked.ask(ack=q.Ack(receipts=[message.receipt]))
            rest = [each async for each in responses]
            assert [each.WhichOneof("response") for each in rest] == ["settled"]
        found = await counts(queue)
        assert (found.acknowledged, found.waiting) == (1, 1)


async def test_a_stream_that_its_gateway_ends_is_resumed_with_a_whole_window() -> None:
    """Rules 4 and 10: what is resumed counts against max_in_flight."""
    async with served() as queue:
        for _ in range(3):
            await queue.publish(q.PublishRequest(topic="t"), HERE)
        async with aclosing(consume(queue, Asked(consumer_id="c", max_in_flight=2))) as responses:
            assert (await anext(responses)).HasField("subscribed")
            receipts = {(await anext(responses)).message.receipt for _ in range(2)}
        asked = Asked(consumer_id="c", max_in_flight=2)
        async with aclosing(consume(queue, asked)) as responses:
            assert set((await anext(responses)).subscribed.resumed) == receipts
            assert (await counts(queue)).in_flight == 2
            asked.ask(ack=q.Ack(receipts=[receipts.pop()]))
            found = {(await anext(responses)).WhichOneof("response") for _ in range(2)}
            assert found == {"settled", "message"}


@pytest.mark.parametrize("ends", [False, True])
async def test_nothing_is_sent_after_drain_or_a_half_close(ends: bool) -> None:
    """Rule 4: what was fetched and not sent is released at once, for others to have."""
    async with served() as queue:
        await queue.create_group(q.CreateGroupRequest(topic="t", group="g"), HERE)
        for _ in range(5):
            await queue.publish(q.PublishRequest(topic="t"), HERE)
        asked = Asked()
        async with aclosing(consume(queue, asked)) as responses:
            assert (await anext(responses)).HasField("subscribed")
            assert (await anext(responses)).HasField("message")
            if ends:
                asked.end()
            else:
                asked.ask(drain=Empty())
            for _ in range(20):  # it is read beside the responses, which are not asked for meanwhile
                await asyncio.sleep(0)
            following = asyncio.ensure_future(anext(responses, None))
            async with asyncio.timeout(10):
                while (await counts(queue)).waiting != (5 if ends else 4):  # noqa: ASYNC110 - nothing else shows it
                    await asyncio.sleep(0.01)
            assert (await counts(queue)).in_flight == (0 if ends else 1)
            assert not following.done() or following.result() is None
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def test_a_deadline_that_becomes_shorter_under_an_open_stream() -> None:
    """Rule 1: what is fetched by then and not sent does not age either, though the stream began with a longer one."""
    async with served() as queue:
        config = q.GroupConfig(ack_deadline={"seconds": 60}, max_attempts=1)
        await queue.create_group(q.CreateGroupRequest(topic="t", group="g", config=config), HERE)
        async with aclosing(consume(queue, Asked())) as responses:
            assert (await anext(responses)).HasField("subscribed")
            shorter = q.GroupConfig(ack_deadline={"nanos": 100_000_000})
            await queue.update_group(q.UpdateGroupRequest(topic="t", group="g", config=shorter), HERE)
            for _ in range(3):
                await queue.publish(q.PublishRequest(topic="t"), HERE)
            assert (await anext(responses)).message.attempt == 1
            await asyncio.sleep(0.35)  # three deadlines: what is asserted is that nothing happens in them
            found = await counts(queue)
            assert (found.waiting, found.dead) == (0, 1), found


async def test_acknowledgements_wait_for_one_round_trip_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is acknowledged one by one while the store settles goes to it in one call; each has its answer, in order,
    also a receipt that comes twice, and before what is asked after it."""
    async with served() as queue:
        for _ in range(8):
            await queue.publish(q.PublishRequest(topic="t"), HERE)
        asked, settle = Asked(), queue._store.settle
        calls: list[int] = []
        busy, go = asyncio.Event(), asyncio.Event()

        async def settles(context: Context, topic: str, group: str, settlements: Any) -> Any:
            calls.append(len(settlements))
            busy.set()
            await go.wait()
            return await settle(context, topic, group, settlements)

        monkeypatch.setattr(queue._store, "settle", settles)
        async with aclosing(consume(queue, asked)) as responses:
            await anext(responses)
            receipts = [(await anext(responses)).message.receipt for _ in range(8)]
            following = asyncio.ensure_future(anext(responses))
            asked.ask(ack=q.Ack(receipts=receipts[:1]))
            await busy.wait()
            for receipt in [*receipts[1:7], receipts[1], "forged"]:
                asked.ask(ack=q.Ack(receipts=[receipt]))
            asked.ask(release=q.Release(receipts=receipts[7:]))
            asked.end()
            for _ in range(20):
                await asyncio.sleep(0)
            go.set()
            answers = [await following] + [each async for each in responses]
        settled = [each.settled for each in answers if each.HasField("settled")]
        assert calls == [1, 6, 1, 1]
        assert [list(each.receipts) for each in settled if each.HasField("error")] == [["forged"]]
        assert [each for one in settled for each in one.receipts if not one.HasField("error")] == [
            *receipts[:7], receipts[1], receipts[7],
        ]  # fmt: skip
        found = await counts(queue)
        assert (found.acknowledged, found.waiting) == (7, 1)


async def test_an_error_of_one_receipt_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what a store settles together one may be doubtful: it alone is UNKNOWN, on the stream and by a call."""
    async with served() as queue:
        for _ in range(3):
            await queue.publish(q.PublishRequest(topic="t"), HERE)
        doubt = Conflict("not known", outcome=Outcome.UNKNOWN)

        async def settles(*_: Any) -> Any:
            return [0.0, doubt, None]

        async with aclosing(consume(queue, asked := Asked())) as responses:
            assert (await anext(responses)).HasField("subscribed")
            receipts = [(await anext(responses)).message.receipt for _ in range(3)]
            with monkeypatch.context() as patched:
                patched.setattr(queue._store, "settle", settles)
                called = await queue.acknowledge(q.AcknowledgeRequest(topic="t", group="g", receipts=receipts), HERE)
                asked.ask(ack=q.Ack(receipts=receipts))
                found = [(await anext(responses)).settled for _ in range(3)]
        by_call = {each.receipt: outcome_of(each) for each in called.results}
        by_stream = {receipt: outcome_of(each) for each in found for receipt in each.receipts}
        assert by_call == by_stream == dict(zip(receipts, ("", "UNKNOWN", "NOT_APPLIED"), strict=True))


def outcome_of(settled: q.Settled | q.Settlement) -> str:
    """What its error says was done; empty without one."""
    if not settled.HasField("error"):
        return ""
    error = from_status(Status(Code(settled.error.code), settled.error.message, settled.error.SerializeToString()))
    return "" if error.outcome is None else error.outcome.name


async def test_a_store_that_has_something_due_and_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another gateway may have it by then: each consumer asks again after a pause, however many wake each other."""
    async with served() as queue:
        claims = 0
        claim: Any = queue._store.claim

        async def due(*arguments: Any) -> Any:
            nonlocal claims
            claims += 1
            return replace(await claim(*arguments), wait=0.0)

        monkeypatch.setattr(queue._store, "claim", due)
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            reading = []
            for number in range(4):
                stream = await stack.enter_async_context(aclosing(consume(queue, Asked(consumer_id=f"c{number}"))))
                assert (await anext(stream)).HasField("subscribed")
                reading.append(tasks.create_task(anext(stream, None)))
            await asyncio.sleep(0.5)
            for each in reading:
                each.cancel()
        assert claims <= 4 * (0.5 / 0.05) + 4


async def test_who_asks_for_several_gets_them_together() -> None:
    """As many as there are and the window has room for, to 64 KiB; one is a message by itself, as for others."""
    async with served() as queue:
        await queue.create_group(q.CreateGroupRequest(topic="t", group="g"), HERE)
        for number in range(5):
            await queue.publish(q.PublishRequest(topic="t", payload=b"%d" % number + bytes(30 << 10)), HERE)
        asked = Asked(several=True, max_in_flight=4)
        async with aclosing(consume(queue, asked)) as responses:
            assert (await anext(responses)).HasField("subscribed")
            pairs = [(await anext(responses)).messages.messages for _ in range(2)]
            assert [[each.payload[:1] for each in pair] for pair in pairs] == [[b"0", b"1"], [b"2", b"3"]]
            first = pairs[0][0]
            assert (first.topic, first.attempt, bool(first.receipt), first.offset > 0) == ("t", 1, True, True)
            assert first.published_at.ToMicroseconds() > 0
            asked.ask(ack=q.Ack(receipts=[first.receipt]))
            found = {each.WhichOneof("response"): each for each in [await anext(responses) for _ in range(2)]}
            assert found.keys() == {"settled", "message"}
            assert found["message"].message.payload[:1] == b"4"
