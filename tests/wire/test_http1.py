"""HTTP/1.1: how much is taken of what a client sends at once, and when the next request's turn comes."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from prism.wire import HttpRequest, HttpResponse, Server
from prism.wire.http.http1 import Http1Connection
from prism.wire.http.http1_request import Http1Request
from wire.raw_peer import RawPeer
from wire.service import Service

BITE = 32  # events
CHUNKS = 1000
PIPELINED = 64 * 1024
READ = 256 * 1024  # the most that a loop reads at once
BODY = 10_000
REQUESTS = 100
MANY_TURNS = 50
LARGE = 16_000_000  # more than the kernel holds for a client that does not read


class Site:
    """Answers when it is told to; `/large` with more than fits anywhere, else with the request's body."""

    def __init__(self) -> None:
        self.seen: list[HttpRequest] = []
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        self.seen.append(request)
        self.started.set()
        await self.go_on.wait()
        return HttpResponse(200, [], bytes(LARGE) if request.path == "/large" else request.body)


@pytest.fixture
async def site() -> Site:
    """The handler."""
    return Site()


@pytest.fixture
async def web(service: Service, site: Site) -> AsyncIterator[Server]:
    """A server with the handler."""
    async with Server(service.lookup, http=site) as server:
        yield server


@pytest.fixture
async def url(web: Server) -> str:
    """Where it listens."""
    return await web.listen("127.0.0.1:0")


def post(path: str, body: bytes) -> bytes:
    """A request."""
    return b"POST %s HTTP/1.1\r\nhost: test\r\ncontent-length: %d\r\n\r\n%s" % (path.encode(), len(body), body)


def only(web: Server) -> Http1Connection:
    """The one connection that the server has."""
    (connection,) = web._open
    assert isinstance(connection, Http1Connection)
    return connection


async def until(held: Callable[[], bool]) -> None:
    """Wait until the client is held back, and for many turns more, in which nothing should happen."""
    while not held():  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0)
    for _ in range(MANY_TURNS):
        await asyncio.sleep(0)


async def answer(peer: RawPeer) -> bytes:
    """The body of the next response."""
    head = (await peer.reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200 ")
    return await peer.reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))


async def test_a_read_of_many_chunks_is_taken_in_bites(url: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have their turn after 32 events, and the body arrives whole."""
    loop, take = asyncio.get_running_loop(), Http1Request.take
    turns = [0]

    def counted(request: Http1Request, data: bytes) -> None:
        turns[-1] += 1
        take(request, data)

    def turn() -> None:
        turns.append(0)
        if not site.seen:
            loop.call_soon(turn)

    monkeypatch.setattr(Http1Request, "take", counted)
    loop.call_soon(turn)
    site.go_on.set()
    text = (
        b"POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * CHUNKS + b"0\r\n\r\n"
    )
    async with asyncio.timeout(30), await RawPeer.connect(url, preface=text) as peer:
        assert await answer(peer) == b"x" * CHUNKS
    assert sum(turns) == CHUNKS
    assert max(turns) == BITE


async def test_no_more_is_read_while_an_answer_is_made(web: Server, url: str, site: Site) -> None:
    """What comes behind the request waits at the client once it is enough, and is answered in its order."""
    bodies = [b"%5d" % number * (BODY // 5) for number in range(REQUESTS)]
    async with asyncio.timeout(30), await RawPeer.connect(url, preface=post("/", bodies[0])) as peer:
        await site.started.wait()
        peer.writer.write(b"".join(post("/", body) for body in bodies[1:]))
        connection = only(web)
        await until(lambda: not connection._transport.is_reading())
        assert PIPELINED < len(connection._h11.trailing_data[0]) <= PIPELINED + READ
        assert len(site.seen) == 1
        site.go_on.set()
        assert [await answer(peer) for _ in bodies] == bodies
    assert [request.body for request in site.seen] == bodies


async def test_a_request_waits_until_the_answer_before_it_is_taken(web: Server, url: str, site: Site) -> None:
    """Else a client that reads nothing could have any number of answers made."""
    site.go_on.set()
    text = post("/large", b"") + post("/", b"next")
    async with asyncio.timeout(30), await RawPeer.connect(url, preface=text) as peer:
        await site.started.wait()
        connection = only(web)
        await until(lambda: not connection._writable.is_set())
        assert len(site.seen) == 1
        assert len(await answer(peer)) == LARGE
        assert await answer(peer) == b"next"
    assert len(site.seen) == 2
