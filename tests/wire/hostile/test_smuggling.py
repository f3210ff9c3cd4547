"""HTTP/1.1 that two readers could understand differently, or that never ends; each request is one, or none."""

import asyncio
from itertools import repeat

import pytest

from prism.wire import HttpRequest
from wire.hostile.attack import deaf, send
from wire.hostile.conftest import Attacked
from wire.raw_peer import RawPeer

OTHERS = 10
ROOM = 600_000  # bytes: two reads of the attacker's and the bystander's own
POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
INNER = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"

REFUSED = {
    "two lengths": POST + b"content-length: 4\r\ncontent-length: 40\r\n\r\nabcd" + INNER,
    "two lengths in one": POST + b"content-length: 4, 40\r\n\r\nabcd" + INNER,
    "a negative length": POST + b"content-length: -1\r\n\r\n" + INNER,
    "a signed length": POST + b"content-length: +4\r\n\r\nabcd" + INNER,
    "a length in hex": POST + b"content-length: 0x4\r\n\r\nabcd" + INNER,
    "a length of many digits": POST + b"content-length: " + b"9" * 40 + b"\r\n\r\n" + INNER,
    "an unknown coding": POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + INNER,
    "two codings": POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n" + INNER,
    "chunked twice": POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "white space before the colon": POST + b"content-length : 4\r\n\r\nabcd" + INNER,
    "a name with a null": POST + b"content\0-length: 4\r\n\r\nabcd" + INNER,
    "a value with a null": POST + b"x: a\0b\r\n\r\n" + INNER,
    "a chunk size that is none": POST + b"transfer-encoding: chunked\r\n\r\nxyz\r\n" + INNER,
    "a negative chunk": POST + b"transfer-encoding: chunked\r\n\r\n-4\r\nabcd" + INNER,
    "a chunk longer than it says": POST + b"transfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n" + INNER,
    "no host": b"GET / HTTP/1.1\r\n\r\n" + INNER,
    "two hosts": b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n" + INNER,
    "many headers": POST + b"a: b\r\n" * 10_000 + b"\r\n" + INNER,
    "a long header": POST + b"a: " + b"b" * 60_000 + b"\r\n\r\n" + INNER,
    "a long target": b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n" + INNER,
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_can_be_read_in_two_ways(attacked: Attacked, seen: list[HttpRequest], name: str) -> None:
    """It reaches no handler, nor does what it hides; it is answered with an error and the connection ends."""
    async with attacked() as victim, await RawPeer.connect(victim.address, preface=REFUSED[name]) as peer:
        answer = await everything(peer)
        # Nothing at all: the end overtook the answer, for there was more to read.
        assert answer == b"" or int(answer.split(b" ", 2)[1]) in (400, 413, 414, 431, 501)
        assert answer.count(b"HTTP/1.1 ") <= 1
        assert not any(request.path == "/smuggled" for request in seen)
        await peer.close()
        await victim.alone()
        assert victim.gauge.buffered < ROOM


async def everything(peer: RawPeer) -> bytes:
    """What the server says until it closes the connection."""
    try:
        return await peer.reader.read()
    except ConnectionError:
        return b""


async def test_a_length_beside_chunks(attacked: Attacked, seen: list[HttpRequest]) -> None:
    """Chunks win (RFC 9112 section 6.3): what follows them is the next request, and never part of a body."""
    text = POST + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    async with attacked() as victim, await RawPeer.connect(victim.address, preface=text) as peer:
        peer.writer.write_eof()
        answer = await everything(peer)
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 200"))
        assert [request.body for request in seen] in ([], [b"ab"])


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n", b"x"),
        (b"transfer-encoding: chunked\r\n\r\n", b"f"),
        (b"transfer-encoding: chunked\r\n\r\n4;", b"x"),
        (b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n"),
        (b"transfer-encoding: chunked\r\n\r\n", b"8\r\ntinytiny\r\n"),
        (b"content-length: 5000000\r\n\r\n", b"x"),
    ],
    ids=["huge chunk", "long chunk size", "long extension", "trailers", "tiny chunks", "large body"],
)
async def test_bodies_without_end(attacked: Attacked, seen: list[HttpRequest], start: bytes, piece: bytes) -> None:
    """They are refused at the limit on bodies or heads, whatever they consist of."""
    async with (
        attacked(max_message_size=100_000) as victim,
        await RawPeer.connect(victim.address, preface=POST) as peer,
    ):
        reading = asyncio.create_task(everything(peer))
        await send(peer, [start, *repeat(piece * (60_000 // len(piece)), 20)])
        await reading
        await peer.close()
        await victim.alone()
        assert victim.gauge.buffered < ROOM
        assert seen == []


async def test_a_length_over_the_limit(attacked: Attacked, seen: list[HttpRequest]) -> None:
    """It is refused before any of the body has come."""
    text = POST + b"content-length: 9000000000\r\n\r\n"
    async with attacked() as victim, await RawPeer.connect(victim.address, preface=text) as peer:
        assert (await everything(peer)).startswith(b"HTTP/1.1 413 ")
        assert seen == []


async def test_a_flood_of_pipelined_requests(attacked: Attacked, seen: list[HttpRequest]) -> None:
    """Requests behind one that is being answered are not read on for ever, and all are answered to who reads."""
    count = 5000
    async with attacked() as victim, await RawPeer.connect(victim.address, preface=b"") as peer:
        sending = asyncio.create_task(send(peer, repeat(INNER, count)))
        answers = 0
        while answers < count:
            await peer.reader.readuntil(b"\r\n\r\n")
            answers += 1
        assert await sending
        assert len(seen) == count
        assert victim.gauge.buffered < ROOM
        assert victim.gauge.tasks < OTHERS


async def test_pipelined_requests_whose_answers_are_not_read(attacked: Attacked) -> None:
    """The server stops, and lets go of the connection."""
    body = POST + b"content-length: 10000\r\n\r\n" + b"x" * 10_000
    async with attacked(write_timeout=0.3) as victim, deaf(victim.address, b"") as peer:
        assert not await send(peer, repeat(body, 10_000))
        await victim.alone()
        assert victim.gauge.buffered < 2 * ROOM
