"""A stream that is established tells its caller by the response headers, before there is any message."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.connect.door import KEYVALUE, Door, enveloped, opened
from prism.context import Context
from prism.gateway.grpc import grpc_methods
from prism.wire import EMPTY_METADATA, Channel, Server

SCAN = f"{KEYVALUE}/ScanStream"
MESSAGE = b"\x0a\x01x"
TIMEOUT = 20.0


class Subscription:
    """A stream that takes its steps when the test says so; stands in for a backend's."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.establish = asyncio.Event()
        self.give = asyncio.Event()
        self.closed = asyncio.Event()

    async def stream(self, _operation: str, _payload: bytes, context: Context) -> AsyncIterator[bytes]:
        """Is established, then gives a message."""
        try:
            self.reached.set()
            await self.establish.wait()
            context.established()
            context.established()
            await self.give.wait()
            yield MESSAGE
        finally:
            self.closed.set()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as door, asyncio.timeout(TIMEOUT):
        yield door


@pytest.fixture
def subscription(door: Door, monkeypatch: pytest.MonkeyPatch) -> Subscription:
    """What every stream of the door is."""
    subscription = Subscription()
    monkeypatch.setattr(type(door.instance), "stream", lambda _self, *call: subscription.stream(*call))
    return subscription


@pytest.fixture
async def channel(door: Door) -> AsyncIterator[Channel]:
    """A gRPC client of the same gateway."""
    async with AsyncExitStack() as stack:
        server = Server(grpc_methods(door.gateway).get)
        stack.push_async_callback(server.close)
        yield await stack.enter_async_context(Channel(await server.listen("127.0.0.1:0")))


async def http_stream(door: Door) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Asks for a stream over HTTP/1.1."""
    reader, writer = await asyncio.open_connection(*door.address.split(":"))
    body = enveloped(b"")
    head = f"POST {SCAN} HTTP/1.1\r\nhost: x\r\ncontent-type: application/connect+proto\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    return reader, writer


async def test_grpc_headers_go_when_the_stream_is_established(channel: Channel, subscription: Subscription) -> None:
    """The client has the headers though no message has been given, and gets the messages after them."""
    async with channel.open(SCAN) as call:
        await call.send(b"")
        await call.end()
        await subscription.reached.wait()
        headers = asyncio.create_task(call.headers())
        await channel.unary(f"{KEYVALUE}/Exists", b"\x0a\x01x\x12\x01k")
        assert not headers.done()
        subscription.establish.set()
        await headers
        subscription.give.set()
        assert [message async for message in call] == [MESSAGE]


async def test_an_http_head_goes_when_the_stream_is_established(door: Door, subscription: Subscription) -> None:
    """The head waits for the subscription, not for its first message."""
    reader, writer = await http_stream(door)
    await subscription.reached.wait()
    status = asyncio.create_task(reader.readline())
    assert (await door.post("Exists", {"id": "x", "keys": ["a2V5"]})).status == 200
    assert not status.done()
    subscription.establish.set()
    assert (await status).startswith(b"HTTP/1.1 200 ")
    subscription.give.set()
    rest = await reader.readuntil(b"0\r\n\r\n")
    assert enveloped(MESSAGE) in rest
    assert enveloped(b"{}", 2) in rest
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("established", [False, True])
async def test_an_http_client_that_leaves_ends_the_stream(
    door: Door, subscription: Subscription, established: bool
) -> None:
    """Before the head as after it, a client that goes away leaves nothing behind."""
    reader, writer = await http_stream(door)
    await subscription.reached.wait()
    if established:
        subscription.establish.set()
        await reader.readline()
    writer.close()
    await writer.wait_closed()
    await subscription.closed.wait()
    assert door.metrics.in_flight() == {"prism.data.v1.KeyValue/ScanStream": 0}
    assert door.instance.active == 0


async def test_an_http_response_that_is_not_read_is_closed(door: Door, subscription: Subscription) -> None:
    """A body that nobody has begun to read ends its stream too when it is closed."""
    from prism.gateway.connect.stream_body import StreamBody
    from prism.gateway.streams.heartbeats import Heartbeats

    def pieces(ready: Any) -> Any:
        return subscription.stream("", b"", Context("default", on_established=ready))

    subscription.establish.set()
    body = StreamBody(pieces, Heartbeats(), EMPTY_METADATA, b"")
    await body.ready()
    await body.aclose()
    assert subscription.closed.is_set()


def test_established_tells_once() -> None:
    """Only the first call counts, and where nobody listens it does nothing."""
    told: list[bool] = []
    context = Context("default", on_established=lambda: told.append(True))
    context.established()
    context.established()
    Context("default").established()
    assert told == [True]
