"""Messages that are not what their length, their compression or their content-length says."""

import asyncio
import gzip
import zlib
from collections.abc import Iterator

import pytest

from prism.wire import Method, ServerCall
from prism.wire.http2 import frames
from wire.hostile.attack import ask, full, send
from wire.hostile.conftest import Attacked
from wire.hostile.gauge import Traced
from wire.raw_peer import GRPC, RawPeer, message, request
from wire.service import Service

MIB = 1024 * 1024
OTHERS = 10
ROOM = 400_000


def announced(length: int, content: bytes, *, compressed: bool = False) -> bytes:
    """A message that says to be of a length."""
    return frames.MESSAGE_HEAD.pack(compressed, length) + content


LIES = {
    "longer than what comes": (announced(100, b"x" * 50), "13"),
    "shorter than what comes": (announced(50, b"x" * 100), "13"),
    "two where one is due": (message(b"one") + message(b"two"), "12"),
    "huge": (announced(0xFFFF_FFFF, b"x" * 100), "8"),
    "one over the limit": (announced(4 * MIB + 1, b"x"), "8"),
    "half a head": (b"\0\0\0", "13"),
    "no head": (b"", "12"),
    "a flag that is none": (b"\x07" + message(b"x")[1:], "13"),
    "compressed without saying how": (announced(10, b"x" * 10, compressed=True), "13"),
}


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("path", ["/test.Test/Echo", "/test.Test/Count"])
async def test_lengths_that_lie(attacked: Attacked, name: str, path: str) -> None:
    """Each ends its own call with a status, and the connection goes on."""
    body, status = LIES[name]
    if path == "/test.Test/Count" and name in ("no head", "two where one is due"):
        status = "0"
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        for stream_id in range(1, 101, 2):
            await send(peer, [full(peer, stream_id, path, body)])
            assert (await peer.answer(stream_id))[2]["grpc-status"] == status
        assert victim.gauge.buffered < ROOM
        assert victim.gauge.streams <= OTHERS


async def test_promises_of_large_messages(attacked: Attacked) -> None:
    """A thousand streams that announce the most and send a little: nothing is set aside for them."""
    with Traced() as traced:
        async with attacked(receive_budget=8 * MIB) as victim, await RawPeer.connect(victim.address) as peer:
            streams = range(1, 401, 2)
            lie = announced(4 * MIB, b"x")
            await send(
                peer, (ask(peer, each, "/test.Test/Echo") + frames.frame(frames.DATA, 0, each, lie) for each in streams)
            )
            granted = sum(_windows(await _updates(peer)))
            assert granted <= 8 * MIB + len(streams) * 65_535
            assert traced.allocated() < 4 * MIB
            await victim.bystander.calls(2)
            assert victim.gauge.buffered < ROOM


async def _updates(peer: RawPeer) -> bytes:
    """The windows of streams that have been raised, by what the peer reads until its PING is answered."""
    peer.send(frames.PING, 0, 0, b"the last")
    raised = b""
    while (frame := await peer.frame()) is not None and frame.payload != b"the last":
        if frame.kind == frames.WINDOW_UPDATE and frame.stream_id:
            raised += frame.payload
    return raised


def _windows(raised: bytes) -> Iterator[int]:
    return (number for (number,) in frames.UINT32.iter_unpack(raised))


READ = 256 << 10  # what the transport takes from its socket at a time, and may hold until the next read
UNREAD = READ  # of a read that is more than a turn's work, what the next turn is left with


@pytest.mark.parametrize("http", [False, True])
async def test_messages_in_the_smallest_pieces(attacked: Attacked, http: bool) -> None:
    """What is held is near to what was sent, into however many frames it was cut."""
    path = "/" if http else "/test.Test/Echo"
    whole, size = 60_000, 2
    with Traced() as traced:
        async with attacked(max_stream_window=MIB) as victim, await RawPeer.connect(victim.address) as peer:
            fields = [(":method", "POST"), *request(path)[1:4]] if http else request(path)
            await send(peer, [frames.frame(frames.HEADERS, frames.END_HEADERS, 1, peer.encode(fields))])
            await send(peer, [frames.frame(frames.DATA, 0, 1, announced(whole, b""))])
            await victim.bystander.calls(2)
            before = traced.allocated()
            window = 65_535 - 5
            sent = 0
            while sent < whole - 1000:
                take = min(window, whole - 1000 - sent) // size
                assert await send(peer, [frames.frame(frames.DATA, 0, 1, b"xyz"[:size])] * take)
                sent += take * size
                window -= take * size
                while window < size:
                    update = await peer.until(frames.WINDOW_UPDATE, 1)
                    window += frames.UINT32.unpack(update.payload)[0]
            await send(peer, [frames.frame(frames.PING, 0, 0, b"all read")])
            await peer.until(frames.PING, 0)  # what came before it has been taken out of the last read
            assert traced.allocated() - before < 3 * whole + READ + UNREAD
            assert victim.gauge.buffered < whole + ROOM


BOMB = gzip.compress(bytes(64 * MIB), 9)


def compressed(peer: RawPeer, stream_id: int, path: str) -> bytes:
    """The head of a request whose messages may be compressed."""
    fields = [(name, path if name == ":path" else value) for name, value in GRPC]
    return frames.frame(
        frames.HEADERS, frames.END_HEADERS, stream_id, peer.encode([*fields, ("grpc-encoding", "gzip")])
    )


def data(stream_id: int, body: bytes, flags: int) -> bytes:
    """DATA in as many frames as it needs."""
    pieces = [body[start : start + 16_384] for start in range(0, len(body), 16_384)]
    return b"".join(
        frames.frame(frames.DATA, flags if index == len(pieces) - 1 else 0, stream_id, piece)
        for index, piece in enumerate(pieces)
    )


async def test_gzip_bomb(attacked: Attacked) -> None:
    """It is given up as soon as it is over the limit."""
    with Traced() as traced:
        async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
            for stream_id in range(1, 11, 2):
                body = announced(len(BOMB), BOMB, compressed=True)
                await send(peer, [compressed(peer, stream_id, "/test.Test/Echo"), data(stream_id, body, 1)])
                assert (await peer.answer(stream_id))[2]["grpc-status"] == "8"
            assert traced.peak() < 32 * MIB
            assert victim.gauge.buffered < 4 * MIB + ROOM


async def test_many_small_gzip_bombs(attacked: Attacked) -> None:
    """Messages within the limit wait compressed until they are read: a window holds no more than a window."""
    small = zlib.compressobj(9, wbits=31)
    bomb = small.compress(bytes(4 * MIB)) + small.flush()
    body = announced(len(bomb), bomb, compressed=True)
    with Traced() as traced:
        async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
            streams = range(1, 11, 2)
            await send(peer, (compressed(peer, each, "/test.Test/Ignore") for each in streams))
            await send(peer, (data(each, body * (65_000 // len(body)), 0) for each in streams))
            await victim.bystander.calls(5)
            assert traced.allocated() < 4 * MIB


@pytest.mark.parametrize(("length", "body"), [("10", b"x" * 20), ("20", b"x" * 10), ("7", b"")])
async def test_content_lengths_that_lie(attacked: Attacked, length: str, body: bytes) -> None:
    """The stream is reset, its handler never runs."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        for stream_id in range(1, 101, 2):
            peer.headers(stream_id, [*request("/test.Test/Echo"), ("content-length", length)])
            peer.send(frames.DATA, frames.END_STREAM, stream_id, body)
            reset = await peer.until(frames.RST_STREAM, stream_id)
            assert reset.payload == frames.UINT32.pack(frames.ErrorCode.PROTOCOL_ERROR)
        assert victim.gauge.tasks <= OTHERS


async def test_small_gzip_bombs_of_unary_calls(attacked: Attacked, service: Service) -> None:
    """What they expand to counts: no more are expanded than the budget holds, and each has its turn."""
    held: list[ServerCall] = []
    release = asyncio.Event()

    async def hold(call: ServerCall) -> bytes:
        held.append(call)
        await release.wait()
        return str(len(call.message)).encode()

    known = service.lookup
    method = Method("/test.Test/Hold", hold)
    service.lookup = lambda path: method if path == method.path else known(path)
    bomb = gzip.compress(bytes(4 * MIB), 9)
    body = announced(len(bomb), bomb, compressed=True)
    async with attacked(receive_budget=16 * MIB) as victim, await RawPeer.connect(victim.address) as peer:
        streams = range(1, 41, 2)
        await send(peer, (compressed(peer, each, method.path) + data(each, body, 1) for each in streams))
        await victim.bystander.until(lambda: victim.server.calls >= 20 and len(held) >= 4)
        await victim.bystander.calls(5)
        assert len(held) == 4
        assert victim.gauge.buffered < 16 * MIB + 20 * len(body) + ROOM
        release.set()
        for each in streams:
            assert (await peer.answer(each))[1] == message(b"%d" % (4 * MIB))
        await victim.bystander.until(lambda: victim.server.calls <= 1)
