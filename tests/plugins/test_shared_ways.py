"""What many callers share on the way to one plugin: held streams use up nothing that others need."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from plugins.sidecars import Make, get, pid_of, put
from prism.context import Context
from prism.errors import LimitExceeded, Outcome
from prism.interfaces.keyvalue import PutItem, PutRequest, ScanStreamRequest
from prism.interfaces.pubsub import PublishRequest, SubscribeRequest
from prism.plugins.rpc import endpoint
from prism.plugins.rpc.instance import RpcInstance
from prism.plugins.sidecar.sidecar import Sidecar
from prism.sdk import HealthStatus

PUBLISH, SUBSCRIBE = "prism.data.v1.PubSub/Publish", "prism.data.v1.PubSub/Subscribe"
PUT, SCAN = "prism.data.v1.KeyValue/Put", "prism.data.v1.KeyValue/ScanStream"


class Held:
    """Subscriptions that are held: `established` and `got` are set when all are, and when all have got a message."""

    def __init__(self, instance: RpcInstance, count: int = 1) -> None:
        self.established = asyncio.Event()
        self.got = asyncio.Event()
        self._not_established = self._without = count
        self._instance = instance

    async def hold(self) -> None:
        """Subscribes, and reads until it is cancelled."""
        message = SubscribeRequest(topic_pattern="q.>").SerializeToString()
        async for _ in self._instance.stream(SUBSCRIBE, message, Context("ns", on_established=self._on_established)):
            self._without -= 1
            if not self._without:
                self.got.set()

    def _on_established(self) -> None:
        self._not_established -= 1
        if not self._not_established:
            self.established.set()


@asynccontextmanager
async def held(instance: RpcInstance, count: int) -> AsyncIterator[Held]:
    """So many at once, established."""
    all_of_them = Held(instance, count)
    tasks = [asyncio.create_task(all_of_them.hold()) for _ in range(count)]
    try:
        async with asyncio.timeout(30):
            await all_of_them.established.wait()
        yield all_of_them
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def serving(sidecar: Make) -> Sidecar:
    """The plugin memory in a process of its own, with one namespace."""
    instance = sidecar()
    await instance.start()
    await instance.attach("ns")
    return instance


async def test_held_subscriptions_beyond_one_connection_keep_nothing_from_others(serving: Sidecar) -> None:
    """More than the streams of one connection: all are served, and so are calls, probes and the instance's life."""
    pid = pid_of(serving)
    async with held(serving, 1200) as subscriptions:
        async with asyncio.timeout(10):
            await put(serving, b"v")
            assert await get(serving) == b"v"
            assert (await serving.health()).status is HealthStatus.HEALTHY
            assert not await serving.is_stuck()
            await serving.attach("another")
            message = PublishRequest(topic="q.a", payload=b"m")
            await serving.call(PUBLISH, message.SerializeToString(), Context("ns"))
            await subscriptions.got.wait()
    assert pid_of(serving) == pid


async def test_a_stream_beyond_the_bound_is_refused_at_once(serving: Sidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a reason and an outcome; calls of one message go on."""
    bounds = {"max_connections": 2, "max_streams": 3}
    own = endpoint.Channel(endpoint_target(serving), config=endpoint.ChannelConfig(**bounds))
    assert serving._run is not None
    monkeypatch.setattr(serving._run.endpoint, "streams", own)
    try:
        async with held(serving, 6):
            with pytest.raises(LimitExceeded, match="as many calls in progress as it may") as caught:
                await asyncio.wait_for(Held(serving).hold(), 5)
            assert (caught.value.outcome, caught.value.reason) == (Outcome.NOT_APPLIED, "LIMIT_EXCEEDED")
            await put(serving, b"v")
        async with held(serving, 1):
            pass
    finally:
        await own.close()


async def test_streams_that_are_not_read_keep_nothing_from_others(serving: Sidecar) -> None:
    """Scans whose readers stop after the first message fill windows and buffers of their own connections only."""
    await put(serving, b"v")
    items = [PutItem(key=b"%04d" % number, value=bytes(16_000)) for number in range(100)]
    request = PutRequest(id="big", items=items)
    await serving.call(PUT, request.SerializeToString(), Context("ns"))
    message = ScanStreamRequest(id="big").SerializeToString()
    slow = [serving.stream(SCAN, message, Context("ns")) for _ in range(600)]
    async with asyncio.timeout(60):
        for each in slow:
            await anext(each)
        async with asyncio.timeout(5):
            await put(serving, b"w")
            assert await get(serving) == b"w"
            assert (await serving.health()).status is HealthStatus.HEALTHY
        async with held(serving, 20):
            pass
        for each in slow:
            await each.aclose()  # type: ignore[attr-defined]  # it is a generator


def endpoint_target(instance: Sidecar) -> str:
    """Where its process listens."""
    assert instance._run is not None
    return instance._run.endpoint.target


async def test_calls_given_up_in_bulk_do_not_end_the_plugin(serving: Sidecar) -> None:
    """Ten callers that subscribe and leave as fast as they can: its connections, its process and its data stay."""
    await put(serving, b"v")
    pid = pid_of(serving)
    message = SubscribeRequest(topic_pattern="q.>").SerializeToString()

    async def come_and_go() -> None:
        for _ in range(300):
            established = asyncio.Event()
            stream = serving.stream(SUBSCRIBE, message, Context("ns", on_established=established.set))
            reading = asyncio.ensure_future(anext(stream))
            await established.wait()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async with held(serving, 10) as others, asyncio.timeout(60):
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(come_and_go())
        await serving.call(PUBLISH, PublishRequest(topic="q.a", payload=b"m").SerializeToString(), Context("ns"))
        await others.got.wait()
    assert await get(serving) == b"v"
    assert pid_of(serving) == pid
