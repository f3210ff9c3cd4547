"""Header blocks that are small on the wire and large behind it, or large on both sides."""

import random
from collections.abc import Iterator

from prism.wire.hpack.encoder import encode
from prism.wire.http2 import frames
from prism.wire.http2.frames import ErrorCode
from wire.hostile.attack import assault, cancel, full, send
from wire.hostile.conftest import Attacked
from wire.hostile.gauge import Traced
from wire.raw_peer import GRPC, RawPeer, message

MIB = 1024 * 1024
OTHERS = 10
ENTRY = b"\x40\x01x" + b"\x7f\xa1\x1e" + b"y" * 4000  # a literal of 4,000 bytes that goes into the dynamic table
REPEATED = b"\xbe"  # that entry again


async def test_hpack_bomb(attacked: Attacked) -> None:
    """Blocks of which each byte stands for four kilobytes are refused, in little memory, and then no more taken."""
    with Traced() as traced:
        async with (
            attacked(flood_allowance=20, flood_refill=0) as victim,
            await RawPeer.connect(victim.address) as peer,
        ):
            start = peer.encode(GRPC)
            bombs = (
                frames.frame(frames.HEADERS, 5, each, start + (ENTRY if each == 1 else b"") + REPEATED * 10_000)
                for each in range(1, 20_000, 2)
            )
            assert await assault(peer, bombs) in (ErrorCode.ENHANCE_YOUR_CALM, None)
            assert traced.allocated() < 4 * MIB
            await victim.alone()
            assert victim.gauge.streams <= OTHERS


async def test_hpack_bombs_cost_what_they_are(attacked: Attacked) -> None:
    """Forty megabytes out of ten kilobytes are not one frame's worth: a connection survives one, and not three."""
    async with attacked(flood_refill=0) as victim, await RawPeer.connect(victim.address) as peer:
        bomb = peer.encode(GRPC) + ENTRY + REPEATED * 10_000
        await send(peer, [frames.frame(frames.HEADERS, 5, 1, bomb)])
        assert (await peer.answer(1))[0][":status"] == "431"
        plain = encode((name.encode(), value.encode()) for name, value in GRPC)
        await send(peer, [frames.frame(frames.HEADERS, frames.END_HEADERS, 3, plain)])
        await send(peer, [frames.frame(frames.DATA, frames.END_STREAM, 3, message(b"next"))])
        assert (await peer.answer(3))[1] == message(b"next")
        bombs = (frames.frame(frames.HEADERS, 5, each, bomb) for each in (5, 7))
        assert await assault(peer, bombs) in (ErrorCode.ENHANCE_YOUR_CALM, None)
        await victim.alone()


async def test_header_list_of_many_empty_fields(attacked: Attacked) -> None:
    """A field of no bytes at all counts 32 (RFC 9113 section 6.5.2)."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        await send(peer, [frames.frame(frames.HEADERS, 5, 1, peer.encode(GRPC) + b"\x00\x01x\x00" * 1000)])
        fields, _, _ = await peer.answer(1)
        assert fields[":status"] == "431"
        assert victim.gauge.streams <= OTHERS


async def test_oversized_headers(attacked: Attacked) -> None:
    """What is over the limit is refused, what is far over it ends the connection, long before it has been taken in."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        block = peer.encode(GRPC) + b"\x00\x01x\x7f\x81\x80\x01" + b"y" * 16_512
        pieces = [frames.frame(frames.HEADERS, frames.END_STREAM, 1, block[:16_384])]
        pieces += [frames.frame(frames.CONTINUATION, frames.END_HEADERS, 1, block[16_384:])]
        pieces += [full(peer, 3, "/test.Test/Echo", message(b"next"))]
        await send(peer, pieces)
        assert (await peer.answer(1))[0][":status"] == "431"
        assert (await peer.answer(3))[1] == message(b"next")
        endless = [frames.frame(frames.HEADERS, 0, 5, block[:16_384])]
        endless += [frames.frame(frames.CONTINUATION, 0, 5, b"y" * 16_384)] * 1000
        assert await assault(peer, endless) in (ErrorCode.ENHANCE_YOUR_CALM, None)
        await victim.alone()
        assert victim.gauge.buffered < 400_000


async def test_replies_are_not_much_larger_than_what_asks_for_them(attacked: Attacked) -> None:
    """A path that the peer's table remembers is asked for in some bytes: its refusal must not repeat all of it."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        path = "/" + "%" * 3900
        fields = [(name, path if name == ":path" else value) for name, value in GRPC]
        asked = b"".join(frames.frame(frames.HEADERS, 5, each, peer.encode(fields)) for each in range(1, 2001, 2))
        await send(peer, [asked])
        received = 0
        while (frame := await peer.frame()) is not None and frame.stream_id < 1999:
            received += 9 + len(frame.payload)
        assert received < 30 * len(asked)
        assert victim.gauge.buffered < 2 * MIB


async def test_headers_that_never_come_twice(attacked: Attacked) -> None:
    """What the server remembers of fields is bounded, whatever they are."""
    noise = random.Random(3)

    def calls(peer: RawPeer) -> Iterator[bytes]:
        for stream_id in range(1, 2_001, 2):
            fields = [*GRPC, *((f"x-{noise.randbytes(8).hex()}", noise.randbytes(200).hex()) for _ in range(5))]
            yield frames.frame(frames.HEADERS, frames.END_HEADERS, stream_id, peer.encode(fields))
            yield frames.frame(frames.DATA, frames.END_STREAM, stream_id, message(b"x"))

    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        assert await send(peer, calls(peer))
        await peer.answer(1_999)
        assert len(victim.server._shared.known_fields) <= 4096
        assert sum(len(name) + len(value) for name, value in victim.server._shared.known_fields) < 3 * MIB
        assert len(victim.server._shared.known_fields._names) <= 512


async def test_deadlines_that_never_come_twice(attacked: Attacked) -> None:
    """Calls that are gone leave no trace of the far instants that they named."""
    async with attacked(flood_refill=1e6) as victim, await RawPeer.connect(victim.address) as peer:
        wheel = victim.server._shared.wheel
        for batch in range(20):
            numbers = range(1 + 400 * batch, 1 + 400 * (batch + 1), 2)
            await send(
                peer,
                [
                    frames.frame(
                        frames.HEADERS,
                        frames.END_HEADERS,
                        each,
                        peer.encode(
                            [*GRPC[:2], (":path", "/test.Test/Ignore"), *GRPC[3:], ("grpc-timeout", f"{each}H")]
                        ),
                    )
                    for each in numbers
                ],
            )
            await victim.bystander.until(lambda: victim.server.calls >= 200 and not wheel._arrivals)
            await send(peer, map(cancel, numbers))
            await victim.bystander.until(lambda: victim.server.calls <= 1)
        assert len(wheel._buckets) < 200
        assert len(wheel._order) < 200
