"""A drain waits for calls, and not for clients that have none: silent, frozen, or deaf to GOAWAY."""

import asyncio
from time import monotonic

import pytest

from prism.wire import Channel, Server
from prism.wire.http2 import frames
from prism.wire.server import drain
from wire.raw_peer import RawPeer, request

GRACE = 60


async def drained(server: Server) -> float:
    """How long the drain took."""
    began = monotonic()
    async with asyncio.timeout(GRACE / 2):
        await server.drain(GRACE)
    return monotonic() - began


async def test_a_client_that_says_nothing_holds_up_nothing(server: Server, address: str, channel: Channel) -> None:
    """Its connection is open, it has no call, and it does not answer; a good client beside it does."""
    await channel.unary("/test.Test/Echo", b"x")
    async with await RawPeer.connect(address) as peer:
        await peer.until(frames.SETTINGS)
        assert await drained(server) < 5
        assert server.connections == 0


async def test_a_client_that_answers_and_does_not_close(server: Server, address: str) -> None:
    """It has read all, so nothing is lost when the server closes."""
    async with await RawPeer.connect(address) as peer:
        peer.call(1)
        assert (await peer.answer(1))[1][5:] == b"x"

        async def answering() -> None:
            while (frame := await peer.frame()) is not None:
                if frame.kind == frames.PING and not frame.flags:
                    peer.send(frames.PING, frames.ACK, 0, frame.payload)

        reading = asyncio.create_task(answering())
        assert await drained(server) < 5
        await reading


async def test_a_client_that_is_frozen_after_its_calls(
    server: Server, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has more time to read its answers, and not all there is."""
    monkeypatch.setattr(drain, "_LINGER_TIMEOUT", 1.0)
    async with await RawPeer.connect(address) as peer:
        peer.call(1)
        assert (await peer.answer(1))[1][5:] == b"x"
        assert await drained(server) < 6


async def test_a_call_under_way_is_waited_for(server: Server, address: str) -> None:
    """Also where the client does not answer the PING."""
    async with await RawPeer.connect(address) as peer:
        peer.headers(1, request("/test.Test/Count"))
        peer.send(frames.PING, 0, 0, bytes(8))
        await peer.until(frames.PING)
        draining = asyncio.create_task(server.drain(GRACE))
        await peer.until(frames.GOAWAY)
        await asyncio.sleep(2)  # that is what is tested: time passes and the call is still there
        peer.send(frames.DATA, frames.END_STREAM, 1, b"\0\0\0\0\1x")
        _, body, trailers = await peer.answer(1)
        assert (body[5:], trailers["grpc-status"]) == (b"1", "0")
        await peer.close()
        await asyncio.wait_for(draining, GRACE / 2)
