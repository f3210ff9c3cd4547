"""The connection, by a peer that speaks HTTP/2 by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from prism.wire import Server, ServerConfig
from prism.wire.http2 import frames
from prism.wire.http2.frames import ErrorCode
from prism.wire.http2.settings import INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, SETTING, encode_settings
from wire.raw_peer import GRPC, Frame, RawPeer, message, request
from wire.service import Service

Serve = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture
async def peer(address: str) -> AsyncIterator[RawPeer]:
    """A peer of the server."""
    async with await RawPeer.connect(address) as peer:
        yield peer


@pytest.fixture
async def serve(service: Service) -> Serve:
    """Makes a server with settings of the test's own."""

    @asynccontextmanager
    async def serve(**settings: Any) -> AsyncIterator[str]:
        async with Server(service.lookup, config=ServerConfig(**settings)) as server:
            yield await server.listen("127.0.0.1:0")

    return serve


async def test_a_reply_is_three_frames_with_constant_heads(peer: RawPeer) -> None:
    """HEADERS, DATA, trailers; none touches the peer's header table."""
    peer.call(1, payload=b"hello")
    head = await peer.until(frames.HEADERS)
    assert head.payload == b"\x88\x0f\x10\x10application/grpc"
    assert (await peer.frame(), await peer.frame()) == (
        Frame(frames.DATA, 0, 1, message(b"hello")),
        Frame(frames.HEADERS, 5, 1, b"\x00\x0bgrpc-status\x010"),
    )


async def test_a_request_in_the_smallest_pieces(peer: RawPeer) -> None:
    """A byte in each frame, frames cut by the network, padding, priority, CONTINUATION and trailers."""
    block = peer.encode(GRPC)
    peer.send(frames.HEADERS, frames.PADDED | frames.HAS_PRIORITY, 1, b"\x03" + b"\0\0\0\0\x10" + block[:1] + b"pad")
    for octet in block[1:-1]:
        peer.send(frames.CONTINUATION, 0, 1, bytes([octet]))
    peer.send(frames.CONTINUATION, frames.END_HEADERS, 1, block[-1:])
    for octet in message(b"hello"):
        peer.send(frames.DATA, frames.PADDED, 1, bytes([2, octet]) + b"xx")
        await peer.writer.drain()
    peer.headers(1, [("trailing", "field")], frames.END_HEADERS | frames.END_STREAM)
    assert (await peer.answer(1))[1] == message(b"hello")


@pytest.mark.parametrize("path", ["/test.Test/Echo", "/test.Test/Repeat"])
@pytest.mark.parametrize("pieces", [[], [b""], [message(b"a") + message(b"b")], [message(b"a"), message(b"b")]])
async def test_another_number_of_messages_than_one(peer: RawPeer, path: str, pieces: list[bytes]) -> None:
    """None or two for a method that takes one: UNIMPLEMENTED, as gRPC has it, and its handler is not begun."""
    peer.headers(1, request(path), frames.END_HEADERS | (0 if pieces else frames.END_STREAM))
    for number, piece in enumerate(pieces, 1):
        peer.send(frames.DATA, frames.END_STREAM if number == len(pieces) else 0, 1, piece)
    head, body, trailers = await peer.answer(1)
    assert (body, (head | trailers)["grpc-status"]) == (b"", "12")


async def test_bytes_that_come_one_by_one(peer: RawPeer) -> None:
    """Reads may end anywhere."""
    recorded = RawPeer.recorded()
    recorded.call(1, payload=b"hello")
    for octet in recorded.said():
        peer.writer.write(bytes([octet]))
        await asyncio.sleep(0)
    assert (await peer.answer(1))[1] == message(b"hello")


async def test_large_responses_share_the_connection(peer: RawPeer) -> None:
    """Two streams that wait for the connection's window take turns, and a stream without window takes none."""
    peer.send(frames.SETTINGS, 0, 0, SETTING.pack(INITIAL_WINDOW_SIZE, 200_000))
    for stream_id in (1, 3):
        peer.headers(stream_id, request("/test.Test/Echo"))
        body = message(b"x" * 60_000)
        for start in range(0, len(body), 16_000):
            last = start + 16_000 >= len(body)
            peer.send(frames.DATA, frames.END_STREAM if last else 0, stream_id, body[start : start + 16_000])
    got = {1: 0, 3: 0}
    while sum(got.values()) < 65_535:
        frame = await peer.until(frames.DATA)
        got[frame.stream_id] += len(frame.payload)
    assert sum(got.values()) == 65_535
    assert min(got.values()) > 5_000
    peer.send(frames.WINDOW_UPDATE, 0, 0, frames.UINT32.pack(1_000_000))
    while sum(got.values()) < 120_010:
        frame = await peer.until(frames.DATA)
        got[frame.stream_id] += len(frame.payload)
    assert got == {1: 60_005, 3: 60_005}


@pytest.mark.parametrize("path", ["/test.Test/Echo", "/test.Test/Chat"])
async def test_a_message_that_is_alone_goes_out_in_whole_frames(peer: RawPeer, path: str) -> None:
    """Nobody waits for a turn: each of its frames but the last is as long as the peer takes, and none is longer."""
    peer.send(frames.SETTINGS, 0, 0, SETTING.pack(MAX_FRAME_SIZE, 20_000))
    peer.headers(1, request(path))
    body = message(b"x" * 60_000)
    for start in range(0, len(body), 16_000):
        last = start + 16_000 >= len(body)
        peer.send(frames.DATA, frames.END_STREAM if last else 0, 1, body[start : start + 16_000])
    seen = [await peer.until(frames.DATA)]
    while len(seen) < 4:
        frame = await peer.frame()
        assert frame is not None
        seen.append(frame)
    assert [(each.kind, each.flags, len(each.payload)) for each in seen] == [(frames.DATA, 0, 20_000)] * 3 + [
        (frames.DATA, 0, 5)
    ]
    assert b"".join(each.payload for each in seen) == body


async def test_a_stream_without_window_stops_only_itself(peer: RawPeer) -> None:
    """The other's answer comes, and the first one's when its window opens, by SETTINGS or by WINDOW_UPDATE."""
    peer.send(frames.SETTINGS, 0, 0, SETTING.pack(INITIAL_WINDOW_SIZE, 0))
    peer.call(1, payload=b"one")
    peer.call(3, payload=b"two")
    await peer.until(frames.HEADERS, 1)
    await peer.until(frames.HEADERS, 3)
    peer.send(frames.WINDOW_UPDATE, 0, 3, frames.UINT32.pack(100))
    assert (await peer.until(frames.DATA)).payload == message(b"two")
    peer.send(frames.SETTINGS, 0, 0, SETTING.pack(INITIAL_WINDOW_SIZE, 3))
    assert (await peer.until(frames.DATA)).payload == message(b"one")[:3]
    peer.send(frames.SETTINGS, 0, 0, SETTING.pack(INITIAL_WINDOW_SIZE, 100))
    assert (await peer.until(frames.DATA)).payload == message(b"one")[3:]


async def test_a_large_message_gets_its_window_at_once(peer: RawPeer) -> None:
    """As soon as its length is known, the peer may send all of it."""
    peer.headers(1, request("/test.Test/Echo"))
    peer.send(frames.DATA, 0, 1, message(b"x" * 1_000_000)[:1000])
    update = await peer.until(frames.WINDOW_UPDATE, 1)
    assert frames.UINT32.unpack(update.payload)[0] >= 1_000_000 - 65_535


async def test_messages_beyond_the_budget_wait_for_each_other(serve: Serve) -> None:
    """Only as many large messages are taken at once as the budget holds, and all are taken in the end."""
    async with serve(receive_budget=150_000) as address, await RawPeer.connect(address) as peer:
        peer.send(frames.WINDOW_UPDATE, 0, 0, frames.UINT32.pack(1 << 30))
        peer.send(frames.SETTINGS, 0, 0, SETTING.pack(INITIAL_WINDOW_SIZE, 1 << 30))
        body = message(b"x" * 200_000)
        for stream_id in (1, 3):
            peer.headers(stream_id, request("/test.Test/Echo"))
            peer.send(frames.DATA, 0, stream_id, body[:10])
        assert (await peer.until(frames.WINDOW_UPDATE, 1)).payload
        peer.send(frames.PING, 0, 0, b"nothing!")
        answered = await peer.frame()
        assert answered is not None
        assert answered.kind == frames.PING
        for stream_id in (1, 3):
            for start in range(10, len(body), 16_000):
                last = start + 16_000 >= len(body)
                peer.send(frames.DATA, frames.END_STREAM if last else 0, stream_id, body[start : start + 16_000])
            got = b""
            while len(got) < len(body):
                got += (await peer.until(frames.DATA, stream_id)).payload
            assert got == body
            if stream_id == 1:
                await peer.until(frames.WINDOW_UPDATE, 3)


async def test_data_beyond_a_window_is_refused(peer: RawPeer) -> None:
    """What is not read gives no window back, and FLOW_CONTROL_ERROR ends a stream that goes on."""
    peer.headers(1, request("/test.Test/Ignore"))
    for _ in range(4):
        peer.send(frames.DATA, 0, 1, message(b"x" * 16_000))
    peer.call(3)
    await peer.answer(3)
    peer.send(frames.DATA, 0, 1, message(b"x" * 16_000))
    reset = await peer.until(frames.RST_STREAM)
    assert reset == Frame(frames.RST_STREAM, 0, 1, frames.UINT32.pack(ErrorCode.FLOW_CONTROL_ERROR))


async def test_streams_beyond_the_limit_are_refused_unprocessed(serve: Serve, service: Service) -> None:
    """REFUSED_STREAM, and a place is free again once a handler has ended."""
    async with serve(max_concurrent_streams=2) as address, await RawPeer.connect(address) as peer:
        for stream_id in (1, 3, 5):
            peer.call(stream_id, "/test.Test/Hang")
        refused = await peer.until(frames.RST_STREAM)
        assert refused == Frame(frames.RST_STREAM, 0, 5, frames.UINT32.pack(ErrorCode.REFUSED_STREAM))
        peer.send(frames.RST_STREAM, 0, 1, frames.UINT32.pack(ErrorCode.CANCEL))
        await service.ended.wait()
        peer.call(7, payload=b"seven")
        assert (await peer.answer(7))[1] == message(b"seven")


async def test_a_ping_is_answered(peer: RawPeer) -> None:
    """With its own payload."""
    peer.send(frames.PING, 0, 0, b"12345678")
    assert await peer.until(frames.PING) == Frame(frames.PING, frames.ACK, 0, b"12345678")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ([*GRPC, ("Upper", "case")], "upper case"),
        ([*GRPC, ("connection", "close")], "connection-specific"),
        ([*GRPC, (":path", "/again")], "pseudo-header behind others"),
        ([*GRPC[:3], (":path", "/again"), *GRPC[3:]], "pseudo-header twice"),
        ([*GRPC, ("name", "line\nbreak")], "control character"),
        ([*GRPC, ("te", "gzip")], "te"),
        (GRPC[1:], "no method"),
        ([*GRPC, ("raw-bin", "!")], "no base64"),
    ],
)
async def test_malformed_requests_end_their_stream(peer: RawPeer, fields: list[tuple[str, str]], reason: str) -> None:
    """And no other: the next call is answered."""
    peer.headers(1, fields)
    reset = await peer.until(frames.RST_STREAM, 1)
    assert reset.payload == frames.UINT32.pack(ErrorCode.PROTOCOL_ERROR), reason
    peer.call(3, payload=b"next")
    assert (await peer.answer(3))[1] == message(b"next")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (frames.frame(frames.DATA, 0, 1, b"x"), ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.DATA, 0, 0, b"x"), ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.HEADERS, 4, 2, b"\x82"), ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.HEADERS, 4, 1, b"\xff\xff\xff\xff\xff\xff"), ErrorCode.COMPRESSION_ERROR),
        (
            frames.frame(frames.HEADERS, 0, 1, b"\x82") + frames.frame(frames.PING, 0, 0, b"12345678"),
            ErrorCode.PROTOCOL_ERROR,
        ),
        (frames.frame(frames.CONTINUATION, 4, 1, b"\x82"), ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.SETTINGS, 0, 0, b"12345"), ErrorCode.FRAME_SIZE_ERROR),
        (frames.frame(frames.SETTINGS, 0, 1), ErrorCode.PROTOCOL_ERROR),
        (encode_settings({INITIAL_WINDOW_SIZE: 1 << 31}), ErrorCode.FLOW_CONTROL_ERROR),
        (encode_settings({MAX_FRAME_SIZE: 1}), ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.PING, 0, 0, b"1"), ErrorCode.FRAME_SIZE_ERROR),
        (frames.frame(frames.RST_STREAM, 0, 1, b"1234"), ErrorCode.PROTOCOL_ERROR),
        (frames.window_update(0, 0), ErrorCode.PROTOCOL_ERROR),
        (frames.window_update(0, (1 << 31) - 1), ErrorCode.FLOW_CONTROL_ERROR),
        (frames.frame(frames.DATA, 0, 1, b"x" * 16_385), ErrorCode.FRAME_SIZE_ERROR),
        (frames.frame(frames.PUSH_PROMISE, 4, 1, b"1234"), ErrorCode.PROTOCOL_ERROR),
        # A stream that is idle cannot be reset.
        (frames.frame(frames.PRIORITY, 0, 1, b"1234"), ErrorCode.FRAME_SIZE_ERROR),
        (frames.frame(frames.PRIORITY, 0, 1, b"\0\0\0\1\0"), ErrorCode.PROTOCOL_ERROR),
    ],
)
async def test_faults_that_end_the_connection(peer: RawPeer, frame: bytes, code: ErrorCode) -> None:
    """GOAWAY says which, and the connection is closed."""
    peer.writer.write(frame)
    assert await peer.goaway() is code
    await peer.ended()


async def test_frames_for_streams_that_the_server_ended_are_ignored(peer: RawPeer) -> None:
    """What was on its way when the answer came does no harm, and keeps the header table in step."""
    peer.headers(1, request("/test.Test/Nothing"))
    assert (await peer.answer(1))[2]["grpc-status"] == "12"
    peer.send(frames.DATA, 0, 1, b"x" * 1000)
    peer.headers(1, [("trailing", "field")], frames.END_HEADERS | frames.END_STREAM)
    peer.call(3, payload=b"next")
    assert (await peer.answer(3))[1] == message(b"next")


async def test_a_silent_peer_is_pinged_and_dropped(serve: Serve) -> None:
    """A half-open connection does not stay."""
    settings = {"keepalive_interval": 0.05, "keepalive_timeout": 1.0}
    async with serve(**settings) as address, await RawPeer.connect(address) as peer:
        ping = await peer.until(frames.PING)
        peer.send(frames.PING, frames.ACK, 0, ping.payload)
        await peer.until(frames.PING)
        await peer.ended()


async def test_a_preface_that_never_ends_is_dropped(serve: Serve) -> None:
    """A slow start has its limit."""
    async with serve(handshake_timeout=0.05) as address, await RawPeer.connect(address, preface=b"PRI * ") as peer:
        await peer.ended()


async def test_a_header_block_that_never_ends_is_dropped(serve: Serve) -> None:
    """Nothing else may come before its end, so the connection is of no use."""
    async with serve(header_timeout=0.05) as address, await RawPeer.connect(address) as peer:
        peer.send(frames.HEADERS, 0, 1, b"\x82")
        assert await peer.goaway() is ErrorCode.ENHANCE_YOUR_CALM


async def test_idle_and_old_connections_are_drained(serve: Serve) -> None:
    """GOAWAY first, the end after the peer has seen it."""
    for settings in ({"idle_timeout": 0.05}, {"max_connection_age": 0.05}):
        async with serve(**settings) as address, await RawPeer.connect(address) as peer:
            assert await peer.goaway() is ErrorCode.NO_ERROR
            ping = await peer.until(frames.PING)
            peer.send(frames.PING, frames.ACK, 0, ping.payload)
            assert await peer.goaway() is ErrorCode.NO_ERROR
            await peer.ended()


async def test_a_drained_client_gets_its_last_answers_however_slowly_it_reads(server: Server, address: str) -> None:
    """The server does not close on what the client still sends: that would take them from it."""
    async with await RawPeer.connect(address) as peer:
        peer.send(frames.WINDOW_UPDATE, 0, 0, frames.UINT32.pack(1 << 30))
        peer.send(frames.SETTINGS, 0, 0, SETTING.pack(INITIAL_WINDOW_SIZE, 1 << 30))
        peer.headers(1, request("/test.Test/Repeat"))
        peer.send(frames.PING, 0, 0, b"received")
        await peer.until(frames.PING)
        peer.writer.transport.pause_reading()
        draining = asyncio.create_task(server.drain(30))
        await asyncio.sleep(0)
        peer.send(frames.PING, frames.ACK, 0, b"draining")
        # More than the client's kernel takes unread.
        whole = message(b"x" * 60_000)
        for start in range(0, len(whole), 16_000):
            last = frames.END_STREAM if start + 16_000 >= len(whole) else 0
            peer.send(frames.DATA, last, 1, whole[start : start + 16_000])
        while server.calls:  # noqa: ASYNC110 - nothing else tells that the server has said all it had to say
            await asyncio.sleep(0)
        peer.send(frames.WINDOW_UPDATE, 0, 0, frames.UINT32.pack(1))
        peer.writer.transport.resume_reading()
        assert (await peer.answer(1))[1] == whole * 5
        await peer.ended()
    await draining
    assert server.connections == 0


async def test_a_drained_client_that_does_not_close_is_dropped(service: Service) -> None:
    """After the time that a peer has to read."""
    async with (
        Server(service.lookup, config=ServerConfig(write_timeout=0.1)) as server,
        await RawPeer.connect(await server.listen("127.0.0.1:0")) as peer,
    ):
        await peer.until(frames.SETTINGS)
        draining = asyncio.create_task(server.drain(3600))
        ping = await peer.until(frames.PING)
        peer.send(frames.PING, frames.ACK, 0, ping.payload)
        await peer.ended()
        await draining


async def test_a_peer_that_reads_nothing_is_dropped(serve: Serve) -> None:
    """What waits for it is bounded, and not for ever."""
    async with serve(write_timeout=0.1, keepalive_interval=None) as address, await RawPeer.connect(address) as peer:
        peer.send(frames.WINDOW_UPDATE, 0, 0, frames.UINT32.pack(1 << 30))
        peer.send(frames.SETTINGS, 0, 0, SETTING.pack(INITIAL_WINDOW_SIZE, 1 << 30))
        peer.writer.transport.pause_reading()
        stream_id = 1
        while not peer.writer.transport.is_closing():
            peer.call(stream_id, payload=b"x" * 16_000)
            stream_id += 2
            try:
                await peer.writer.drain()
            except ConnectionError:
                break


@pytest.mark.parametrize(
    "flood",
    [
        frames.frame(frames.PING, 0, 0, b"12345678"),
        encode_settings({}),
        frames.frame(frames.PRIORITY, 0, 1, b"\0\0\0\0\0"),
        frames.frame(77, 0, 0),
    ],
)
async def test_floods_end_the_connection(peer: RawPeer, flood: bytes) -> None:
    """ENHANCE_YOUR_CALM."""
    peer.writer.write(flood * 5000)
    assert await peer.goaway() is ErrorCode.ENHANCE_YOUR_CALM


async def test_rapid_resets_end_the_connection_unless_calls_are_completed(serve: Serve) -> None:
    """Many cancellations among completed calls are fine, nothing but cancellations is not."""
    async with serve(flood_allowance=100, flood_refill=0.0) as address, await RawPeer.connect(address) as peer:
        for stream_id in range(1, 1601, 4):
            peer.call(stream_id, "/test.Test/Hang")
            peer.send(frames.RST_STREAM, 0, stream_id, frames.UINT32.pack(ErrorCode.CANCEL))
            peer.call(stream_id + 2)
            await peer.answer(stream_id + 2)
        for stream_id in range(1601, 2401, 2):
            peer.call(stream_id, "/test.Test/Hang")
            peer.send(frames.RST_STREAM, 0, stream_id, frames.UINT32.pack(ErrorCode.CANCEL))
        assert await peer.goaway() is ErrorCode.ENHANCE_YOUR_CALM
