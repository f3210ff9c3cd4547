"""Messages and bodies that do not come whole in time are ended, with a reason, and nothing else is."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from prism.wire import Channel, ChannelConfig, Code, HttpRequest, HttpResponse, Server, ServerConfig, StatusError
from prism.wire.http2 import frames
from wire.raw_peer import RawPeer, message, request
from wire.service import Service

TIMEOUT = 0.2
POST = [(":method", "POST"), (":scheme", "http"), (":path", "/page"), (":authority", "x")]
PIECES = {
    "no message": ("/test.Test/Echo", b""),
    "half a head": ("/test.Test/Echo", message(b"x")[:3]),
    "half a message": ("/test.Test/Echo", message(bytes(100))[:50]),
    "a message without an end": ("/test.Test/Echo", message(b"x")),
    "half a message of several": ("/test.Test/Count", message(b"x") + message(bytes(100))[:50]),
}


@pytest.fixture
async def server(service: Service) -> AsyncIterator[Server]:
    """A server without patience."""

    async def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [], request.body)

    async with Server(service.lookup, http=page, config=ServerConfig(message_timeout=TIMEOUT)) as server:
        yield server


@pytest.mark.parametrize("what", PIECES)
async def test_a_call_whose_message_does_not_come_is_ended(
    server: Server, address: str, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With a status that says so; the connection and its other calls go on. It is counted and logged."""
    path, piece = PIECES[what]
    async with asyncio.timeout(10), await RawPeer.connect(address) as peer:
        peer.call(1, "/test.Test/Hang")
        peer.headers(3, request(path))
        if piece:
            peer.send(frames.DATA, 0, 3, piece)
        fields, _, _ = await peer.answer(3)
        assert fields["grpc-status"] == str(Code.DEADLINE_EXCEEDED.value)
        assert "did not come whole in time" in fields["grpc-message"]
        peer.call(5)
        _, body, _ = await peer.answer(5)
        assert body == message(b"x")
        assert server.calls == 1
    assert server.terminations == {"message": 1}
    assert [f"{path}: the request did not come whole" in each.getMessage() for each in caplog.records] == [True]


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_does_not_come_is_ended(server: Server, address: str, announced: bool) -> None:
    """With 408, over HTTP/2 and, however it trickles, over HTTP/1.1."""
    length = [("content-length", "100")] if announced else []
    async with asyncio.timeout(10):
        async with await RawPeer.connect(address) as peer:
            peer.headers(1, [*POST, *length])
            peer.send(frames.DATA, 0, 1, bytes(50))
            fields, _, _ = await peer.answer(1)
            assert fields[":status"] == "408"
        reader, writer = await asyncio.open_connection(*address.rsplit(":", 1))
        kind = b"Content-Length: 1000" if announced else b"Transfer-Encoding: chunked"
        writer.write(b"POST /page HTTP/1.1\r\nHost: x\r\n" + kind + b"\r\n\r\n")
        answer = asyncio.create_task(reader.readline())
        while not answer.done():
            writer.write(b"x" if announced else b"1\r\nx\r\n")
            await asyncio.wait((answer,), timeout=TIMEOUT / 10)
        assert answer.result().startswith(b"HTTP/1.1 408")
        writer.close()
    assert server.terminations == {"message": 2}


async def test_what_waits_for_the_application_is_not_ended(server: Server, service: Service, address: str) -> None:
    """A stream that is silent between messages, and one that the handler does not read."""
    async with (
        Channel(address) as channel,
        channel.open("/test.Test/Chat") as quiet,
        channel.open("/test.Test/Ignore") as unread,
    ):
        await quiet.send(b"x")
        assert await quiet.receive() == b"x"
        sending = asyncio.create_task(unread.send(bytes(1_000_000)))
        await service.started.wait()
        await asyncio.sleep(4 * TIMEOUT)  # that is what is tested: time passes and nothing happens
        await quiet.send(b"y")
        assert await quiet.receive() == b"y"
        assert server.calls == 2
        sending.cancel()
    assert server.terminations == {}


async def test_an_answer_that_does_not_come_whole_is_ended() -> None:
    """The client's end, for a stream without a deadline."""
    arrived = asyncio.Event()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with await RawPeer.accept(reader, writer) as peer:
            await peer.until(frames.HEADERS)
            peer.headers(1, [(":status", "200"), ("content-type", "application/grpc")])
            peer.send(frames.DATA, 0, 1, message(b"whole") + message(bytes(100))[:50])
            await peer.until(frames.RST_STREAM, 1)
            arrived.set()

    listener = await asyncio.start_server(half, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()
    config = ChannelConfig(message_timeout=TIMEOUT)
    async with asyncio.timeout(10), listener, Channel(f"{host}:{port}", config=config) as channel:
        async with channel.open("/test.Test/Repeat") as call:
            await call.end()
            assert await call.receive() == b"whole"
            with pytest.raises(StatusError, match="did not come whole in time"):
                await call.receive()
        await arrived.wait()
