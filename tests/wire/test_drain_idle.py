"""A drain waits for calls, and not for clients without one: silent, frozen, deaf to GOAWAY, or half-way through one."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import pytest

from prism.wire import Channel, HttpRequest, HttpResponse, Server
from prism.wire.http import http1
from prism.wire.http2 import frames
from prism.wire.http2.frames import ErrorCode
from prism.wire.server import connection, drain
from wire.raw_peer import RawPeer, request
from wire.service import Service

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


@pytest.fixture
async def web(service: Service, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A server of plain requests too, which waits a tenth of a second for what is half sent."""

    async def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [], request.body)

    for module in (connection, http1):
        monkeypatch.setattr(module, "HALF_SENT", 0.1)
    async with Server(service.lookup, http=page) as server:
        yield server


HALF = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf-"


async def test_a_request_of_http1_that_is_half_sent_is_refused(web: Server) -> None:
    """With 503 and the connection's end, which say that it was not processed; it held a stop up for ten seconds."""
    async with await RawPeer.connect(await web.listen("127.0.0.1:0"), preface=HALF) as peer:
        await half_sent(web)
        draining = asyncio.create_task(drained(web))
        head = (await peer.reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 503 ")
        assert b"\r\nconnection: close\r\n" in head
        assert b"shutting down" in await peer.reader.read()
    assert await draining < 5


async def test_a_request_of_http1_that_comes_in_time_is_answered(web: Server) -> None:
    """It was on its way when the stop began."""
    async with await RawPeer.connect(await web.listen("127.0.0.1:0"), preface=HALF) as peer:
        await half_sent(web)
        draining = asyncio.create_task(drained(web))
        await asyncio.sleep(0)
        peer.writer.write(b"whole")
        assert (await peer.reader.read()).endswith(b"\r\n\r\nhalf-whole")
    assert await draining < 5


@pytest.mark.parametrize("fields", [request("/test.Test/Echo"), request("/page")[:4]])
async def test_a_request_of_http2_that_is_half_sent_is_refused(web: Server, fields: list[tuple[str, str]]) -> None:
    """With REFUSED_STREAM, which says the same; a call whose handler has begun goes on."""
    async with await RawPeer.connect(await web.listen("127.0.0.1:0")) as peer:
        peer.headers(1, request("/test.Test/Count"))
        peer.headers(3, fields)
        peer.send(frames.DATA, 0, 3, b"\0\0\0")
        peer.send(frames.PING, 0, 0, bytes(8))
        await peer.until(frames.PING)
        draining = asyncio.create_task(drained(web))
        refused = await peer.until(frames.RST_STREAM, 3)
        assert int.from_bytes(refused.payload) == ErrorCode.REFUSED_STREAM
        peer.send(frames.DATA, frames.END_STREAM, 1, b"\0\0\0\0\1x")
        assert (await peer.answer(1))[1][5:] == b"1"
    assert await draining < 5


async def half_sent(web: Server) -> None:
    """Returns once the server has begun to take the request."""
    while not any(getattr(each, "_request", None) for each in web._open):  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0)
