"""Peers that speak no protocol, or stop in the middle of it."""

import random
import socket
from collections.abc import Iterator

import pytest

from prism.wire.http2 import frames
from prism.wire.http2.frames import ErrorCode
from prism.wire.http2.settings import INITIAL_WINDOW_SIZE, encode_settings
from wire.hostile.attack import ask, assault, cancel, full, send
from wire.hostile.conftest import Attacked
from wire.hostile.gauge import Traced
from wire.raw_peer import RawPeer, message

OTHERS = 10
ROOM = 400_000
PEERS = 100
RESET_ON_CLOSE = b"\1\0\0\0\0\0\0\0"


def session() -> bytes:
    """A short life that has a bit of everything: calls, streams, pieces, padding, PING, a reset, the end."""
    peer = RawPeer.recorded()
    block = peer.encode([(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")])
    parts = [
        frames.PREFACE,
        encode_settings({INITIAL_WINDOW_SIZE: 100_000}),
        frames.frame(frames.SETTINGS, frames.ACK, 0),
        full(peer, 1, "/test.Test/Echo", message(b"hello")),
        ask(peer, 3, "/test.Test/Chat"),
        frames.frame(frames.DATA, frames.PADDED, 3, b"\x02" + message(b"piece")[:6] + b"xx"),
        frames.frame(frames.DATA, 0, 3, message(b"piece")[6:]),
        frames.frame(frames.HEADERS, frames.END_STREAM, 5, block[:2]),
        frames.frame(frames.CONTINUATION, frames.END_HEADERS, 5, block[2:]),
        frames.frame(frames.PING, 0, 0, b"12345678"),
        full(peer, 7, "/test.Test/Hang", message(b"x")),
        cancel(7),
        frames.window_update(0, 1000),
        frames.frame(frames.DATA, frames.END_STREAM, 3),
        frames.goaway(0, ErrorCode.NO_ERROR),
    ]
    return b"".join(parts)


@pytest.mark.parametrize("end", ["closed", "ended", "reset"])
async def test_truncation_at_every_offset(attacked: Attacked, end: str) -> None:
    """Wherever a session stops, however it ends, nothing of it stays."""
    whole = session()
    async with attacked() as victim:
        for offset in range(len(whole)):
            peer = await RawPeer.connect(victim.address, preface=whole[:offset])
            if end == "ended":
                peer.writer.write_eof()
                await peer.ended()
            elif end == "reset":
                sock = peer.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                peer.writer.transport.abort()
            await peer.close()
        await victim.alone()
        assert victim.gauge.buffered < ROOM
        assert victim.gauge.streams <= 4 * OTHERS + PEERS


async def test_a_whole_session(attacked: Attacked) -> None:
    """The session that the test above cuts short is one that the server takes."""
    async with attacked() as victim, await RawPeer.connect(victim.address, preface=session()) as peer:
        assert (await peer.answer(1))[1] == message(b"hello")
        assert (await peer.answer(3))[1] == message(b"piece")


def noise(seed: int, size: int) -> bytes:
    """Bytes at random."""
    return random.Random(seed).randbytes(size)


@pytest.mark.parametrize("preface", [b"", frames.PREFACE, frames.PREFACE + encode_settings({})])
async def test_random_bytes(attacked: Attacked, preface: bytes) -> None:
    """They are refused soon, whatever came before them."""
    async with attacked(handshake_timeout=0.5, idle_timeout=0.5, drain_timeout=0.2) as victim:
        for seed in range(PEERS):
            async with await RawPeer.connect(victim.address, preface=preface) as peer:
                await send(peer, [noise(seed, 20_000)])
        await victim.alone()
        assert victim.gauge.buffered < ROOM
        assert victim.gauge.tasks <= OTHERS + PEERS


async def test_random_frames(attacked: Attacked) -> None:
    """Frames of any type, flags, stream and content, but of the right length."""

    def any_frames(seed: int) -> Iterator[bytes]:
        dice = random.Random(seed)
        peer = RawPeer.recorded()
        yield ask(peer, 1, "/test.Test/Chat") + full(peer, 3, "/test.Test/Hang", message(b"x"))
        for _ in range(500):
            kind, flags, stream_id = dice.choice([*range(10), 77]), dice.choice([0, 1, 4, 5, 8, 32]), dice.randrange(8)
            yield frames.frame(kind, flags, stream_id, dice.randbytes(dice.choice([0, 1, 4, 5, 6, 8, 30])))

    async with attacked() as victim:
        for seed in range(PEERS):
            async with await RawPeer.connect(victim.address) as peer:
                await send(peer, any_frames(seed))
        await victim.alone()
        assert victim.gauge.buffered < ROOM
        assert victim.gauge.streams <= OTHERS + 3 * PEERS


IDS = {
    "even": (ErrorCode.PROTOCOL_ERROR, lambda peer: full(peer, 2, "/test.Test/Echo", message(b"x"))),
    "zero": (ErrorCode.PROTOCOL_ERROR, lambda peer: full(peer, 0, "/test.Test/Echo", message(b"x"))),
    "data on zero": (ErrorCode.PROTOCOL_ERROR, lambda _: frames.frame(frames.DATA, 0, 0, b"x")),
    "data on idle": (ErrorCode.PROTOCOL_ERROR, lambda _: frames.frame(frames.DATA, 0, 99, b"x")),
    "decreasing": (
        ErrorCode.PROTOCOL_ERROR,
        lambda peer: b"".join(full(peer, each, "/test.Test/Echo", message(b"x")) for each in (9, 7)),
    ),
    "twice": (
        ErrorCode.STREAM_CLOSED,
        lambda peer: full(peer, 9, "/test.Test/Echo", message(b"x")) + ask(peer, 9, "/test.Test/Echo") * 2,
    ),
    "reset of idle": (ErrorCode.PROTOCOL_ERROR, lambda _: cancel(99)),
    "reset of zero": (ErrorCode.PROTOCOL_ERROR, lambda _: cancel(0)),
    "ping on a stream": (ErrorCode.PROTOCOL_ERROR, lambda _: frames.frame(frames.PING, 0, 1, b"12345678")),
    "settings on a stream": (ErrorCode.PROTOCOL_ERROR, lambda _: frames.frame(frames.SETTINGS, 0, 1)),
    "window of idle": (ErrorCode.PROTOCOL_ERROR, lambda _: frames.window_update(99, 1)),
    "continuation of nothing": (ErrorCode.PROTOCOL_ERROR, lambda _: frames.frame(frames.CONTINUATION, 4, 1, b"\x82")),
    "continuation of another": (
        ErrorCode.PROTOCOL_ERROR,
        lambda _: frames.frame(frames.HEADERS, 0, 1, b"\x82") + frames.frame(frames.CONTINUATION, 4, 3, b"\x82"),
    ),
    "push": (ErrorCode.PROTOCOL_ERROR, lambda _: frames.frame(frames.PUSH_PROMISE, 4, 1, b"\0\0\0\2")),
}


@pytest.mark.parametrize("name", IDS)
async def test_wrong_stream_ids(attacked: Attacked, name: str) -> None:
    """They end the connection and the calls that it has, and no other."""
    code, make = IDS[name]
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        hanging = full(peer, 1, "/test.Test/Hang", message(b"x")) if name not in ("zero", "even") else b""
        assert await assault(peer, [hanging + make(peer)]) is code
        await victim.alone()
        assert victim.gauge.streams <= OTHERS


async def test_stream_ids_far_apart(attacked: Attacked) -> None:
    """Passing over a thousand million streams costs nothing."""
    with Traced() as traced:
        async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
            numbers = [1, 1_000_000_001, *range(1_000_000_101, 1_000_050_101, 100), 2_147_483_647]
            await send(peer, (full(peer, each, "/test.Test/Echo", message(b"x")) for each in numbers))
            assert (await peer.answer(numbers[-1]))[1] == message(b"x")
            assert traced.peak() < 32 * 1024 * 1024
            assert victim.gauge.buffered < 2 * ROOM
            assert victim.gauge.streams <= 1000 + OTHERS
