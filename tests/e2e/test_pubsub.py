"""Subscriptions through the life of a gateway: reload, restart, end, and a subscriber that does not read."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateways import GatewayProcess, namespace, serving
from prism.client import Client, Gap, GatewayUnavailable, PubSub, Subscription

PATIENCE = 30.0
MEGABYTE = 1 << 20
SIDECAR = {"type": "sidecar"}


def configuration(placement: Mapping[str, str] | None = None, **options: Any) -> dict[str, Any]:
    """One namespace on memory; time to drain enough to be noticed."""
    events = namespace("events", "memory", "pubsub", **options)
    if placement:
        events["plugin"] = dict(placement)
    return {"gateway": {"listen": "127.0.0.1:0", "drain_timeout": 600}, "namespaces": [events]}


@pytest.fixture(params=[None, SIDECAR], ids=["in_process", "sidecar"])
async def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """A gateway whose namespace runs in it or beside it."""
    async with serving(configuration(request.param), tmp_path) as gateway:
        gateway.placement = request.param  # type: ignore[attr-defined]
        yield gateway


class Watcher:
    """Listens to everything, and notes messages and gaps."""

    def __init__(self, events: PubSub) -> None:
        self.gaps: list[Gap] = []
        self.resumed = asyncio.Event()
        self.subscription: Subscription = events.subscribe(">", on_gap=self._on_gap)

    def _on_gap(self, gap: Gap) -> None:
        self.gaps.append(gap)
        self.resumed.set()


async def test_a_reload_is_one_gap(gateway: GatewayProcess) -> None:
    """The namespace moves to another instance: the subscriber follows by itself, is told, and misses nothing after."""
    async with asyncio.timeout(PATIENCE), Client(gateway.data) as prism:
        events = prism.pubsub("events")
        watcher = Watcher(events)
        async with watcher.subscription as messages:
            await events.publish("before")
            assert (await anext(messages)).topic == "before"
            following = asyncio.ensure_future(anext(messages))
            gateway.write_config(configuration(gateway.placement, buffer_messages=5000))  # type: ignore[attr-defined]
            gateway.reload()
            await watcher.resumed.wait()
            await events.publish("after")
            assert (await following).topic == "after"
    (gap,) = watcher.gaps
    assert isinstance(gap.error, GatewayUnavailable)
    assert gap.missed is None


async def test_a_gateway_that_ends_does_not_wait_for_subscribers(gateway: GatewayProcess) -> None:
    """They never end by themselves: they are ended, and told by whom."""
    async with (
        asyncio.timeout(PATIENCE),
        Client(gateway.data) as prism,
        prism.pubsub("events").subscribe(">", outage_timeout=0) as messages,
    ):
        waiting = asyncio.ensure_future(anext(messages))
        assert await asyncio.to_thread(gateway.stop) == 0
        with pytest.raises(GatewayUnavailable):
            await waiting


async def test_a_killed_gateway_is_found_again(tmp_path: Path) -> None:
    """A crash is a gap like any other once a gateway is there again."""
    address = f"unix:{tmp_path}/prism.sock"
    config = configuration()
    config["gateway"]["listen"] = address
    async with asyncio.timeout(PATIENCE), Client(address) as prism:
        async with serving(config, tmp_path / "first") as first:
            watcher = Watcher(prism.pubsub("events"))
            await watcher.subscription.__aenter__()
            following = asyncio.ensure_future(anext(watcher.subscription))
            await asyncio.to_thread(first.kill)
        async with serving(config, tmp_path / "second"):
            await watcher.resumed.wait()
            await prism.pubsub("events").publish("after")
            assert (await following).topic == "after"
            await watcher.subscription.aclose()
    assert len(watcher.gaps) == 1


@pytest.mark.parametrize("gateway", [SIDECAR], ids=["sidecar"], indirect=True)
async def test_a_killed_plugin_is_found_again(gateway: GatewayProcess) -> None:
    """A plugin that dies is restarted, and its subscribers are there again by themselves."""
    async with asyncio.timeout(PATIENCE), Client(gateway.data) as prism:
        watcher = Watcher(prism.pubsub("events"))
        async with watcher.subscription as messages:
            following = asyncio.ensure_future(anext(messages))
            for pid in children(gateway):
                os.kill(pid, signal.SIGKILL)
            await watcher.resumed.wait()
            await prism.pubsub("events").publish("after")
            assert (await following).topic == "after"
    assert len(watcher.gaps) == 1


async def test_a_subscriber_that_does_not_read_costs_a_bounded_memory(gateway: GatewayProcess) -> None:
    """Hundreds of megabytes pass it by: the gateway and its plugin keep a few, and end it with the count."""
    payload = bytes(MEGABYTE // 2)
    async with asyncio.timeout(PATIENCE), Client(gateway.data) as prism, Client(gateway.data) as lazy:
        events = prism.pubsub("events")
        for _ in range(20):
            await events.publish("warm.up", payload)
        watcher = Watcher(lazy.pubsub("events"))
        async with watcher.subscription as messages, events.subscribe("sent") as fast:
            before = resident(gateway)
            for _ in range(100):
                await asyncio.gather(*(events.publish("sent", payload) for _ in range(4)))
                for _ in range(4):
                    await anext(fast)
            grown = resident(gateway) - before
            taken = 0
            while not watcher.gaps:
                following = asyncio.ensure_future(anext(messages))
                resumed = asyncio.ensure_future(watcher.resumed.wait())
                await asyncio.wait((following, resumed), return_when=asyncio.FIRST_COMPLETED)
                resumed.cancel()
                if following.done():
                    taken += 1
                else:
                    following.cancel()
    assert grown < 100 * MEGABYTE
    assert taken + (watcher.gaps[0].missed or 0) == 400


def resident(gateway: GatewayProcess) -> int:
    """Resident bytes of the gateway and its children."""
    statuses = [Path(f"/proc/{pid}/statm").read_text() for pid in (gateway.pid, *children(gateway))]
    return sum(int(status.split()[1]) for status in statuses) * 4096


def children(gateway: GatewayProcess) -> list[int]:
    """The processes that it has started."""
    return [*map(int, Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children").read_text().split())]
