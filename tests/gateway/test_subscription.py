"""Streams without an end of their own: what ends them from outside, and what does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from gateway.connect.door import Door, opened
from prism.context import Context
from prism.errors import GatewayUnavailable, PrismError
from prism.gateway.grpc import grpc_methods
from prism.gateway.snapshot import Namespace, Snapshot, Target
from prism.gateway.streams.subscription import Subscription
from prism.interfaces import pubsub as ps
from prism.plugins.in_process import InProcess
from prism.rpc_status import from_status
from prism.wire import Channel, ClientCall, Server, StatusError

PUBSUB = "/prism.data.v1.PubSub"
SERVICES = frozenset({"prism.data.v1.PubSub", "prism.data.v1.KeyValue"})
TIMEOUT = 20.0


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as door, asyncio.timeout(TIMEOUT):
        configure(door, door.instance)
        yield door


@pytest.fixture
async def channel(door: Door) -> AsyncIterator[Channel]:
    """A gRPC client of the gateway."""
    async with AsyncExitStack() as stack:
        server = Server(grpc_methods(door.gateway).get)
        stack.push_async_callback(server.close)
        yield await stack.enter_async_context(Channel(await server.listen("127.0.0.1:0")))


def configure(door: Door, instance: InProcess) -> None:
    """Serves `default` from an instance."""
    door.gateway.publish(Snapshot(1, {"default": Namespace.of("default", SERVICES, instance)}))


@asynccontextmanager
async def subscribed(channel: Channel) -> AsyncIterator[ClientCall]:
    """A subscription to everything, in place."""
    async with channel.open(f"{PUBSUB}/Subscribe") as call:
        await call.send(ps.SubscribeRequest(topic_pattern=">").SerializeToString())
        await call.end()
        await call.headers()
        yield call


async def publish(channel: Channel, topic: str = "t") -> None:
    await channel.unary(f"{PUBSUB}/Publish", ps.PublishRequest(topic=topic).SerializeToString())


async def topic(call: ClientCall) -> str:
    """The topic of the next message."""
    message = await call.receive()
    assert message is not None
    return ps.Message.FromString(message).topic


async def ending(call: ClientCall) -> PrismError:
    """How the stream ended."""
    with pytest.raises(StatusError) as caught:
        await call.receive()
    return from_status(caught.value.status)


async def test_another_instance_ends_a_subscription(door: Door, channel: Channel) -> None:
    """Who listens hears that the namespace was configured anew; a stream on an instance that stays goes on."""
    async with subscribed(channel) as call:
        await publish(channel, "before")
        configure(door, door.instance)
        await publish(channel, "after")
        assert [await topic(call), await topic(call)] == ["before", "after"]
        async with opened() as other:
            configure(door, other.instance)
            error = await ending(call)
            async with subscribed(channel) as again:
                await publish(channel, "there")
                assert await topic(again) == "there"
    assert isinstance(error, GatewayUnavailable)
    assert "subscribe again" in error.message
    assert error.metadata["namespace"] == "default"


async def test_a_namespace_that_goes_ends_a_subscription(door: Door, channel: Channel) -> None:
    """Where nothing serves the namespace any more the stream ends too."""
    async with subscribed(channel) as call:
        door.gateway.publish(Snapshot(2))
        assert isinstance(await ending(call), GatewayUnavailable)


async def test_an_ending_gateway_ends_subscriptions(door: Door, channel: Channel) -> None:
    """Nothing waits for a stream that never ends by itself, and what it held is let go."""
    async with subscribed(channel) as call, subscribed(channel) as other:
        assert door.instance.metrics()["subscriptions"] == 2
        door.gateway.drain()
        for each in (call, other):
            assert "the gateway is shutting down" in (await ending(each)).message
    await door.instance.drained()
    assert door.instance.metrics()["subscriptions"] == 0
    assert set(door.metrics.in_flight().values()) == {0}


async def test_a_stream_that_ends_by_itself_is_left_alone(door: Door) -> None:
    """A stream that was never established is finished on what it began with, whatever happens meanwhile."""

    async def finite(_operation: str, _payload: bytes, _context: Context) -> AsyncIterator[bytes]:
        yield b"1"
        yield b"2"

    class Finite(InProcess):
        __slots__ = ()
        stream = staticmethod(finite)  # type: ignore[assignment]  # stands in for a method

    door.instance.__class__ = Finite
    scan = door.gateway.operations["/prism.data.v1.KeyValue/ScanStream"]
    from gateway.test_gateway import Incoming

    stream = door.gateway.stream(Incoming(), scan, b"")
    assert await anext(stream) == b"1"
    door.gateway.publish(Snapshot(2))
    door.gateway.drain()
    assert await anext(stream) == b"2"
    assert [response async for response in stream] == []


class Responses:
    """A backend's stream that is told what to give."""

    def __init__(self) -> None:
        self.given: asyncio.Queue[bytes] = asyncio.Queue()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await self.given.get()


def of(responses: Responses, door: Door) -> Subscription:
    return Subscription(Target("default", door.instance), responses, Context("default"))


async def test_an_end_between_two_responses_comes_with_the_next(door: Door) -> None:
    """A reader that is busy with a response learns of the end when it asks for another."""
    responses = Responses()
    subscription = of(responses, door)
    responses.given.put_nowait(b"1")
    assert await anext(subscription) == b"1"
    subscription.end(GatewayUnavailable("first"))
    subscription.end(GatewayUnavailable("second"))
    with pytest.raises(GatewayUnavailable, match="first"):
        await anext(subscription)


async def test_an_end_is_no_cancellation(door: Door) -> None:
    """The task that reads goes on as if nothing had been cancelled: its time-outs still work."""
    subscription = of(Responses(), door)

    async def reading() -> str:
        with pytest.raises(GatewayUnavailable):
            await anext(subscription)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        return "ended well"

    task = asyncio.create_task(reading())
    await asyncio.sleep(0)
    subscription.end(GatewayUnavailable("over"))
    assert await task == "ended well"


async def test_a_cancellation_beside_an_end_cancels(door: Door) -> None:
    """A client that leaves in the same moment is not answered."""
    subscription = of(Responses(), door)
    task = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    subscription.end(GatewayUnavailable("over"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
