"""The client's end, against a server by hand that does what servers may."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from prism.wire import Channel, ChannelConfig, Code, Deadline, StatusError
from prism.wire.client.connection import ClientConnection
from prism.wire.http2 import frames
from prism.wire.http2.frames import ErrorCode
from prism.wire.http2.settings import MAX_CONCURRENT_STREAMS, SETTING, encode_settings
from wire.raw_peer import RawPeer

Script = Callable[[RawPeer], Awaitable[None]]
Play = Callable[..., AbstractAsyncContextManager[Channel]]


@pytest.fixture
async def play() -> Play:
    """Makes a channel to a server that plays a script for each connection, the last one from then on."""

    @asynccontextmanager
    async def play(*scripts: Script, config: ChannelConfig | None = None) -> AsyncIterator[Channel]:
        waiting = list(scripts)
        serving: list[asyncio.Task[None] | None] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            serving.append(asyncio.current_task())
            try:
                peer = await RawPeer.accept(reader, writer)
                script = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                await script(peer)
                await peer.close()
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, Channel(f"127.0.0.1:{port}", config=config or ChannelConfig()) as channel:
            yield channel
        tasks = [each for each in serving if each is not None]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    return play


async def answer_all(peer: RawPeer) -> None:
    """Answer every call."""
    try:
        while True:
            frame = await peer.until(frames.HEADERS)
            peer.fields(frame)
            peer.reply(frame.stream_id, b"answer")
    except ConnectionError:
        return


async def test_a_call_above_goaway_is_repeated_on_a_new_connection(play: Play) -> None:
    """The first is finished where it is, the second was never looked at."""

    async def leave(peer: RawPeer) -> None:
        for stream_id in (1, 3):
            peer.fields(await peer.until(frames.HEADERS, stream_id))
        peer.writer.write(frames.goaway(1, ErrorCode.NO_ERROR))
        peer.reply(1, b"first")
        await peer.ended()

    async with play(leave, answer_all) as channel:
        calls = [channel.unary("/a/b", b""), channel.unary("/a/b", b"")]
        assert await asyncio.gather(*calls) == [b"first", b"answer"]


async def test_no_call_goes_out_where_the_peer_has_hung_up(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the turn between its end and the closing a call would be lost, and whether it was done unknown."""

    async def answer_one(peer: RawPeer) -> None:
        frame = await peer.until(frames.HEADERS)
        peer.fields(frame)
        peer.reply(frame.stream_id, b"first")

    again: list[asyncio.Task[bytes]] = []
    async with play(answer_one, answer_all) as channel:
        ended = asyncio.Event()
        hung_up = ClientConnection.eof_received

        def call_in_that_turn(connection: ClientConnection) -> None:
            hung_up(connection)
            again.append(asyncio.create_task(channel.unary("/a/b", b"")))
            ended.set()

        monkeypatch.setattr(ClientConnection, "eof_received", call_in_that_turn)
        assert await channel.unary("/a/b", b"") == b"first"
        await ended.wait()
        assert await again[0] == b"answer"


async def test_a_refused_stream_is_repeated(play: Play) -> None:
    """REFUSED_STREAM says that nothing was done; a streaming call is begun again with what it has sent."""

    async def refuse(peer: RawPeer) -> None:
        for stream_id in (1, 3):
            peer.fields(await peer.until(frames.HEADERS, stream_id))
            await peer.until(frames.DATA, stream_id)
            peer.writer.write(frames.rst_stream(stream_id, ErrorCode.REFUSED_STREAM))
            again = await peer.until(frames.HEADERS)
            peer.fields(again)
            data = await peer.until(frames.DATA, again.stream_id)
            peer.reply(again.stream_id, data.payload[5:])
        await peer.ended()

    async def refuse_stream(peer: RawPeer) -> None:
        await peer.until(frames.HEADERS, 1)
        await peer.until(frames.DATA, 1)
        peer.writer.write(frames.rst_stream(1, ErrorCode.REFUSED_STREAM))
        await peer.until(frames.HEADERS, 3)
        data = await peer.until(frames.DATA, 3)
        peer.reply(3, data.payload[5:])
        await peer.ended()

    async with play(refuse) as channel:
        assert await channel.unary("/a/b", b"question") == b"question"
    async with play(refuse_stream) as channel, channel.open("/a/b") as call:
        await call.send(b"question")
        assert await call.receive() == b"question"
        assert await call.receive() is None


async def test_a_server_that_refuses_always_fails_the_call(play: Play) -> None:
    """After three attempts; the caller may still repeat it elsewhere."""

    async def refuse(peer: RawPeer) -> None:
        for stream_id in (1, 3, 5):
            await peer.until(frames.HEADERS, stream_id)
            peer.writer.write(frames.rst_stream(stream_id, ErrorCode.REFUSED_STREAM))
        await peer.ended()

    async with play(refuse) as channel:
        with pytest.raises(StatusError) as caught:
            await channel.unary("/a/b", b"")
        assert caught.value.status.code is Code.UNAVAILABLE
        assert caught.value.unprocessed


async def test_no_more_calls_than_the_server_takes(play: Play) -> None:
    """The others wait for a place, or for their deadline."""

    async def one_at_a_time(peer: RawPeer) -> None:
        peer.send(frames.SETTINGS, 0, 0, SETTING.pack(MAX_CONCURRENT_STREAMS, 1))
        for stream_id in (1, 3, 5):
            peer.fields(await peer.until(frames.HEADERS, stream_id))
            peer.send(frames.PING, 0, 0, b"anything")
            while (frame := await peer.frame()) and frame.kind != frames.PING:
                assert frame.kind != frames.HEADERS
            peer.reply(stream_id, b"%d" % stream_id)
        await peer.until(frames.HEADERS)
        await peer.ended()

    async with play(one_at_a_time) as channel:
        assert await channel.unary("/a/b", b"") == b"1"
        assert await asyncio.gather(channel.unary("/a/b", b""), channel.unary("/a/b", b"")) == [b"3", b"5"]
        hanging = asyncio.create_task(channel.unary("/a/b", b""))
        with pytest.raises(StatusError) as caught:
            await channel.unary("/a/b", b"", deadline=Deadline.after(0.05))
        assert caught.value.status.code is Code.DEADLINE_EXCEEDED
        hanging.cancel()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ([(":status", "503")], Code.UNAVAILABLE),
        ([(":status", "404"), ("content-type", "text/html")], Code.UNIMPLEMENTED),
        ([(":status", "200"), ("content-type", "text/html")], Code.UNKNOWN),
        ([(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "77")], Code.UNKNOWN),
        ([(":status", "200"), ("content-type", "application/grpc")], Code.UNKNOWN),
        ([(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "0")], Code.UNIMPLEMENTED),
        ([(":status", "431")], Code.UNKNOWN),
    ],
)
async def test_responses_that_are_nothing_but_a_head(play: Play, fields: list[tuple[str, str]], code: Code) -> None:
    """Each has the status that gRPC maps it to."""

    async def respond(peer: RawPeer) -> None:
        await peer.until(frames.HEADERS)
        peer.headers(1, fields, frames.END_HEADERS | frames.END_STREAM)
        await peer.ended()

    async with play(respond) as channel:
        with pytest.raises(StatusError) as caught:
            await channel.unary("/a/b", b"")
        assert caught.value.status.code is code


@pytest.mark.parametrize("count", [0, 2])
async def test_another_number_of_responses_than_one(play: Play, count: int) -> None:
    """UNIMPLEMENTED, as gRPC has it, by a unary call and where requests stream."""

    async def respond(peer: RawPeer) -> None:
        for stream_id in (1, 3):
            await peer.until(frames.HEADERS, stream_id)
            peer.headers(stream_id, [(":status", "200"), ("content-type", "application/grpc")])
            peer.send(frames.DATA, 0, stream_id, frames.MESSAGE_HEAD.pack(0, 0) * count)
            peer.headers(stream_id, [("grpc-status", "0")], frames.END_HEADERS | frames.END_STREAM)
        await peer.ended()

    async with play(respond) as channel:
        with pytest.raises(StatusError) as caught:
            await channel.unary("/a/b", b"")
        async with channel.open("/a/b") as call:
            await call.end()
            with pytest.raises(StatusError) as again:
                await call.response()
    assert caught.value.status.code is again.value.status.code is Code.UNIMPLEMENTED


async def test_a_response_over_the_limit(play: Play) -> None:
    """It ends its own call before it is received, and no other."""

    async def respond(peer: RawPeer) -> None:
        await peer.until(frames.HEADERS)
        peer.headers(1, [(":status", "200"), ("content-type", "application/grpc")])
        peer.send(frames.DATA, 0, 1, frames.MESSAGE_HEAD.pack(0, 1_000_000))
        await peer.until(frames.RST_STREAM, 1)
        await answer_all(peer)

    async with play(respond, config=ChannelConfig(max_message_size=1000)) as channel:
        with pytest.raises(StatusError) as caught:
            await channel.unary("/a/b", b"")
        assert caught.value.status.code is Code.RESOURCE_EXHAUSTED
        assert await channel.unary("/a/b", b"") == b"answer"


async def test_a_peer_that_speaks_no_http2(play: Play) -> None:
    """The call fails, and was never processed."""

    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(chat, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(StatusError) as caught:
            await channel.unary("/a/b", b"")
        assert caught.value.status.code is Code.UNAVAILABLE
        assert caught.value.unprocessed


async def test_a_server_that_leaves_as_it_settles(play: Play) -> None:
    """Its SETTINGS and its GOAWAY come in one read: the call fails, and the caller's loop goes on."""

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode_settings({}) + frames.goaway(0, ErrorCode.NO_ERROR))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(leave, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(StatusError, match="going away") as caught:
            await channel.unary("/a/b", b"")
        assert caught.value.status.code is Code.UNAVAILABLE
        assert caught.value.unprocessed


async def test_a_silent_server_is_noticed(play: Play) -> None:
    """With keepalive on, a call on a dead connection does not wait for ever."""

    async def fall_silent(peer: RawPeer) -> None:
        await peer.ended()

    config = ChannelConfig(keepalive_interval=0.05, keepalive_timeout=0.05)
    async with play(fall_silent, config=config) as channel:
        with pytest.raises(StatusError, match="PING") as caught:
            await channel.unary("/a/b", b"")
        assert caught.value.status.code is Code.UNAVAILABLE
        assert not caught.value.unprocessed


async def test_many_callers_one_connection(play: Play) -> None:
    """Those that come while it is being made share it, and one that gives up cancels no other."""
    seen = []

    async def count(peer: RawPeer) -> None:
        seen.append(peer)
        await answer_all(peer)

    async with play(count) as channel:
        impatient = asyncio.create_task(channel.unary("/a/b", b""))
        patient = [asyncio.create_task(channel.unary("/a/b", b"")) for _ in range(20)]
        await asyncio.sleep(0)
        impatient.cancel()
        assert await asyncio.gather(*patient) == [b"answer"] * 20
    assert len(seen) == 1


async def test_a_server_may_ping_about_every_call(play: Play) -> None:
    """As grpc-go's does, to learn what the way holds; calls that have ended earn it more, however fast they come."""

    async def ping(peer: RawPeer) -> None:
        while True:
            frame = await peer.until(frames.HEADERS)
            peer.writer.write(frames.frame(frames.PING, 0, 0, b"bandwidt"))
            peer.reply(frame.stream_id, b"answer")

    config = ChannelConfig(flood_allowance=10, flood_refill=0.0)
    async with play(ping, config=config) as channel:
        assert [await channel.unary("/a/b", b"") for _ in range(50)] == [b"answer"] * 50


async def test_a_flood_of_pings_ends_the_connection(play: Play) -> None:
    """What no call has earned is refused."""

    async def flood(peer: RawPeer) -> None:
        await peer.until(frames.HEADERS)
        peer.writer.write(frames.frame(frames.PING, 0, 0, b"flooding") * 50)
        await peer.ended()

    async with play(flood, config=ChannelConfig(flood_allowance=10, flood_refill=0.0)) as channel:
        with pytest.raises(StatusError, match="too many frames"):
            await channel.unary("/a/b", b"")
