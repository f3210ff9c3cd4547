"""Heartbeats: a quiet stream says something now and then, to callers that pass over it."""

import asyncio
import base64
import http.client
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.connect.door import Door, enveloped, opened
from prism.client import Client, Message
from prism.gateway.snapshot import Namespace, Snapshot
from prism.gateway.streams.heartbeats import Heartbeats
from prism.interfaces import pubsub as ps
from prism.wire import Channel, ClientCall, Metadata
from proxies import PROXIES, proxied

SUBSCRIBE = "/prism.data.v1.PubSub/Subscribe"
ACCEPT = Metadata([("prism-heartbeat", "accept")])
EVERY = 0.05
TIMEOUT = 20.0


@pytest.fixture
def heartbeats() -> Heartbeats:
    """Twenty a second."""
    heartbeats = Heartbeats()
    heartbeats.interval = EVERY
    return heartbeats


@pytest.fixture
async def door(heartbeats: Heartbeats) -> AsyncIterator[Door]:
    async with opened(heartbeats=heartbeats) as door, asyncio.timeout(TIMEOUT):
        served = Namespace.of("default", {"prism.data.v1.PubSub"}, door.instance)
        door.gateway.publish(Snapshot(1, {"default": served}))
        yield door


@pytest.fixture
async def channel(door: Door) -> AsyncIterator[Channel]:
    async with Channel(door.address) as channel:
        yield channel


async def subscribed(channel: Channel, metadata: Metadata) -> ClientCall:
    """A subscription to everything, in place."""
    call = channel.open(SUBSCRIBE, metadata=metadata)
    await call.send(ps.SubscribeRequest(topic_pattern=">").SerializeToString())
    await call.end()
    await call.headers()
    return call


async def publish(channel: Channel) -> None:
    message = ps.PublishRequest(topic="t", payload=b"p").SerializeToString()
    await channel.unary("/prism.data.v1.PubSub/Publish", message)


async def test_only_callers_that_accept_heartbeats_get_them(channel: Channel) -> None:
    """Others get messages and nothing else; one that accepts gets both."""
    accepting, other = await subscribed(channel, ACCEPT), await subscribed(channel, Metadata())
    for _ in range(3):
        assert await accepting.receive() == b""
    assert not other.has_message
    await publish(channel)
    received = await accepting.receive()
    while received == b"":
        received = await accepting.receive()
    assert received == await other.receive()
    assert await accepting.receive() == b""
    for each in (accepting, other):
        each.cancel()


async def test_the_client_passes_over_them(door: Door, heartbeats: Heartbeats) -> None:
    """Its application sees messages, and no gap."""
    async with Client(door.address) as prism, prism.pubsub().subscribe(">") as subscription:
        (heartbeat,) = heartbeats._streams
        beaten = asyncio.Event()
        beat = heartbeat.beat

        def watched() -> None:
            beat()
            beaten.set()

        heartbeat.beat = watched
        following: asyncio.Future[Message] = asyncio.ensure_future(anext(subscription))
        await beaten.wait()
        await prism.pubsub().publish("t", b"p")
        assert (await following).payload == b"p"
    assert subscription.gaps == 0


WAYS: dict[str, tuple[str, Callable[[bytes], bytes], bytes]] = {
    "connect+proto": ("application/connect+proto", bytes, enveloped(b"")),
    "connect+json": ("application/connect+json", bytes, enveloped(b"{}")),
    "grpc-web": ("application/grpc-web+proto", bytes, enveloped(b"")),
    "grpc-web-text": ("application/grpc-web-text", base64.b64encode, base64.b64encode(enveloped(b""))),
}


@pytest.mark.parametrize(("content_type", "written", "beat"), WAYS.values(), ids=WAYS)
async def test_over_http(
    door: Door, channel: Channel, content_type: str, written: Callable[[bytes], bytes], beat: bytes
) -> None:
    """A message without content in the envelope of the protocol; what follows it is whole."""
    request = b'{"topicPattern": ">"}' if "json" in content_type else b"\n\x01>"
    head = ps.SubscribeRequest.FromString(b"\n\x01>")
    assert head.topic_pattern == ">"
    connection = http.client.HTTPConnection(door.address, timeout=TIMEOUT)
    headers = {"content-type": content_type, "prism-heartbeat": "accept"}
    await asyncio.to_thread(connection.request, "POST", SUBSCRIBE, written(enveloped(request)), headers)
    response = await asyncio.to_thread(connection.getresponse)
    for _ in range(2):
        assert await asyncio.to_thread(response.read, len(beat)) == beat
    await publish(channel)
    message = await asyncio.to_thread(response.read, len(beat))
    while message == beat:
        message = await asyncio.to_thread(response.read, len(beat))
    assert message[:1] == beat[:1]
    response.close()
    connection.close()


@pytest.mark.parametrize("name", PROXIES)
async def test_a_quiet_stream_outlives_a_proxy(door: Door, heartbeats: Heartbeats, name: str) -> None:
    """The proxy ends a stream that is silent for two seconds; this one says nothing but heartbeats for longer."""
    heartbeats.interval = 0.8
    with proxied(name, door.address, timeout=2) as address:
        async with Channel(address) as channel:
            call = await subscribed(channel, ACCEPT)
            for _ in range(4):
                assert await call.receive() == b""
            call.cancel()


async def test_a_stream_that_has_ended_gets_none(heartbeats: Heartbeats, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is forgotten with the stream, and the timer ends with the last of them."""
    idle = asyncio.Event()
    wait = heartbeats._wait

    def waits() -> None:
        wait()
        if heartbeats._timer is None:
            idle.set()

    monkeypatch.setattr(heartbeats, "_wait", waits)
    async with opened(heartbeats=heartbeats) as door, Channel(door.address) as channel:
        served = Namespace.of("default", {"prism.data.v1.PubSub"}, door.instance)
        door.gateway.publish(Snapshot(1, {"default": served}))
        calls = [await subscribed(channel, ACCEPT) for _ in range(3)]
        assert len(heartbeats._streams) == 3
        for call in calls:
            call.cancel()
        async with asyncio.timeout(TIMEOUT):
            await idle.wait()
        assert not heartbeats._streams


async def test_the_interval_changes_while_streams_are_open() -> None:
    """A reload does that; off and on again too."""
    heartbeats = Heartbeats()
    heartbeats.interval = 3600
    beaten = asyncio.Event()
    heartbeat = heartbeats.begin(ACCEPT, beaten.set)
    heartbeats.interval = None
    assert heartbeats.begin(ACCEPT, beaten.set) is None
    heartbeats.interval = EVERY
    async with asyncio.timeout(TIMEOUT):
        await beaten.wait()
    heartbeats.end(heartbeat)


async def test_many_streams_in_slices() -> None:
    """Each gets its own, however many there are."""
    heartbeats = Heartbeats()
    heartbeats.interval = EVERY
    events = [asyncio.Event() for _ in range(1000)]
    begun = [heartbeats.begin(ACCEPT, event.set) for event in events]
    async with asyncio.timeout(TIMEOUT):
        await asyncio.gather(*(event.wait() for event in events))
    for each in begun:
        heartbeats.end(each)
