"""A subscription whose stream breaks: taken up again, and every gap reported."""

import asyncio
import logging

import pytest

from client.upstream import Fault, Upstream, serving
from prism.client import (
    BackendUnavailable,
    Client,
    FellBehind,
    Gap,
    GatewayUnavailable,
    InvalidArgument,
    MessagesLost,
    PermissionDenied,
    PrismError,
    PubSub,
    RetryPolicy,
)

QUICK = RetryPolicy(first_delay=0.001, longest_delay=0.002)


@pytest.mark.parametrize(
    ("error", "missed"),
    [(BackendUnavailable("reloaded"), None), (MessagesLost("reconnected"), None), (FellBehind.by(7), 7)],
    ids=["unavailable", "lost", "behind"],
)
async def test_it_is_taken_up_again(events: PubSub, upstream: Upstream, error: PrismError, missed: int | None) -> None:
    """The gap is told before the next message: behind which message it lies, how much is missing, and why."""
    upstream.faults.append(Fault(error, messages=1))
    told: list[Gap] = []
    placed = asyncio.Event()

    async def on_gap(gap: Gap) -> None:
        told.append(gap)
        placed.set()

    async with events.subscribe("t", on_gap=on_gap) as messages:
        first = await events.publish("t", b"1")
        assert (await anext(messages)).payload == b"1"
        lost = await events.publish("t", b"2")  # the stream ends in its place
        following = asyncio.ensure_future(anext(messages))
        await placed.wait()
        await events.publish("t", b"3")
        assert (await following).payload == b"3"
    (gap,) = told
    assert (gap.missed, gap.after, messages.gaps) == (missed, first, 1)
    assert type(gap.error) is type(error)
    assert gap.error.message in str(gap)
    assert lost


async def test_a_gateway_that_is_restarted_is_found_again() -> None:
    """The outage is one gap, however often it was tried meanwhile."""
    told: list[Gap] = []
    placed = asyncio.Event()

    def on_gap(gap: Gap) -> None:
        told.append(gap)
        placed.set()

    async with asyncio.timeout(20), serving() as first:
        address = first.address
        async with Client(address, retry=QUICK) as prism:
            messages = prism.pubsub().subscribe("t", on_gap=on_gap)
            async with messages:
                await first.close()
                following = asyncio.ensure_future(anext(messages))
                async with Client(address, retry=QUICK) as other:
                    with pytest.raises(GatewayUnavailable):
                        await other.pubsub().publish("t")
                async with serving(address):
                    await placed.wait()
                    await prism.pubsub().publish("t", b"there again")
                    assert (await following).payload == b"there again"
    assert [(gap.missed, gap.after) for gap in told] == [(None, "")]
    assert isinstance(told[0].error, GatewayUnavailable)


async def test_gaps_are_never_silent(events: PubSub, upstream: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    """Without a function to tell, they are warnings in the log."""
    upstream.faults.append(Fault(FellBehind.by(3)))
    async with events.subscribe("t") as messages:
        await events.publish("t", b"lost")
        following = asyncio.ensure_future(anext(messages))
        await upstream.left.wait()
        upstream.established.clear()
        await upstream.established.wait()
        await events.publish("t", b"next")
        assert (await following).payload == b"next"
    (record,) = [each for each in caplog.records if each.name == "prism.client"]
    assert record.levelno == logging.WARNING
    assert "3 messages or more were missed" in record.getMessage()


async def test_what_on_gap_raises_ends_the_loop(events: PubSub, upstream: Upstream) -> None:
    """An application that cannot live with a gap says so by raising."""
    upstream.faults.append(Fault(FellBehind.by(3)))

    def refuse(gap: Gap) -> None:
        raise gap.error

    async with events.subscribe("t", on_gap=refuse) as messages:
        await events.publish("t")
        with pytest.raises(FellBehind):
            await anext(messages)


async def test_an_outage_timeout_ends(upstream: Upstream) -> None:
    """An outage that lasts longer is raised, and a later wait tries once more."""
    async with (
        Client(upstream.address, retry=QUICK) as prism,
        prism.pubsub().subscribe("t", outage_timeout=0) as messages,
    ):
        await upstream.close()
        for _ in range(2):
            with pytest.raises(GatewayUnavailable):
                await anext(messages)


async def test_what_will_not_pass_is_raised(events: PubSub, upstream: Upstream) -> None:
    """A refusal is no outage; in place or not, it ends the subscription."""
    with pytest.raises(InvalidArgument):
        await anext(events.subscribe("a..b"))
    upstream.faults.append(Fault(PermissionDenied("not any more")))
    async with events.subscribe("t") as messages:
        await events.publish("t")
        with pytest.raises(PermissionDenied):
            await anext(messages)
        with pytest.raises(StopAsyncIteration):
            await anext(messages)


async def test_a_wait_may_be_cancelled(events: PubSub) -> None:
    """Giving up a wait loses no message and does not end the subscription."""
    async with events.subscribe("t") as messages:
        for number in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await anext(messages)
            await events.publish("t", b"%d" % number)
            assert (await anext(messages)).payload == b"%d" % number


async def test_closing_ends_a_wait(events: PubSub, upstream: Upstream) -> None:
    """Whoever waits for a message learns that there is none."""
    messages = events.subscribe("t")
    waiting = asyncio.ensure_future(anext(messages))
    await upstream.established.wait()
    await messages.aclose()
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert [message async for message in messages] == []


async def test_the_first_time_it_fails_like_any_call(upstream: Upstream) -> None:
    """Retries within the time allowed, then the error."""
    async with Client(upstream.address, retry=QUICK) as prism:
        upstream.faults.append(Fault(BackendUnavailable("once")))
        async with prism.pubsub().subscribe("t"):
            pass
        await upstream.close()
        with pytest.raises(GatewayUnavailable):
            await anext(prism.pubsub().subscribe("t"))
