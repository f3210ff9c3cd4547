"""The server, called by a stock client: grpcio's own for asyncio."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import grpc
import grpc.aio
import pytest

from prism.wire import Code, Peer, Server, ServerConfig
from prism.wire.http2.frames import PREFACE
from prism.wire.http2.settings import encode_settings
from wire.service import Service


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    """Messages of a kind."""
    for number in range(count):
        yield bytes([number % 256]) * size


@pytest.mark.parametrize("size", [0, 1, 100, 16_379, 16_380, 65_530, 65_536, 4_000_000])
async def test_a_unary_call_is_answered_whatever_its_size(stock: grpc.aio.Channel, size: int) -> None:
    """One frame, a full one, one byte more, a full window and many windows all come back."""
    message = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert await stock.unary_unary("/test.Test/Echo")(message) == message


async def test_a_thousand_calls_at_once(stock: grpc.aio.Channel) -> None:
    """Answers find their calls."""
    echo = stock.unary_unary("/test.Test/Echo")
    messages = [b"%d" % number for number in range(1000)]
    assert await asyncio.gather(*[echo(message) for message in messages]) == messages


async def test_a_request_stream(stock: grpc.aio.Channel) -> None:
    """All of ten megabytes arrive, past every window."""
    assert await stock.stream_unary("/test.Test/Count")(pieces(100, 100_000)) == b"10000000"


async def test_an_empty_request_stream(stock: grpc.aio.Channel) -> None:
    """A stream may hold nothing."""
    assert await stock.stream_unary("/test.Test/Count")(pieces(0, 0)) == b"0"


async def test_a_response_stream_with_trailing_metadata(stock: grpc.aio.Channel) -> None:
    """Messages keep their order, and text and binary metadata follow them."""
    call = stock.unary_stream("/test.Test/Repeat")(b"again")
    assert [message async for message in call] == [b"again"] * 5
    assert list(await call.trailing_metadata()) == [("seen", "5"), ("raw-bin", b"\x00\xff")]


async def test_a_conversation(stock: grpc.aio.Channel) -> None:
    """Both directions stream at once, and initial metadata precedes them."""
    call = stock.stream_stream("/test.Test/Chat")(pieces(100, 100_000), metadata=[("name", "world")])
    assert list(await call.initial_metadata()) == [("hello", "world")]
    assert [message async for message in call] == [message async for message in pieces(100, 100_000)]


async def test_a_status_keeps_message_details_and_metadata(stock: grpc.aio.Channel) -> None:
    """Unicode, percent signs and line breaks survive in the message."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stock.unary_unary("/test.Test/Fail")(b"")
    error = caught.value
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no \u2713 100 %\n")
    assert list(error.trailing_metadata()) == [("why", "Fail"), ("grpc-status-details-bin", b"\x08\x05")]


async def test_a_crash_is_internal_and_says_nothing_of_its_cause(
    stock: grpc.aio.Channel, caplog: pytest.LogCaptureFixture
) -> None:
    """The client learns that it failed, the log why."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stock.unary_unary("/test.Test/Crash")(b"")
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "/test.Test/Crash" not in str(caught.value.details())
    assert "ZeroDivisionError" in caplog.text


async def test_an_unknown_method(stock: grpc.aio.Channel) -> None:
    """It is refused by name, and whatever the client still sends is ignored."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stock.stream_unary("/test.Test/Nothing")(pieces(20, 100_000))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == "this server has no method /test.Test/Nothing"
    assert await stock.unary_unary("/test.Test/Echo")(b"next") == b"next"


async def test_a_deadline_ends_call_and_handler(stock: grpc.aio.Channel, service: Service) -> None:
    """Both ends count it as a deadline, whoever noticed first."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stock.unary_unary("/test.Test/Hang")(b"", timeout=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await service.ended.wait()
    assert service.call is not None
    assert service.call.code is Code.DEADLINE_EXCEEDED


async def test_a_cancelled_call_cancels_its_handler(stock: grpc.aio.Channel, service: Service, server: Server) -> None:
    """The handler sees it, and nothing of the call is left."""
    call = stock.unary_unary("/test.Test/Hang")(b"")
    waiting = asyncio.ensure_future(call)
    await service.started.wait()
    call.cancel()
    await service.ended.wait()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert service.call is not None
    assert service.call.code is Code.CANCELLED
    assert await stock.unary_unary("/test.Test/Echo")(b"next") == b"next"
    assert server.calls == 0


async def test_a_lost_connection_cancels_its_handlers(address: str, service: Service) -> None:
    """A client that is gone wants no answer."""
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_stream("/test.Test/HangStream")(b"")
        assert await call.read() == b"first"
        await service.started.wait()
    await service.ended.wait()


async def test_compressed_messages_both_ways(stock: grpc.aio.Channel) -> None:
    """Gzip is understood, and sent where the handler asks for it."""
    echo = stock.unary_unary("/test.Test/Echo")
    assert await echo(b"x" * 100_000, compression=grpc.Compression.Gzip) == b"x" * 100_000
    assert await stock.unary_unary("/test.Test/Compressed")(b"x" * 100_000) == b"x" * 100_000


async def test_a_message_over_the_limit(service: Service) -> None:
    """It ends its own call, before it has been received, and no other."""
    async with Server(service.lookup, config=ServerConfig(max_message_size=1000)) as server:
        address = await server.listen("127.0.0.1:0")
        async with grpc.aio.insecure_channel(address) as channel:
            echo = channel.unary_unary("/test.Test/Echo")
            assert await echo(b"x" * 1000) == b"x" * 1000
            for message in (b"x" * 1001, b"x" * 1_000_000):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await echo(message)
                assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await echo(b"x" * 100_000, compression=grpc.Compression.Gzip)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert await echo(b"next") == b"next"


async def test_headers_over_the_limit(stock: grpc.aio.Channel) -> None:
    """They end their own call and leave the connection's header table in step."""
    echo = stock.unary_unary("/test.Test/Echo")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await echo(b"", metadata=[("long", "x" * 20_000)])
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await echo(b"next", metadata=[("short", "x")]) == b"next"


async def test_drain_finishes_what_is_under_way(address: str, server: Server, service: Service) -> None:
    """A stream that was open before goes on to its end; the server is gone after."""
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.stream_stream("/test.Test/Chat")()
        await call.write(b"before")
        assert await call.read() == b"before"
        draining = asyncio.create_task(server.drain(10))
        await call.write(b"while")
        assert await call.read() == b"while"
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        await draining
    assert server.connections == 0


async def test_drain_ends_what_does_not_finish(address: str, server: Server, service: Service) -> None:
    """After the grace, calls end with UNAVAILABLE and their handlers have ended."""
    async with grpc.aio.insecure_channel(address) as channel:
        waiting = asyncio.ensure_future(channel.unary_unary("/test.Test/Hang")(b""))
        await service.started.wait()
        await server.drain(0.05)
        assert service.ended.is_set()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await waiting
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_who_is_not_admitted_is_closed_upon(service: Service) -> None:
    """Whatever it speaks; it is asked once for each connection, when its first bytes have come."""
    asked: list[Peer] = []
    admitted = False

    def admit(peer: Peer) -> bool:
        asked.append(peer)
        return admitted

    async with Server(service.lookup, admit=admit) as server:
        address = await server.listen("127.0.0.1:0")
        for first in (PREFACE + encode_settings({}), b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"):
            reader, writer = await asyncio.open_connection(*address.rsplit(":", 1))
            writer.write(first)
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
        assert (len(asked), server.connections, service.call) == (2, 0, None)
        admitted = True
        async with grpc.aio.insecure_channel(address) as stock:
            assert await stock.unary_unary("/test.Test/Echo")(b"x") == b"x"
    assert asked[-1].address.startswith("127.0.0.1:")
