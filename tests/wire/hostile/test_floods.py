"""Floods of frames that cost the server work and carry no call."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress

import pytest

from prism.wire.http2 import frames
from prism.wire.http2.frames import ErrorCode
from prism.wire.http2.settings import SETTING, encode_settings
from wire.hostile.attack import ask, assault, cancel, full, send
from wire.hostile.conftest import Attacked, Victim
from wire.raw_peer import RawPeer, message, request

MANY = 100_000
ROOM = 400_000  # bytes that the server may hold: the bystander's own and a read of the attacker's
OTHERS = 10

CHARGED = {
    "SETTINGS": encode_settings({}),
    "SETTINGS that change every window": encode_settings({4: 1}) + encode_settings({4: 65_535}),
    "SETTINGS of many values": frames.frame(frames.SETTINGS, 0, 0, SETTING.pack(4, 65_535) * 32),
    "SETTINGS acknowledged": frames.frame(frames.SETTINGS, frames.ACK, 0),
    "PING": frames.frame(frames.PING, 0, 0, b"12345678"),
    "PING answered unasked": frames.frame(frames.PING, frames.ACK, 0, b"12345678"),
    "PRIORITY of an open stream": frames.frame(frames.PRIORITY, 0, 1, b"\0\0\0\0\0"),
    "PRIORITY of an idle stream": frames.frame(frames.PRIORITY, 0, 99, b"\0\0\0\0\0"),
    "an unknown type": frames.frame(77, 0xFF, 1, b"x"),
    "an unknown type, as large as may be": frames.frame(77, 0, 0, b"x" * frames.DEFAULT_FRAME_SIZE),
    "GOAWAY": frames.goaway(0, ErrorCode.NO_ERROR),
    "RST_STREAM of a closed stream": cancel(5),
    "empty DATA": frames.frame(frames.DATA, 0, 3),
    "DATA that is all padding": frames.frame(frames.DATA, frames.PADDED, 3, b"\x08" + bytes(8)),
    "empty DATA for a stream that we ended": frames.frame(frames.DATA, 0, 7),
}


@pytest.mark.parametrize("name", CHARGED)
async def test_frames_that_carry_nothing(attacked: Attacked, name: str) -> None:
    """They end the connection, and until then little is held for them and nothing started."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        # An open call and an open request, a call that the client ended and one that we did.
        opening = [full(peer, 1, "/test.Test/Hang", message(b"x")), ask(peer, 3, "/test.Test/Ignore")]
        opening += [ask(peer, 5, "/test.Test/Ignore"), cancel(5), ask(peer, 7, "/test.Test/Nothing")]
        pieces = itertools.chain(opening, itertools.repeat(CHARGED[name], MANY))
        assert await assault(peer, pieces) in (ErrorCode.ENHANCE_YOUR_CALM, None)
        await victim.alone()
        assert victim.gauge.buffered < ROOM
        assert victim.gauge.streams <= OTHERS
        assert victim.gauge.tasks <= OTHERS


async def test_settings_of_too_many_values(attacked: Attacked) -> None:
    """One frame of them is enough: each may be work for every stream (CVE-2020-11080)."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        many = frames.frame(frames.SETTINGS, 0, 0, SETTING.pack(4, 65_535) * 33)
        assert await assault(peer, [many]) is ErrorCode.ENHANCE_YOUR_CALM


async def test_settings_that_change_many_windows(attacked: Attacked) -> None:
    """Each costs as much as there are streams whose windows it changes: few are taken."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        await send(peer, (full(peer, each, "/test.Test/Hang", message(b"x")) for each in range(1, 1601, 2)))
        sending = asyncio.create_task(send(peer, [encode_settings({4: 1}), encode_settings({4: 65_535})] * 500))
        acknowledged = 0
        with suppress(ConnectionError):
            while frame := await peer.frame():
                acknowledged += frame.kind == frames.SETTINGS and frame.flags & frames.ACK
        await sending
        assert 0 < acknowledged < 100
        await victim.alone()


def endless(peer: RawPeer, size: int) -> list[bytes]:
    """A header block that goes on and on."""
    begin = frames.frame(frames.HEADERS, 0, 1, peer.encode(request("/test.Test/Echo")))
    return [
        begin,
        *itertools.repeat(frames.frame(frames.CONTINUATION, 0, 1, b"\0\1x\1y"[:size] * (size // 5 or 1)), MANY),
    ]


@pytest.mark.parametrize("size", [0, 1, 5, 1000, 16_380])
async def test_continuation(attacked: Attacked, size: int) -> None:
    """A header block that never ends is bounded in bytes, and in frames where they hold none (CVE-2024-27316)."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        assert await assault(peer, endless(peer, size)) in (ErrorCode.ENHANCE_YOUR_CALM, None)
        await victim.alone()
        assert victim.gauge.buffered < ROOM
        assert victim.gauge.streams <= OTHERS


async def test_continuation_in_many_small_blocks(attacked: Attacked) -> None:
    """Blocks that do end, cut into their single bytes, are no way round it."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:

        def sliced(stream_id: int) -> bytes:
            block = peer.encode(request("/test.Test/Nothing"))
            pieces = [frames.frame(frames.HEADERS, 0, stream_id)]
            pieces += [frames.frame(frames.CONTINUATION, 0, stream_id, bytes((octet,))) for octet in block]
            return b"".join((*pieces, frames.frame(frames.CONTINUATION, frames.END_HEADERS, stream_id)))

        assert await assault(peer, map(sliced, range(1, MANY, 2))) in (ErrorCode.ENHANCE_YOUR_CALM, None)
        await victim.alone()
        assert victim.gauge.buffered < ROOM


UPDATES: dict[str, Callable[[int], bytes]] = {
    "of the connection": lambda _: frames.window_update(0, 1),
    "of a stream": lambda _: frames.window_update(1, 1),
    "of a closed stream": lambda _: frames.window_update(5, 1),
}


@pytest.mark.parametrize("name", UPDATES)
async def test_window_updates(attacked: Attacked, name: str) -> None:
    """Nothing tells one too many from those that good clients send; they are cheap, and hold nothing."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        opening = [full(peer, 1, "/test.Test/Hang", message(b"x")), ask(peer, 5, "/test.Test/Ignore"), cancel(5)]
        assert await send(peer, itertools.chain(opening, map(UPDATES[name], range(MANY))))
        await send(peer, [full(peer, 7, "/test.Test/Echo", message(b"still here"))])
        assert (await peer.answer(7))[1] == message(b"still here")
        assert victim.gauge.buffered < ROOM
        assert victim.gauge.streams <= OTHERS
        assert victim.gauge.tasks <= OTHERS


async def fault(peer: RawPeer) -> ErrorCode:
    """The code of the first RST_STREAM or GOAWAY."""
    while frame := await peer.frame():
        if frame.kind in (frames.RST_STREAM, frames.GOAWAY):
            return ErrorCode(
                int.from_bytes(frame.payload[-4:] if frame.kind == frames.RST_STREAM else frame.payload[4:8])
            )
    raise ConnectionError("the connection ended without a fault")


@pytest.mark.parametrize(
    ("updates", "code"),
    [
        (frames.window_update(0, frames.LARGEST_WINDOW), ErrorCode.FLOW_CONTROL_ERROR),
        (frames.window_update(0, 1 << 30) * 2, ErrorCode.FLOW_CONTROL_ERROR),
        (frames.window_update(0, 0), ErrorCode.PROTOCOL_ERROR),
        (encode_settings({4: frames.LARGEST_WINDOW}) + frames.window_update(1, 1) * MANY, ErrorCode.FLOW_CONTROL_ERROR),
        (frames.window_update(1, 1) + encode_settings({4: frames.LARGEST_WINDOW}), ErrorCode.FLOW_CONTROL_ERROR),
    ],
)
async def test_windows_that_overflow(attacked: Attacked, updates: bytes, code: ErrorCode) -> None:
    """The connection ends where it is the connection's window or all of them, the stream where it is its own."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        await send(peer, [full(peer, 1, "/test.Test/Hang", message(b"x")), updates])
        assert await fault(peer) is code
        await peer.close()
        await victim.alone()
        assert victim.gauge.buffered < 2 * len(updates) + ROOM


@contextmanager
def turns_of(victim: Victim) -> Iterator[list[int]]:
    """How many calls began in each turn of the loop."""
    loop = asyncio.get_running_loop()
    seen: list[int] = []
    began = 0
    watching = True

    def begin() -> None:
        nonlocal began
        began += 1

    def turn() -> None:
        nonlocal began
        if began:
            seen.append(began)
            began = 0
        if watching:
            loop.call_soon(turn)

    victim.gauge.on_call = begin
    loop.call_soon(turn)
    try:
        yield seen
    finally:
        watching = False


async def test_a_read_of_thousands_of_frames_is_taken_in_bites(attacked: Attacked) -> None:
    """Whatever one connection sends at once, the others have their turn after 128 frames; of a new one, after 16."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        with turns_of(victim) as seen:
            numbers = range(1, 1801, 2)
            sending = asyncio.create_task(
                send(peer, [b"".join(full(peer, each, "/test.Test/Echo", message(b"x")) for each in numbers)])
            )
            ended = 0
            while ended < len(numbers):
                frame = await peer.until(frames.HEADERS)
                peer.fields(frame)
                ended += frame.flags & frames.END_STREAM
            assert await sending
        # Two frames are a call; the bystander's may fall into the same turn.
        assert max(seen[:10]) <= 8 + OTHERS
        assert 32 <= max(seen) <= 64 + OTHERS


async def test_resets_cost_what_calls_have_earned(attacked: Attacked) -> None:
    """A connection that takes its calls back is as good as new after some of them, whatever it has completed."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        done = range(1, 401, 2)
        assert await send(peer, (full(peer, each, "/test.Test/Echo", message(b"x")) for each in done))
        ended = 0
        while ended < len(done):
            frame = await peer.until(frames.HEADERS)
            peer.fields(frame)
            ended += frame.flags & frames.END_STREAM
        pieces = [ask(peer, each, "/test.Test/Echo") + cancel(each) for each in range(401, 1801, 2)]
        assert await send(peer, [b"".join(pieces[:150])])
        await send(peer, [full(peer, 1801, "/test.Test/Echo", message(b"last"))])
        await peer.answer(1801)
        with turns_of(victim) as seen:
            pieces = [ask(peer, each, "/test.Test/Echo") + cancel(each) for each in range(1803, 3001, 2)]
            assert await send(peer, [b"".join(pieces)])
            await send(peer, [full(peer, 3001, "/test.Test/Echo", message(b"last"))])
            assert (await peer.answer(3001))[1] == message(b"last")
        assert max(seen) <= 8 + OTHERS


async def test_new_connections_share_a_turn(attacked: Attacked) -> None:
    """Whoever makes many connections gets no more of a turn than with one."""
    async with attacked(flood_allowance=10_000) as victim, AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(await RawPeer.connect(victim.address)) for _ in range(20)]
        with turns_of(victim) as seen:
            async with asyncio.TaskGroup() as group:
                for peer in peers:
                    pieces = [ask(peer, each, "/test.Test/Echo") + cancel(each) for each in range(1, 401, 2)]
                    pieces.append(full(peer, 401, "/test.Test/Echo", message(b"last")))
                    group.create_task(send(peer, [b"".join(pieces)]))
                for peer in peers:
                    group.create_task(peer.answer(401))
        # A share may be used by what is read in a turn, and another by what waits in line.
        assert max(seen) <= 2 * 8 + OTHERS
