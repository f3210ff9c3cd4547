"""Attacks that make calls and take them back: rapid reset (CVE-2023-44487) and MadeYouReset (CVE-2025-8671)."""

import asyncio
import gc
from collections.abc import Iterator

import grpc.aio
import pytest

from prism.wire import Method, Server, ServerCall
from prism.wire.http2 import frames
from prism.wire.http2.frames import ErrorCode
from wire.hostile.attack import ask, assault, cancel, full, send
from wire.hostile.bystander import calling
from wire.hostile.conftest import Attacked
from wire.hostile.gauge import Gauge
from wire.raw_peer import RawPeer, message
from wire.service import Service

CALLS = 50_000
ALLOWANCE = 1000
OTHERS = 10  # tasks and streams that are not the attacker's


def resets(peer: RawPeer, path: str, *, calls: int = CALLS) -> Iterator[bytes]:
    """Calls, each taken back at once."""
    for stream_id in range(1, 2 * calls, 2):
        yield full(peer, stream_id, path, message(b"x")) + cancel(stream_id)


@pytest.mark.parametrize("path", ["/test.Test/Hang", "/test.Test/HangStream", "/test.Test/Echo", "/test.Test/Nothing"])
async def test_rapid_reset(attacked: Attacked, path: str) -> None:
    """It ends the connection soon, and never runs more handlers than a connection may have calls."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        assert await assault(peer, resets(peer, path)) in (ErrorCode.ENHANCE_YOUR_CALM, None)
        await victim.alone()
        assert victim.gauge.streams <= 1000 + OTHERS
        assert victim.gauge.tasks <= 1000 + OTHERS
        assert victim.gauge.buffered < 1_000_000


async def test_rapid_reset_of_open_requests(attacked: Attacked) -> None:
    """The same where the handler starts with the headers."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        pieces = (ask(peer, each, "/test.Test/Ignore") + cancel(each) for each in range(1, 2 * CALLS, 2))
        assert await assault(peer, pieces) in (ErrorCode.ENHANCE_YOUR_CALM, None)
        await victim.alone()
        assert victim.gauge.streams <= 1000 + OTHERS
        assert victim.gauge.tasks <= 1000 + OTHERS


async def test_rapid_reset_over_many_connections(attacked: Attacked) -> None:
    """An attacker who comes again and again leaves nothing behind."""
    async with attacked(flood_allowance=100) as victim:
        for _ in range(10):
            async with await RawPeer.connect(victim.address) as peer:
                await assault(peer, resets(peer, "/test.Test/Hang", calls=2000))
        await victim.alone()
        assert victim.gauge.tasks <= 1000 + OTHERS


@pytest.mark.parametrize("path", ["/test.Test/Hang", "/test.Test/HangStream", "/test.Test/Echo"])
async def test_calls_that_are_taken_back_leave_no_cycles(attacked: Attacked, path: str) -> None:
    """They go with their last reference: what only the collector finds stops everybody for as long as it looks."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        gc.collect()
        gc.disable()
        try:
            await assault(peer, resets(peer, path, calls=2000))
            await victim.alone()
            # The bystander's calls have a deadline.
            left = [each for each in gc.get_objects() if isinstance(each, ServerCall) and each.deadline is None]
        finally:
            gc.enable()
        assert len(left) <= OTHERS


async def test_resets_beside_a_stock_client(address: str, service: Service, server: Server) -> None:
    """A client that is not ours completes its calls too."""
    gauge = Gauge(service)
    gauge.server = server
    async with grpc.aio.insecure_channel(address) as channel:
        echo = channel.unary_unary("/test.Test/Echo")

        async def call(payload: bytes) -> bytes:
            answer: bytes = await echo(payload, timeout=30)
            return answer

        async with calling(call, gauge) as bystander, await RawPeer.connect(address) as peer:
            assert await assault(peer, resets(peer, "/test.Test/Hang")) in (ErrorCode.ENHANCE_YOUR_CALM, None)
            await bystander.until(lambda: server.connections == 1)


ZERO = frames.UINT32.pack(0)
PROVOCATIONS = {
    "a window update of zero": lambda each: frames.frame(frames.WINDOW_UPDATE, 0, each, ZERO),
    "a window that overflows": lambda each: frames.window_update(each, frames.LARGEST_WINDOW),
    "data behind the end": lambda each: frames.frame(frames.DATA, 0, each, b"x"),
    "headers behind the end": lambda each: frames.frame(frames.HEADERS, 5, each, b"\x82"),
    "priority of the wrong length": lambda each: frames.frame(frames.PRIORITY, 0, each, b"\0"),
    "a stream that depends on itself": lambda each: frames.frame(frames.PRIORITY, 0, each, each.to_bytes(4) + b"\0"),
}


@pytest.mark.parametrize("name", PROVOCATIONS)
async def test_made_you_reset(attacked: Attacked, name: str) -> None:
    """Faults that make the server reset the stream count as resets of the client's own."""
    provoke = PROVOCATIONS[name]
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        pieces = (full(peer, each, "/test.Test/Hang", message(b"x")) + provoke(each) for each in range(1, 2 * CALLS, 2))
        # STREAM_CLOSED: also what it says to the second HEADERS of a stream that it has refused.
        assert await assault(peer, pieces) in (ErrorCode.ENHANCE_YOUR_CALM, ErrorCode.STREAM_CLOSED, None)
        await victim.alone()
        assert victim.gauge.streams <= 1000 + OTHERS
        assert victim.gauge.tasks <= 1000 + OTHERS


async def test_made_you_reset_by_malformed_requests(attacked: Attacked) -> None:
    """Requests that cannot be read are resets too."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        block = peer.encode([(":method", "POST"), ("te", "gzip")])
        pieces = (frames.frame(frames.HEADERS, 5, each, block) for each in range(1, 2 * CALLS, 2))
        assert await assault(peer, pieces) in (ErrorCode.ENHANCE_YOUR_CALM, None)
        await victim.alone()


async def test_calls_beyond_the_limit(attacked: Attacked) -> None:
    """Whoever ignores the limit on streams is refused, and then dropped."""
    async with attacked(max_concurrent_streams=50) as victim, await RawPeer.connect(victim.address) as peer:
        pieces = (full(peer, each, "/test.Test/Hang", message(b"x")) for each in range(1, 2 * CALLS, 2))
        assert await assault(peer, pieces) in (ErrorCode.ENHANCE_YOUR_CALM, None)
        await victim.alone()
        assert victim.gauge.streams <= 50 + OTHERS
        assert victim.gauge.tasks <= 50 + OTHERS


async def test_handlers_that_are_slow_to_end(attacked: Attacked, service: Service) -> None:
    """A call that was taken back holds its place until its handler has ended."""
    release = asyncio.Event()
    hang = service.hang

    async def stubborn(call: ServerCall) -> bytes:
        try:
            return await hang(call)
        finally:
            await release.wait()

    known = service.lookup
    method = Method("/test.Test/Hang", stubborn)
    service.lookup = lambda path: method if path == method.path else known(path)
    async with attacked(max_concurrent_streams=50) as victim, await RawPeer.connect(victim.address) as peer:
        for stream_id in range(1, 200, 2):
            await send(peer, [full(peer, stream_id, "/test.Test/Hang", message(b"x"))])
            await victim.bystander.calls(1)
            await send(peer, [cancel(stream_id)])
        await victim.bystander.calls(1)
        release.set()
        assert 50 <= victim.gauge.streams <= 50 + OTHERS
        await victim.bystander.until(lambda: victim.server.calls <= 1)
