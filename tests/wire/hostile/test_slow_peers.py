"""Peers that take their time: prefaces, header blocks and requests that never end, and ends that nobody sees."""

import asyncio
import socket
from itertools import cycle, repeat

import pytest

from prism.wire.http2 import frames
from prism.wire.http2.frames import PREFACE
from wire.hostile.attack import ask, full, send, trickle
from wire.hostile.conftest import Attacked
from wire.raw_peer import RawPeer, message, request

OTHERS = 10
ROOM = 400_000


@pytest.mark.parametrize("said", [PREFACE, b"\r\n" * 1000, b"GET / HTTP/1.1\r\nhost: a\r\n" + b"a: b\r\n" * 1000])
async def test_a_preface_one_byte_at_a_time(attacked: Attacked, said: bytes) -> None:
    """Neither HTTP/2's preface nor a head of HTTP/1.1 may take longer than its time."""
    async with (
        attacked(handshake_timeout=0.2, header_timeout=0.2) as victim,
        await RawPeer.connect(victim.address, preface=b"") as peer,
    ):
        await victim.bystander.until(lambda: victim.server.connections == 2)
        # The last byte of the preface is held back: every connection that is still there has not said enough.
        await trickle(peer, said[:-1], victim.bystander, lambda: victim.server.connections == 1)
        await victim.alone()
        assert victim.gauge.buffered < ROOM


@pytest.mark.parametrize("said", [b"", b"P", PREFACE[:-1], b"GET"])
async def test_a_preface_that_never_comes(attacked: Attacked, said: bytes) -> None:
    """Connections that say nothing, or not enough, are gone after their time."""
    async with attacked(handshake_timeout=0.2) as victim:
        peers = [await RawPeer.connect(victim.address, preface=said) for _ in range(100)]
        await asyncio.gather(*(peer.ended() for peer in peers))
        await victim.alone()
        assert victim.gauge.buffered < ROOM
        await asyncio.gather(*(peer.close() for peer in peers))


async def test_half_open_connections(attacked: Attacked) -> None:
    """Peers that have gone without a word are found out by PING, and their calls ended."""
    async with attacked(keepalive_interval=1.0, keepalive_timeout=1.0) as victim:
        peers = [await RawPeer.connect(victim.address) for _ in range(100)]
        for peer in peers:
            await send(peer, [full(peer, 1, "/test.Test/Hang", message(b"x"))])
        await victim.alone()
        assert victim.gauge.streams >= 100
        for peer in peers:
            peer.writer.transport.abort()


async def test_peers_that_have_ended_their_side(attacked: Attacked) -> None:
    """A connection whose client will say nothing more is closed, with its calls."""
    async with attacked() as victim:
        peers = [await RawPeer.connect(victim.address) for _ in range(100)]
        for peer in peers:
            await send(peer, [full(peer, 1, "/test.Test/Hang", message(b"x"))])
            peer.writer.write_eof()
        await victim.alone()
        await asyncio.gather(*(peer.close() for peer in peers))


@pytest.mark.parametrize("size", [1, 0])
async def test_header_blocks_that_never_end(attacked: Attacked, size: int) -> None:
    """Going on with a block now and then does not prolong its time."""
    async with (
        attacked(header_timeout=0.2, flood_allowance=1_000_000) as victim,
        await RawPeer.connect(victim.address) as peer,
    ):
        block = peer.encode(request("/test.Test/Echo"))
        await send(peer, [frames.frame(frames.HEADERS, 0, 1, block[:-1])])
        piece = frames.frame(frames.CONTINUATION, 0, 1, b"\x82" * size)
        await trickle(peer, b"".join(repeat(piece, 5000)), victim.bystander, lambda: victim.server.connections == 1)
        await victim.alone()
        assert victim.gauge.buffered < ROOM


async def test_a_frame_that_never_ends(attacked: Attacked) -> None:
    """A peer stuck in a frame holds no more than the frame, and is gone when it has no call for long enough."""
    async with attacked(idle_timeout=0.3, drain_timeout=0.1) as victim, await RawPeer.connect(victim.address) as peer:
        head = frames.frame(frames.HEADERS, 4, 1, bytes(16_384))
        await trickle(peer, head[:-1], victim.bystander, lambda: victim.server.connections == 1)
        await victim.alone()
        assert victim.gauge.buffered < ROOM


@pytest.mark.parametrize("kind", [frames.HEADERS, frames.DATA, frames.PING])
async def test_a_frame_that_trickles(attacked: Attacked, kind: int) -> None:
    """One frame has its time, whatever it is and however it comes; a peer that sends whole ones has all the time."""
    async with (
        attacked(frame_timeout=1.0, flood_allowance=1_000_000) as victim,
        await RawPeer.connect(victim.address) as peer,
        await RawPeer.connect(victim.address) as steady,
    ):
        await send(peer, [ask(peer, 1, "/test.Test/Echo")])
        await send(steady, [ask(steady, 1, "/test.Test/Echo")])
        frame = frames.frame(kind, 0, 1, bytes(16_384))
        # Enough of it that DATA is taken as it comes.
        await send(peer, [frame[:4000]])
        slow = asyncio.create_task(
            trickle(peer, frame[4000:-1], victim.bystander, lambda: victim.server.connections == 2)
        )
        while not slow.done():
            await send(steady, [frames.frame(frames.DATA, 0, 1, b"")[:5]])
            await victim.bystander.calls(1)
            await send(steady, [frames.frame(frames.DATA, 0, 1, b"")[5:]])
        await slow
        await send(steady, [frames.frame(frames.DATA, frames.END_STREAM, 1, message(b"x"))])
        assert (await steady.answer(1))[1] == message(b"x")
        assert victim.gauge.buffered < ROOM


async def test_requests_that_never_end(attacked: Attacked) -> None:
    """Unary calls whose message does not come have no handler, and no more places than others."""
    async with attacked(max_concurrent_streams=50) as victim, await RawPeer.connect(victim.address) as peer:
        await send(peer, (ask(peer, each, "/test.Test/Echo") for each in range(1, 401, 2)))
        numbers = cycle(range(1, 101, 2))
        for _ in range(20):
            await send(peer, [frames.frame(frames.DATA, 0, next(numbers), b"\0") for _ in range(50)])
            await victim.bystander.calls(1)
            if victim.server.connections == 1:
                break
        assert victim.gauge.streams <= 50 + OTHERS
        assert victim.gauge.tasks <= OTHERS
        await peer.close()
        await victim.alone()


async def test_connections_that_are_reset_before_they_are_accepted(attacked: Attacked) -> None:
    """The kernel hands over sockets that are dead already; the next ones are served."""
    async with attacked() as victim:
        host, _, port = victim.address.rpartition(":")
        for _ in range(300):
            with socket.create_connection((host, int(port))) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await victim.bystander.calls(5)
        async with await RawPeer.connect(victim.address) as peer:
            await send(peer, [full(peer, 1, "/test.Test/Echo", message(b"x"))])
            assert (await peer.answer(1))[1] == message(b"x")
        await victim.alone()


async def test_an_upload_one_byte_at_a_time(attacked: Attacked) -> None:
    """A plain request's body over HTTP/1.1 that trickles in has its end, too."""
    async with attacked(header_timeout=0.2) as victim, await RawPeer.connect(victim.address, preface=b"") as peer:
        peer.writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n")
        await victim.alone()
        assert await peer.frame() is None
