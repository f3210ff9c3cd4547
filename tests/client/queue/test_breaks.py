"""Streams that break, end or drain under their consumer: it goes on with the messages that are its own."""

import asyncio

import pytest

from client.queue.conftest import QUICK
from client.queue.counting import until
from client.upstream import Fault, Upstream, serving
from prism.client import (
    BackendUnavailable,
    Client,
    GatewayUnavailable,
    GroupConfig,
    Outcome,
    Queue,
    QueueOutgoing,
)

GONE = BackendUnavailable("the gateway is gone")
ONCE = GroupConfig(max_attempts=1)
"""What fails is dead: a message that came twice has been lost by something."""


async def test_a_message_in_hand_outlives_its_stream(jobs: Queue, upstream: Upstream) -> None:
    """CONTRACT, Queue 4: the next stream goes on with the receipts; what was waiting here comes once, too."""
    await jobs.create_group("t", "g", ONCE)
    await jobs.publish_batch([QueueOutgoing(topic="t", payload=b"%d" % number) for number in range(3)])
    seen = []
    async with jobs.consume("t", group="g", max_in_flight=3) as messages:
        async with await anext(messages) as message:
            seen.append(message.payload)
            await until(jobs, in_flight=3)
            upstream.cut(GONE)
        for _ in range(2):
            async with await anext(messages) as message:
                seen.append(message.payload)
    assert sorted(seen) == [b"0", b"1", b"2"]
    assert (await jobs.describe_group("t", "g")).acknowledged == 3


@pytest.mark.parametrize("verb", ["acknowledge", "nack", "release", "commit"])
async def test_what_was_asked_is_asked_again(jobs: Queue, upstream: Upstream, verb: str) -> None:
    """A stream that breaks before its answer: it is settled once, whether or not it was done already."""
    await jobs.create_group("t", "g", GroupConfig(backoff_min=3600, backoff_max=3600))
    await jobs.publish("t")
    async with jobs.consume("t", group="g") as messages:
        message = await anext(messages)
        given = {"idempotency_key": "k"} if verb == "commit" else {}
        settling = asyncio.create_task(getattr(message, verb)(**given))
        await asyncio.sleep(0)
        upstream.cut(GONE)
        await settling
        if verb == "release":
            await (await anext(messages)).acknowledge()
    expected = {"delayed": 1} if verb == "nack" else {"acknowledged": 1}
    await until(jobs, **expected)


async def test_a_commit_without_a_key_is_not_repeated(jobs: Queue, upstream: Upstream) -> None:
    """It may have published: its outcome is unknown."""
    await jobs.publish("t")
    upstream.faults.append(Fault(GONE, messages=2))
    async with jobs.consume("t", group="g") as messages:
        message = await anext(messages)
        with pytest.raises(GatewayUnavailable, match="idempotency_key") as caught:
            await message.commit(QueueOutgoing(topic="next"))
        assert caught.value.outcome is Outcome.UNKNOWN


async def test_a_gateway_that_drains_is_left_in_order(jobs: Queue, upstream: Upstream) -> None:
    """What is in hand is settled on the stream that gave it, while the next stream gives more."""
    await jobs.create_group("t", "g", ONCE)
    await jobs.publish("t", b"before")
    async with jobs.consume("t", group="g") as messages:
        message = await anext(messages)
        (old,) = upstream.streams
        old.draining.set()
        async with message:
            await jobs.publish("t", b"after")
            async with await anext(messages) as following:
                assert following.payload == b"after"
            assert old in upstream.streams
        await upstream.left.wait()
        assert old not in upstream.streams
    counts = await jobs.describe_group("t", "g")
    assert (counts.acknowledged, counts.dead) == (2, 0)


async def test_an_outage_is_waited_for() -> None:
    """The gateway is away while a message is in hand, and comes again on the same store's place: nothing is raised."""
    async with asyncio.timeout(20), serving() as first:
        address = first.address
        async with Client(address, retry=QUICK) as prism:
            jobs = prism.queue()
            await jobs.publish("t")
            async with jobs.consume("t", group="g", outage_timeout=10) as messages:
                message = await anext(messages)
                await first.close()
                following = asyncio.ensure_future(anext(messages))
                async with serving(address):
                    while True:
                        try:
                            await jobs.publish("t", b"there again", idempotency_key="k")
                            break
                        except GatewayUnavailable:
                            await asyncio.sleep(0.01)
                    async with await following as found:
                        assert found.payload == b"there again"
                    assert not message.settled


async def test_an_outage_may_last_too_long(jobs: Queue, upstream: Upstream) -> None:
    """Then its error is raised, to who waits for a message and to who settles one."""
    await jobs.publish("t")
    async with jobs.consume("t", group="g", outage_timeout=0.05) as messages:
        message = await anext(messages)
        await upstream.close()
        acknowledging = asyncio.ensure_future(message.acknowledge())
        with pytest.raises(GatewayUnavailable):
            await anext(messages)
        with pytest.raises(GatewayUnavailable):
            await acknowledging


async def test_what_settles_is_repeated_where_the_store_is_away(jobs: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """An acknowledgement may be done twice: its consumer does not hear of a store that fails for a moment."""
    from prism.sdk.queue import RowStore

    await jobs.publish("t")
    settle, failures = RowStore.settle, 2

    async def failing(*arguments: object) -> list[float | None]:
        nonlocal failures
        if failures:
            failures -= 1
            raise BackendUnavailable("away", outcome=Outcome.UNKNOWN)
        return await settle(*arguments)  # type: ignore[arg-type]  # what it was called with

    monkeypatch.setattr(RowStore, "settle", failing)
    async with jobs.consume("t", group="g") as messages, await anext(messages):
        pass
    assert (await jobs.describe_group("t", "g")).acknowledged == 1
