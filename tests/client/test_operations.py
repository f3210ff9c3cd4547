"""Any operation by its name: what is repeated, what ends it, and what is a mistake of the program."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from google.protobuf.wrappers_pb2 import BytesValue, Int64Value

from client.upstream import Fault, Upstream
from prism.acceptance.relay.service import METHODS, NAME
from prism.client import BackendUnavailable, Client, DeadlineExceeded, Outcome, PrismError
from prism.interfaces.keyvalue import (
    DeleteRequest,
    GetRequest,
    PutItem,
    PutRequest,
    ScanStreamRequest,
)
from prism.wire import Code, Method, Server, ServerCall, Status, StatusError

KEYVALUE = "prism.data.v1.KeyValue"
AWAY = BackendUnavailable("away")


class Peer:
    """Takes streams of requests: gives each back, or fails.

    Attributes:
        address: where it listens.
        seen: the calls, each with its metadata.
        failing: how many calls fail before anything is read of them.
        left: set when a stream has ended here.
    """

    def __init__(self) -> None:
        self.address = ""
        self.seen: list[ServerCall] = []
        self.failing = 0
        self.left = asyncio.Event()

    def find(self, path: str) -> Method | None:
        both = Method(f"/{NAME}/Both", self._both, client_streaming=True, server_streaming=True)
        return both if path == both.path else None

    async def _both(self, call: ServerCall) -> None:
        self.seen.append(call)
        if len(self.seen) <= self.failing:
            raise StatusError(Status(Code.UNAVAILABLE, "away"))
        try:
            async for message in call.messages:
                await call.send(message)
        finally:
            self.left.set()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    async with Server(peer.find) as server:
        peer.address = await server.listen("127.0.0.1:0")
        yield peer


async def given(*parts: bytes) -> AsyncIterator[BytesValue]:
    for part in parts:
        yield BytesValue(value=part)


async def test_it_is_repeated_as_its_level_allows(upstream: Upstream) -> None:
    """A read and an idempotent write are; any other write says that its outcome is unknown."""
    async with Client(upstream.address) as prism:
        for method, request in (("Get", GetRequest(id="r", keys=[b"k"])), ("Delete", DeleteRequest(id="r"))):
            upstream.faults.append(Fault(AWAY))
            await prism.call("default", f"{KEYVALUE}/{method}", request)
        assert upstream.methods() == ["Get", "Get", "Delete", "Delete"]
        upstream.faults.append(Fault(Status(Code.UNAVAILABLE, "away")))
        with pytest.raises(PrismError) as failed:
            await prism.call("default", f"{KEYVALUE}/Put", PutRequest(id="r", items=[PutItem(key=b"k")]))
        assert failed.value.outcome is Outcome.UNKNOWN
        assert upstream.methods()[4:] == ["Put"]


async def test_a_stream_is_begun_again_until_something_has_come(upstream: Upstream) -> None:
    """Afterwards its reader learns why it broke. It asks for no heartbeats: an empty message may be a response."""
    request = ScanStreamRequest(id="r")
    async with Client(upstream.address) as prism:
        await prism.keyvalue().put("r", {b"k": b"v"})
        upstream.seen.clear()
        upstream.faults.append(Fault(AWAY))
        (chunk,) = [each async for each in prism.stream("default", f"{KEYVALUE}/ScanStream", request)]
        assert upstream.methods() == ["ScanStream"] * 2
        upstream.faults.append(Fault(AWAY, messages=1))
        broken = prism.stream("default", f"{KEYVALUE}/ScanStream", request)
        assert await anext(broken) == chunk
        with pytest.raises(BackendUnavailable, match="away"):
            await anext(broken)
        assert upstream.methods() == ["ScanStream"] * 3
        assert not any("prism-heartbeat" in each.metadata for each in upstream.seen)


async def test_a_stream_of_requests_is_never_repeated(peer: Peer) -> None:
    """What was read of it is gone."""
    peer.failing = 1
    async with Client(peer.address) as prism:
        with pytest.raises(PrismError, match="away") as failed:
            [each async for each in prism.stream("default", METHODS["Both"], given(b"x"))]
        assert failed.value.outcome is Outcome.UNKNOWN
        assert len(peer.seen) == 1
        parts = [b"x", b"", b"y"]
        assert [each.value async for each in prism.stream("default", METHODS["Both"], given(*parts))] == parts


async def test_requests_that_break_off(peer: Peer) -> None:
    """What their source raises is what the reader gets, and the gateway's stream is gone."""

    async def broken() -> AsyncIterator[BytesValue]:
        yield BytesValue(value=b"x")
        raise ZeroDivisionError

    async with Client(peer.address) as prism, asyncio.timeout(20):
        with pytest.raises(ZeroDivisionError):
            [each async for each in prism.stream("default", METHODS["Both"], broken())]
        await peer.left.wait()


async def test_a_reader_that_leaves_ends_it(peer: Peer) -> None:
    """The gateway's stream, and the source of the requests."""
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[BytesValue]:
        try:
            yield BytesValue(value=b"x")
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Client(peer.address) as prism, asyncio.timeout(20):
        async with aclosing(prism.stream("default", METHODS["Both"], endless())) as answers:
            assert (await anext(answers)).value == b"x"
        await ended.wait()
        await peer.left.wait()
        with pytest.raises(DeadlineExceeded):
            [each async for each in prism.stream("default", METHODS["Both"], endless(), timeout=0.2)]


async def test_mistakes_are_named_before_anything_is_sent(peer: Peer) -> None:
    """Another kind of operation, another message, a name that the program does not know."""
    async with Client(peer.address) as prism:
        with pytest.raises(ValueError, match=f"{NAME}/Both answers with a stream; use stream"):
            await prism.call("default", f"{NAME}/Both", given())
        with pytest.raises(ValueError, match=f"{NAME}/Echo answers with one message; use call"):
            await anext(prism.stream("default", f"{NAME}/Echo", BytesValue()))
        with pytest.raises(ValueError, match="takes a stream of requests; give an iterator"):
            await prism.call("default", f"{NAME}/Up", BytesValue())
        with pytest.raises(ValueError, match="takes one request; give the message itself"):
            await prism.call("default", f"{NAME}/Echo", given())
        with pytest.raises(ValueError, match=r"shelf\.v1\.Shelf/Dust is not described in this program; import"):
            await prism.call("default", "shelf.v1.Shelf/Dust", BytesValue())
        with pytest.raises(TypeError, match=r"takes google\.protobuf\.BytesValue, not google\.protobuf\.Int64Value"):
            await prism.call("default", f"/{NAME}/Echo", Int64Value())
    assert peer.seen == []
