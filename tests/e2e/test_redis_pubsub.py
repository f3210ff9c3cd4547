"""PubSub on Redis through two gateways, as an application sees it, while Redis is killed and started."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from missing import missing

pytest.importorskip("redis")

from gateways import GatewayProcess, namespace, serving
from prism.acceptance.store.backend import StoreMissing
from prism.backends.redis.testing.server import RedisServer
from prism.client import Client, Gap, PrismError, PubSub

PATIENCE = 40.0


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A server to be killed."""
    try:
        server = RedisServer()
    except StoreMissing as absent:
        missing(str(absent))
    with server:
        yield server


@pytest.fixture(params=["in_process", "sidecar"])
async def gateways(
    request: pytest.FixtureRequest, redis: RedisServer, tmp_path: Path
) -> AsyncIterator[tuple[GatewayProcess, GatewayProcess]]:
    """Two of them on it; the plugin runs in each, or beside it."""
    events = namespace("events", "redis", "pubsub", addresses=[redis.address])
    events |= {"credentials": dict(redis.credentials()), "plugin": {"type": request.param}}
    document = {"gateway": {"listen": "127.0.0.1:0"}, "namespaces": [events]}
    async with AsyncExitStack() as stack:
        both = []
        for name in ("one", "other"):
            folder = tmp_path / name
            folder.mkdir()
            both.append(await stack.enter_async_context(serving(document, folder)))
            await asyncio.to_thread(both[-1].wait_until_served, "events")
        yield both[0], both[1]


async def test_a_killed_redis_is_a_gap_and_passes(
    redis: RedisServer, gateways: tuple[GatewayProcess, GatewayProcess]
) -> None:
    """Killed and started: the subscriber follows by itself and is told of its gap; around it nothing is missing."""
    gaps: list[Gap] = []
    heard: list[int] = []
    acknowledged: list[int] = []
    resumed = asyncio.Event()

    def on_gap(gap: Gap) -> None:
        gaps.append(gap)
        resumed.set()

    async def publish(events: PubSub, done: asyncio.Event) -> None:
        number = 0
        while not done.is_set():
            number += 1
            try:
                await events.publish("n", b"%d" % number)
            except PrismError:
                await asyncio.sleep(0.01)
            else:
                acknowledged.append(number)
                await asyncio.sleep(0.001)

    one, other = gateways
    async with (
        asyncio.timeout(PATIENCE),
        Client(one.data) as talking,
        Client(other.data) as listening,
        listening.pubsub("events").subscribe("*", on_gap=on_gap) as messages,
    ):
        done = asyncio.Event()
        publisher = asyncio.create_task(publish(talking.pubsub("events"), done))
        while len(heard) < 100:
            heard.append(int((await anext(messages)).payload))
        before = len(heard)
        await asyncio.to_thread(redis.kill)
        await asyncio.to_thread(redis.start)
        while len(heard) < before + 200 or not resumed.is_set():
            heard.append(int((await anext(messages)).payload))
        done.set()
        await publisher
    assert len(gaps) == 1
    assert heard == sorted(set(heard))
    missed = sorted({number for number in acknowledged if heard[0] < number < heard[-1]} - set(heard))
    # What was missed lies in the one gap: nothing heard is between two numbers of it.
    assert not missed or not any(missed[0] < number < missed[-1] for number in heard)
