"""Peers that ask for much and take nothing of it: their windows stay closed, or they do not read."""

import asyncio
from collections.abc import Iterator

import pytest

from prism.wire import Code, Method, ServerCall
from prism.wire.http2 import frames
from prism.wire.http2.frames import ErrorCode
from prism.wire.http2.output import Output
from prism.wire.http2.settings import INITIAL_WINDOW_SIZE, encode_settings
from prism.wire.server.connection import ServerConnection
from wire.hostile.attack import ask, assault, cancel, deaf, full, send
from wire.hostile.conftest import Attacked, Victim
from wire.raw_peer import RawPeer, message
from wire.service import Service

KIB = 1024
MIB = 1024 * KIB
OTHERS = 10
OTHERS_BYTES = 400_000
CLOSED = encode_settings({INITIAL_WINDOW_SIZE: 0})
OPEN = encode_settings({INITIAL_WINDOW_SIZE: 1 << 30}) + frames.window_update(0, 1 << 30)


@pytest.fixture
async def pouring(service: Service) -> list[ServerCall]:
    """Makes the service's methods pour: `Pour` sends messages of 16 KiB without end, `Large` returns one of 1 MiB."""
    poured: list[ServerCall] = []

    async def pour(call: ServerCall) -> None:
        poured.append(call)
        while True:
            await call.send(b"x" * 16 * KIB)

    async def large(call: ServerCall) -> bytes:
        poured.append(call)
        return bytes(1 * MIB)

    known = service.lookup
    methods = {
        "/test.Test/Pour": Method("/test.Test/Pour", pour, server_streaming=True),
        "/test.Test/Large": Method("/test.Test/Large", large),
    }
    service.lookup = lambda path: methods.get(path) or known(path)
    return poured


def calls(peer: RawPeer, path: str, number: int, size: int = 1) -> Iterator[bytes]:
    """Requests on as many streams."""
    return (full(peer, each, path, message(b"x" * size)) for each in range(1, 2 * number, 2))


async def settle(victim: Victim) -> None:
    """Wait until nothing has changed over some turns of everyone."""
    seen = -1
    while seen != victim.gauge.buffered:
        seen = victim.gauge.buffered
        await victim.bystander.calls(20)


async def test_replies_that_are_not_taken(attacked: Attacked) -> None:
    """Each holds a place, and when all are taken the server does no more; open windows set all free."""
    async with attacked() as victim, await RawPeer.connect(victim.address, preface=frames.PREFACE + CLOSED) as peer:
        await send(peer, calls(peer, "/test.Test/Echo", 1500, size=1000))
        await settle(victim)
        assert 1000 <= victim.gauge.streams <= 1000 + OTHERS
        assert victim.gauge.tasks <= 1000 + OTHERS
        # The request and its echo.
        assert victim.gauge.buffered <= 2 * 1000 * 1010 + OTHERS_BYTES
        await send(peer, [OPEN])
        await victim.bystander.until(lambda: victim.server.calls <= 1)


async def test_calls_beyond_replies_that_are_not_taken(attacked: Attacked) -> None:
    """Going on calling ends the connection, and sets free what waited."""
    async with attacked() as victim, await RawPeer.connect(victim.address, preface=frames.PREFACE + CLOSED) as peer:
        code = await assault(peer, calls(peer, "/test.Test/Echo", 50_000, size=100))
        assert code in (ErrorCode.ENHANCE_YOUR_CALM, None)
        await victim.alone()
        assert victim.gauge.streams <= 1000 + OTHERS
        assert victim.gauge.buffered <= 2 * 1000 * 110 + OTHERS_BYTES


async def test_windows_of_a_byte(attacked: Attacked, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many streams they open at once, a turn sends so many frames and the next ones the rest."""
    flush = Output.flush
    gathered: list[int] = []

    def watched(output: Output) -> None:
        gathered.append(len(output.gathered))
        flush(output)

    async with attacked() as victim, await RawPeer.connect(victim.address, preface=frames.PREFACE + CLOSED) as peer:
        await send(peer, calls(peer, "/test.Test/Echo", 900))
        await settle(victim)
        monkeypatch.setattr(Output, "flush", watched)
        await send(peer, [encode_settings({INITIAL_WINDOW_SIZE: 1})])
        for each in range(1, 1801, 2):
            await peer.until(frames.DATA, each)
        # A head and a byte each, of 256 frames.
        assert 400 <= max(gathered) <= 2 * 257 + OTHERS


async def test_large_replies_that_are_not_taken(attacked: Attacked, pouring: list[ServerCall]) -> None:
    """No more than one for each stream that a connection may have; open windows set all free."""
    async with attacked(max_concurrent_streams=20, write_timeout=5.0) as victim:
        async with await RawPeer.connect(victim.address, preface=frames.PREFACE + CLOSED) as peer:
            await send(peer, calls(peer, "/test.Test/Large", 200))
            await settle(victim)
            assert len(pouring) == 20
            assert 20 * MIB <= victim.gauge.buffered <= 20 * MIB + OTHERS_BYTES
            reading = asyncio.create_task(peer.ended())
            await send(peer, [OPEN])
            await victim.bystander.until(lambda: victim.server.calls <= 1)
            peer.writer.transport.abort()
            await reading
        await victim.alone()


async def test_large_replies_beyond_the_budget(attacked: Attacked, pouring: list[ServerCall]) -> None:
    """Calls wait until answers have been taken, and all of them are served when the windows open."""
    async with attacked(reply_budget=16 * MIB, write_timeout=5.0) as victim:
        async with await RawPeer.connect(victim.address, preface=frames.PREFACE + CLOSED) as peer:
            await send(peer, calls(peer, "/test.Test/Large", 300))
            await settle(victim)
            # What one turn takes has begun before the first answers count.
            assert 4 <= len(pouring) <= 30
            assert 8 * MIB <= victim.gauge.buffered <= 16 * MIB + OTHERS_BYTES
            reading = asyncio.create_task(peer.ended())
            await send(peer, [OPEN])
            await victim.bystander.until(lambda: victim.server.calls <= 1)
            assert [call.code for call in pouring] == [Code.OK] * 300
            peer.writer.transport.abort()
            await reading
        await victim.alone()


async def test_large_replies_of_one_turn_beyond_the_budget(attacked: Attacked, pouring: list[ServerCall]) -> None:
    """The one that finds nothing waiting may be larger; those that began beside it end without their answers."""
    async with attacked(reply_budget=1 * MIB, write_timeout=5.0) as victim:
        async with await RawPeer.connect(victim.address, preface=frames.PREFACE + CLOSED) as peer:
            await send(peer, [b"".join(calls(peer, "/test.Test/Large", 5))])
            await settle(victim)
            assert [call.code for call in pouring] == [Code.OK] + [Code.RESOURCE_EXHAUSTED] * 4
            assert 1 * MIB <= victim.gauge.buffered <= 1 * MIB + OTHERS_BYTES
            peer.writer.transport.abort()
        await victim.alone()


async def test_calls_that_are_taken_back_while_they_wait(attacked: Attacked, pouring: list[ServerCall]) -> None:
    """They are not begun, and nothing is kept of them."""
    async with attacked(reply_budget=1 * MIB, flood_refill=1e6) as victim:
        async with await RawPeer.connect(victim.address, preface=frames.PREFACE + CLOSED) as peer:
            await send(peer, [full(peer, 1, "/test.Test/Large", message(b"x"))])
            await settle(victim)
            for batch in range(5):
                numbers = range(3 + 2000 * batch, 3 + 2000 * (batch + 1), 2)
                await send(peer, (full(peer, each, "/test.Test/Large", message(bytes(1000))) for each in numbers))
                await send(peer, map(cancel, numbers))
            await settle(victim)
            connections = [each for each in victim.server._open if isinstance(each, ServerConnection)]
            (attacker,) = (each for each in connections if each.admission.waiting)
            assert len(attacker.admission.waiting) <= 2000
            assert len(pouring) == 1
            peer.writer.transport.abort()
        await victim.alone()


@pytest.mark.parametrize("opening", [CLOSED, encode_settings({}), OPEN], ids=["closed", "one window", "not read"])
async def test_streams_that_are_not_taken(attacked: Attacked, pouring: list[ServerCall], opening: bytes) -> None:
    """A producer stops at its stream's bound, whether windows or the network hold it back."""
    async with attacked() as victim, deaf(victim.address, frames.PREFACE + opening) as peer:
        await send(peer, calls(peer, "/test.Test/Pour", 100))
        await settle(victim)
        assert len(pouring) == 100
        assert victim.gauge.tasks <= 100 + OTHERS
        assert victim.gauge.buffered <= 100 * (64 + 17) * KIB + 2 * MIB + OTHERS_BYTES
        peer.writer.transport.abort()
        await victim.alone()


async def test_replies_that_are_not_read(attacked: Attacked) -> None:
    """The server stops reading from a peer that does not read, and lets it go after a while."""
    async with (
        attacked(write_timeout=0.3) as victim,
        deaf(victim.address, frames.PREFACE + OPEN) as peer,
    ):
        assert not await send(peer, calls(peer, "/test.Test/Echo", 50_000, size=10_000))
        await victim.alone()
        assert victim.gauge.streams <= 1000 + OTHERS
        # Behind the bound comes what was asked for in one read, or is under way.
        assert victim.gauge.buffered <= 4 * MIB + OTHERS_BYTES


@pytest.mark.parametrize("shared", [False, True])
async def test_uploads_that_nobody_reads(attacked: Attacked, shared: bool) -> None:
    """A stream takes a window of what its handler does not read; what is sent on ends it."""
    async with attacked() as victim, await RawPeer.connect(victim.address) as peer:
        numbers = range(1, 41, 2)
        opening = [ask(peer, each, "/test.Test/Ignore") for each in numbers]
        data = [frames.frame(frames.DATA, 0, each, message(b"x" * 16_000)) for each in numbers]
        rounds = data * 4 if not shared else [piece for piece in data for _ in range(4)]
        await send(peer, opening + rounds)
        await settle(victim)
        assert victim.gauge.buffered <= 20 * 65_535 + OTHERS_BYTES
        await send(peer, data * 2)
        await victim.bystander.until(lambda: victim.server.calls <= 1)
        assert victim.gauge.buffered <= 20 * 65_535 + OTHERS_BYTES
