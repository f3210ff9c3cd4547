"""Subscriptions to a log: who may catch up, a store that fails or is made anew, what ends with its backend."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty

from prism.backends.memory.message_log import Logs, MemoryLog
from prism.errors import BackendUnavailable, LimitExceeded, MessagesLost, PositionExpired
from prism.interfaces.pubsub import Context, Kind, Message, OnGap, PublishRequest, Start, SubscribeRequest
from prism.sdk.pubsub import LogReader, Page, PubSubOptions, tail

NOW, EARLIEST = Start(now=Empty()), Start(earliest=Empty())
SKIP = OnGap.PUB_SUB_ON_GAP_SKIP
CONTEXT = Context("n")


class FailingLog(MemoryLog):
    """A log whose store can be away; counts what is read."""

    away = False
    reads = 0

    async def read(self, context: Context, after: bytes, limit: int, max_bytes: int) -> Page:
        self.reads += 1
        if self.away:
            raise BackendUnavailable("away")
        return await super().read(context, after, limit, max_bytes)


class Store:
    """A log in memory, and a reader of it."""

    def __init__(self, **options: Any) -> None:
        self.time = 1_000_000
        self.logs = Logs(lambda: self.time)
        given = PubSubOptions(**({"retention": 10.0} | options))
        self.log = FailingLog(self.logs, given)
        self.reader = LogReader(self.log, given)

    async def publish(self, *payloads: bytes, topic: str = "t") -> None:
        """One message after the other."""
        for payload in payloads:
            await self.log.append(CONTEXT, PublishRequest(topic=topic, payload=payload), payload.hex())

    @asynccontextmanager
    async def subscribed(
        self, start: Start | None, on_gap: OnGap = OnGap.PUB_SUB_ON_GAP_FAIL
    ) -> AsyncIterator[Callable[[], Any]]:
        """Gives what asks for the next answer."""
        request = SubscribeRequest(topic_pattern="t", start=start, on_gap=on_gap)
        serve = self.reader.subscribe if start is not None else self.reader.listen
        async with aclosing(serve(request, CONTEXT)) as answers:
            yield lambda: asyncio.wait_for(anext(answers), 5)


async def first_message(answer: Callable[[], Any]) -> Message:
    """The next answer that is a message."""
    while True:
        found: Message = await answer()
        if found.kind == Kind.PUB_SUB_KIND_MESSAGE:
            return found


async def expires(answer: Callable[[], Any], most: int) -> None:
    """One of the next answers is that the position has expired."""
    for _ in range(most):
        try:
            await answer()
        except PositionExpired:
            return
    pytest.fail("it has not expired")


async def test_many_readers_cost_one() -> None:
    """A message is read once, however many subscriptions there are."""
    store = Store()
    async with store.subscribed(NOW) as one, store.subscribed(NOW) as other, store.subscribed(NOW) as third:
        for answer in (one, other, third):
            await answer()
        await asyncio.sleep(0)
        before = store.log.reads
        await store.publish(b"1")
        for answer in (one, other, third):
            assert (await first_message(answer)).payload == b"1"
        assert store.log.reads - before == 1
        assert store.reader.subscriptions == 3
    assert store.reader.subscriptions == 0


async def test_no_more_than_some_catch_up() -> None:
    """One more that begins in the past is refused until another has caught up; one that begins now is not."""
    store = Store(max_catching_up=1)
    await store.publish(b"1", b"2")
    async with store.subscribed(EARLIEST) as reading:
        await reading()
        with pytest.raises(LimitExceeded, match=r"max_catching_up") as refused:
            async with store.subscribed(EARLIEST) as other:
                await other()
        assert refused.value.retry_after
        async with store.subscribed(NOW) as new:
            await new()
        assert [(await reading()).payload for _ in range(2)] == [b"1", b"2"]
        await store.publish(b"3")
        assert (await reading()).payload == b"3"  # it has caught up
        async with store.subscribed(EARLIEST) as other:
            assert (await first_message(other)).payload == b"1"


async def test_a_store_that_is_away_for_a_moment_is_not_noticed() -> None:
    """What is at hand is asked for again, and nothing is missing."""
    store = Store()
    async with store.subscribed(NOW) as kept, store.subscribed(None) as plain:
        await kept()
        listening = asyncio.ensure_future(plain())
        await asyncio.sleep(0.01)
        store.log.away = True
        await store.publish(b"1")
        await asyncio.sleep(0.06)
        store.log.away = False
        assert (await first_message(kept)).payload == (await listening).payload == b"1"


async def test_an_outage_ends_subscriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the store's error; one that cannot resume is told that it may have missed messages."""
    monkeypatch.setattr(tail, "_OUTAGE", 0.05)
    store = Store()
    async with store.subscribed(NOW) as kept, store.subscribed(None) as plain:
        await kept()
        listening = asyncio.ensure_future(plain())
        await asyncio.sleep(0.01)
        store.log.away = True
        await store.publish(b"1")
        with pytest.raises(BackendUnavailable, match="away"):
            await kept()
        with pytest.raises(MessagesLost, match="away"):
            await listening


@pytest.mark.parametrize("reading", [False, True], ids=["resuming", "reading"])
async def test_a_log_that_is_made_anew_has_expired(*, reading: bool) -> None:
    """Positions of before are not taken for places in the new one, though it is as long."""
    store = Store()
    await store.publish(b"1", b"2")
    async with store.subscribed(EARLIEST) as answer, store.subscribed(EARLIEST, SKIP) as skipping:
        position = (await answer()).position
        for each in (answer, skipping):
            assert (await first_message(each)).payload == b"1"
        store.logs.clear()
        await store.publish(b"3", b"4", b"5")
        if reading:
            await expires(answer, 3)
            found = [await skipping() for _ in range(3)]
            while found[0].kind == Kind.PUB_SUB_KIND_MESSAGE and found[0].payload == b"2":
                found = [*found[1:], await skipping()]  # it was at hand
            assert [each.kind for each in found] == [Kind.PUB_SUB_KIND_GAP, 0, 0]
            assert [each.payload for each in found[1:]] == [b"3", b"4"]
    if not reading:
        with pytest.raises(PositionExpired):
            async with store.subscribed(Start(position=position)) as resumed:
                await resumed()


async def test_retention_passes_a_reader() -> None:
    """FAIL in the midst of a subscription, too; and a start by time begins with what is kept."""
    store = Store(buffer_bytes=1)
    await store.publish(b"1", b"2")
    async with store.subscribed(EARLIEST) as answer:
        assert (await first_message(answer)).payload == b"1"
        await store.publish(*(b"%d" % number for number in range(600)))  # more than is read at once
        store.time += 11_000_000
        await store.publish(b"new")
        store.log.sweep()
        await expires(answer, 600)
    since = Start()
    since.time.FromMicroseconds(1)
    async with store.subscribed(since) as answer:
        assert (await first_message(answer)).payload == b"new"


async def test_a_backend_that_stops_ends_them() -> None:
    """Each with UNAVAILABLE, waiting or not; so is one that comes later."""
    store = Store()
    await store.publish(b"1")
    async with store.subscribed(NOW) as kept, store.subscribed(None) as plain, store.subscribed(EARLIEST) as behind:
        await kept()
        await behind()
        waiting = [asyncio.ensure_future(kept()), asyncio.ensure_future(plain())]
        await asyncio.sleep(0.01)
        await store.reader.stop()
        for each in waiting:
            with pytest.raises(BackendUnavailable, match="stopped"):
                await each
        with pytest.raises(BackendUnavailable, match="stopped"):
            await behind()
    with pytest.raises(BackendUnavailable, match="stopped"):
        async with store.subscribed(NOW) as late:
            await late()
