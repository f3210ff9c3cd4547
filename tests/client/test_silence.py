"""Connections that die without a word: something on the way swallows what comes, and closes nothing."""

import asyncio
import time

import pytest

from client.relay import Relay
from client.upstream import Upstream
from prism.client import Client, DeadlineExceeded, Gap, PubSub, transport


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection in doubt is given up after two seconds, not five: most of these tests wait for that."""
    monkeypatch.setattr(transport, "_PROBE_TIMEOUT", 2.0)


async def test_calls_find_another_connection(upstream: Upstream, events: PubSub) -> None:
    """One call or two run out of time; then there is another connection, for the subscription beside them too."""
    gaps: list[Gap] = []
    again = asyncio.Event()

    def on_gap(gap: Gap) -> None:
        gaps.append(gap)
        again.set()

    failed = 0
    async with (
        Relay(upstream.address) as relay,
        Client(relay.address) as prism,
        asyncio.timeout(30),
        prism.pubsub().subscribe("t", on_gap=on_gap) as subscription,
    ):
        following = asyncio.ensure_future(anext(subscription))
        kv = prism.keyvalue()
        await kv.put("r", {b"k": b"v"})
        relay.swallow()
        item = None
        while item is None:
            try:
                item = await kv.get("r", b"k", timeout=0.8)  # less than it takes to give the connection up
            except DeadlineExceeded:
                failed += 1
        await again.wait()
        await events.publish("t", b"behind")
        assert (await following).payload == b"behind"
    assert 1 <= failed <= 2
    assert len(gaps) == 1


async def test_a_read_with_time_left_is_repeated_on_another_connection(upstream: Upstream) -> None:
    """The call after the one that ran out of time does not fail at all."""
    async with Relay(upstream.address) as relay, Client(relay.address) as prism, asyncio.timeout(30):
        kv = prism.keyvalue()
        await kv.put("r", {b"k": b"v"})
        relay.swallow()
        with pytest.raises(DeadlineExceeded):
            await kv.get("r", b"k", timeout=0.1)
        assert await kv.get("r", b"k") is not None
    assert relay.accepted == 2


async def test_a_call_that_its_caller_gives_up_counts_too(upstream: Upstream) -> None:
    """The application has time limits of its own."""
    async with Relay(upstream.address) as relay, Client(relay.address) as prism, asyncio.timeout(30):
        kv = prism.keyvalue()
        await kv.put("r", {b"k": b"v"})
        relay.swallow()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await kv.get("r", b"k")
        assert await kv.get("r", b"k") is not None
    assert relay.accepted == 2


async def test_a_quiet_subscription_pings(upstream: Upstream, events: PubSub) -> None:
    """No call fails beside it: the silence itself is what it goes by."""
    again = asyncio.Event()
    async with (
        Relay(upstream.address) as relay,
        Client(relay.address, keepalive=0.2) as prism,
        asyncio.timeout(30),
        prism.pubsub().subscribe("t", on_gap=lambda _: again.set()) as subscription,
    ):
        following = asyncio.ensure_future(anext(subscription))
        relay.swallow()
        began = time.monotonic()
        await again.wait()
        assert time.monotonic() - began < 5
        await events.publish("t", b"behind")
        assert (await following).payload == b"behind"


async def test_a_gateway_that_is_slow_keeps_its_connection(upstream: Upstream) -> None:
    """It answers the PING, so what is slow is the call."""
    async with Relay(upstream.address) as relay, Client(relay.address) as prism, asyncio.timeout(30):
        kv = prism.keyvalue()
        async with prism.pubsub().subscribe("t") as subscription:
            upstream.stalled = True
            for _ in range(10):
                with pytest.raises(DeadlineExceeded):
                    await kv.get("r", b"k", timeout=0.2)
            upstream.stalled = False
            assert await kv.get("r", b"k") is None
            assert subscription.gaps == 0
    assert relay.accepted == 1


@pytest.mark.parametrize("keepalive", [0, -1.0, float("nan")])
def test_a_keepalive_must_be_above_zero(keepalive: float) -> None:
    """The error names it."""
    with pytest.raises(ValueError, match="keepalive"):
        Client("localhost:1", keepalive=keepalive)
