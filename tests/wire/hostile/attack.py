"""What attackers have in common: they send on until the server has had enough, and learn how it ended."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import cast

from prism.wire.http2 import frames
from prism.wire.http2.frames import ErrorCode
from wire.hostile.bystander import Bystander
from wire.raw_peer import RawPeer, request

BITE = 32 * 1024  # bytes sent between two looks at whether the server still listens


def cancel(stream_id: int) -> bytes:
    """A client's reset."""
    return frames.rst_stream(stream_id, ErrorCode.CANCEL)


def ask(peer: RawPeer, stream_id: int, path: str, *, end: bool = False) -> bytes:
    """The HEADERS of a request, as bytes to be sent with others."""
    flags = frames.END_HEADERS | (frames.END_STREAM if end else 0)
    return frames.frame(frames.HEADERS, flags, stream_id, peer.encode(request(path)))


def full(peer: RawPeer, stream_id: int, path: str, body: bytes) -> bytes:
    """A whole request, as bytes to be sent with others."""
    return ask(peer, stream_id, path) + frames.frame(frames.DATA, frames.END_STREAM, stream_id, body)


async def assault(peer: RawPeer, pieces: Iterable[bytes]) -> ErrorCode | None:
    """Send all pieces, or as many as the server takes, and read what it says until it closes the connection.

    Returns the code of its GOAWAY; None where a reset of the connection overtook that.
    """
    sending = asyncio.create_task(send(peer, pieces))
    try:
        code = await peer.goaway()
        await peer.ended()
    except ConnectionError:
        code = None
    finally:
        await sending
    return code


async def send(peer: RawPeer, pieces: Iterable[bytes]) -> bool:
    """Send all pieces; False where the server hangs up before the last."""
    bite = bytearray()
    for piece in pieces:
        bite += piece
        if len(bite) >= BITE:
            if not await _push(peer, bytes(bite)):
                return False
            bite.clear()
    return await _push(peer, bytes(bite))


async def _push(peer: RawPeer, data: bytes) -> bool:
    if peer.writer.is_closing():
        return False
    peer.writer.write(data)
    try:
        await peer.writer.drain()
    except ConnectionError:
        return False
    # A transport that takes everything at once gives nobody else a turn.
    await asyncio.sleep(0)
    return not peer.writer.is_closing()


@asynccontextmanager
async def deaf(address: str, preface: bytes) -> AsyncIterator[RawPeer]:
    """A peer that reads nothing, and that in the end vanishes, whatever it had still to send."""
    peer = await RawPeer.connect(address, preface=preface)
    transport = cast("asyncio.Transport", peer.writer.transport)
    transport.pause_reading()
    try:
        yield peer
    finally:
        transport.abort()


async def trickle(peer: RawPeer, octets: Iterable[int], bystander: Bystander, over: Callable[[], bool]) -> None:
    """Send byte by byte, the next one whenever the bystander has been answered, until it is over."""
    for octet in octets:
        if over():
            return
        if not await _push(peer, bytes((octet,))):
            return
        await bystander.calls(1)
