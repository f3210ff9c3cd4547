"""Plain HTTP beside gRPC: the same handler over HTTP/1.1 and over HTTP/2."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from prism.wire import HttpRequest, HttpResponse, Server, ServerConfig
from prism.wire.http2 import frames
from prism.wire.http2.settings import INITIAL_WINDOW_SIZE, SETTING
from wire.raw_peer import RawPeer
from wire.service import Service


class Site:
    """A handler, and what it has seen."""

    def __init__(self) -> None:
        self.request: HttpRequest | None = None
        self.started = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer by path."""
        self.request = request
        if request.path == "/echo":
            kind = str(request.headers.get("content-type", "text/plain"))
            return HttpResponse(200, [("Content-Type", kind)], request.body)
        if request.path == "/stream":
            return HttpResponse(200, [], self.pieces())
        if request.path == "/crash":
            raise ZeroDivisionError
        if request.path == "/hang":
            return HttpResponse(200, [], self.hang())
        return HttpResponse(204)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Ten megabytes."""
        for number in range(100):
            yield bytes([number]) * 100_000

    async def hang(self) -> AsyncIterator[bytes]:
        """One piece, and never an end."""
        try:
            yield b"first"
            self.started.set()
            await asyncio.Event().wait()
        finally:
            self.ended.set()


class Http1Peer:
    """A client of HTTP/1.1 by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, address: str) -> "Http1Peer":
        """Connect."""
        host, _, port = address.rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def ask(
        self, method: str, target: str, body: bytes = b"", headers: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request and read its response."""
        head = f"{method} {target} HTTP/1.1\r\nhost: test\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
        self.writer.write(head.encode() + body)
        return await self.answer(method)

    async def answer(self, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Read a response."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {line[: line.index(":")].lower(): line[line.index(" ") + 1 :] for line in lines[1:] if line}
        if method == "HEAD" or status in (100, 204):
            return status, headers, b""
        if "content-length" in headers:
            return status, headers, await self.reader.readexactly(int(headers["content-length"]))
        body = bytearray()
        while size := int((await self.reader.readuntil(b"\r\n"))[:-2], 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return status, headers, bytes(body)

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        await self.writer.wait_closed()


@pytest.fixture
async def site() -> Site:
    """The handler."""
    return Site()


@pytest.fixture
async def web(service: Service, site: Site) -> AsyncIterator[Server]:
    """A server with a handler for plain HTTP, and a small limit on bodies."""
    async with Server(service.lookup, http=site, config=ServerConfig(max_message_size=50_000)) as server:
        yield server


@pytest.fixture
async def url(web: Server) -> str:
    """Where it listens."""
    return await web.listen("127.0.0.1:0")


@pytest.fixture
async def http1(url: str) -> AsyncIterator[Http1Peer]:
    """An HTTP/1.1 client."""
    peer = await Http1Peer.connect(url)
    yield peer
    await peer.close()


@pytest.fixture
async def http2(url: str) -> AsyncIterator[RawPeer]:
    """An HTTP/2 client with room for every response."""
    async with await RawPeer.connect(url) as peer:
        peer.send(frames.WINDOW_UPDATE, 0, 0, frames.UINT32.pack(1 << 30))
        peer.send(frames.SETTINGS, 0, 0, SETTING.pack(INITIAL_WINDOW_SIZE, 1 << 30))
        yield peer


def head(method: str, path: str) -> list[tuple[str, str]]:
    """The head of a plain request over HTTP/2."""
    return [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test")]


async def test_requests_follow_each_other_on_one_http1_connection(http1: Http1Peer, site: Site) -> None:
    """Method, path, query, headers and body arrive, and the answer's body and type come back."""
    for number in range(3):
        body = b"%d" % number
        status, headers, answer = await http1.ask("POST", "/echo?a=%20b", body, "content-type: application/json\r\n")
        assert (status, answer, headers["content-type"]) == (200, body, "application/json")
    request = site.request
    assert request is not None
    assert (request.method, request.path, request.query, request.scheme) == ("POST", "/echo", "a=%20b", "http")
    assert request.headers.get("host") == "test"
    assert request.peer.address.startswith("127.0.0.1:")


async def test_a_request_over_http2(http2: RawPeer, site: Site) -> None:
    """The same over HTTP/2, with :authority as host."""
    http2.headers(1, [*head("POST", "/echo?a=%20b"), ("content-type", "application/json")])
    http2.send(frames.DATA, 0, 1, b"12")
    http2.send(frames.DATA, frames.END_STREAM, 1, b"34")
    fields, body, _ = await http2.answer(1)
    assert (fields[":status"], fields["content-type"], fields["content-length"], body) == (
        "200",
        "application/json",
        "4",
        b"1234",
    )
    request = site.request
    assert request is not None
    assert (request.method, request.path, request.query, request.body) == ("POST", "/echo", "a=%20b", b"1234")
    assert request.headers.get("host") == "test"


async def test_a_streamed_response(http1: Http1Peer, http2: RawPeer) -> None:
    """Ten megabytes in pieces arrive whole, chunked over HTTP/1.1 and as DATA over HTTP/2."""
    expected = b"".join(bytes([number]) * 100_000 for number in range(100))
    status, headers, body = await http1.ask("GET", "/stream")
    assert (status, headers["transfer-encoding"], body) == (200, "chunked", expected)
    http2.headers(1, head("GET", "/stream"), frames.END_HEADERS | frames.END_STREAM)
    _, body, _ = await http2.answer(1)
    assert body == expected


async def test_a_client_that_goes_away_ends_a_streamed_response(url: str, site: Site) -> None:
    """The iterator is closed, over HTTP/1.1 and over HTTP/2."""
    peer = await Http1Peer.connect(url)
    peer.writer.write(b"GET /hang HTTP/1.1\r\nhost: test\r\n\r\n")
    await site.started.wait()
    await peer.close()
    await site.ended.wait()
    site.started.clear()
    site.ended.clear()
    async with await RawPeer.connect(url) as raw:
        raw.headers(1, head("GET", "/hang"), frames.END_HEADERS | frames.END_STREAM)
        await site.started.wait()
        raw.send(frames.RST_STREAM, 0, 1, frames.UINT32.pack(frames.ErrorCode.CANCEL))
        await site.ended.wait()


async def test_a_body_over_the_limit(http1: Http1Peer, http2: RawPeer) -> None:
    """It is refused with 413, announced or not."""
    http2.headers(1, [*head("POST", "/echo"), ("content-length", "300000")])
    fields, _, _ = await http2.answer(1)
    assert fields[":status"] == "413"
    http2.headers(3, head("POST", "/echo"))
    for _ in range(4):
        http2.send(frames.DATA, 0, 3, b"x" * 16_000)
    fields, _, _ = await http2.answer(3)
    assert fields[":status"] == "413"
    status, headers, _ = await http1.ask("POST", "/echo", b"x" * 300_000)
    assert (status, headers["connection"]) == (413, "close")


async def test_a_chunked_body_over_the_limit(http1: Http1Peer) -> None:
    """Over HTTP/1.1 a body without a length is counted as it comes."""
    http1.writer.write(b"POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(4):
        http1.writer.write(b"3e80\r\n" + b"x" * 16_000 + b"\r\n")
    status, _, _ = await http1.answer()
    assert status == 413


async def test_a_crash_says_nothing_of_its_cause(
    http1: Http1Peer, http2: RawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets 500, the log the reason, and the connection goes on."""
    http2.headers(1, head("GET", "/crash"), frames.END_HEADERS | frames.END_STREAM)
    fields, body, _ = await http2.answer(1)
    assert (fields[":status"], b"Zero" in body) == ("500", False)
    http2.headers(3, head("GET", "/"), frames.END_HEADERS | frames.END_STREAM)
    assert (await http2.answer(3))[0][":status"] == "204"
    status, _, body = await http1.ask("GET", "/crash")
    assert (status, b"Zero" in body) == (500, False)
    assert "ZeroDivisionError" in caplog.text


async def test_head_has_the_length_and_no_body(http1: Http1Peer, http2: RawPeer) -> None:
    """The same fields as for GET."""
    status, headers, _ = await http1.ask("HEAD", "/echo", b"1234")
    assert (status, headers["content-length"]) == (200, "4")
    assert (await http1.ask("POST", "/echo", b"next"))[2] == b"next"
    http2.headers(1, head("HEAD", "/stream"), frames.END_HEADERS | frames.END_STREAM)
    assert (await http2.answer(1))[1] == b""


async def test_a_client_that_waits_for_100_continue(http1: Http1Peer) -> None:
    """It is told to go on."""
    http1.writer.write(b"POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n")
    assert (await http1.answer())[0] == 100
    http1.writer.write(b"1234")
    assert (await http1.answer())[2] == b"1234"


async def test_pipelined_requests_are_answered_in_order(http1: Http1Peer) -> None:
    """Each after the one before it."""
    for number in range(5):
        http1.writer.write(b"POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\r\n%d" % number)
    assert [(await http1.answer())[2] for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("noise", [b"\x16\x03\x01 TLS", b"HELO mail\r\n", b"INVALID PREFACE\r\n\r\n", b"X" * 100_000])
async def test_what_is_not_http_is_dropped(url: str, noise: bytes) -> None:
    """It gets no answer in HTTP/1.1, and an end at once."""
    peer = await Http1Peer.connect(url)
    peer.writer.write(noise)
    assert b"HTTP/1.1" not in await peer.reader.read()
    peer.writer.close()


async def test_a_bad_request_is_refused(http1: Http1Peer) -> None:
    """With 400, and an end."""
    http1.writer.write(b"GET / HTTP/1.1\r\nno colon\r\n\r\n")
    assert (await http1.answer())[0] == 400
    assert await http1.reader.read() == b""


async def test_connect_is_refused(http1: Http1Peer, caplog: pytest.LogCaptureFixture) -> None:
    """No handler sees it, and no log says that one failed."""
    assert (await http1.ask("CONNECT", "test:1"))[0] == 501
    assert await http1.reader.read() == b""
    assert not caplog.records


async def test_grpc_over_http1_is_told_what_it_needs(http1: Http1Peer) -> None:
    """A gRPC request over HTTP/1.1 cannot be served."""
    status, _, body = await http1.ask("POST", "/test.Test/Echo", b"", "content-type: application/grpc\r\n")
    assert (status, b"HTTP/2" in body) == (505, True)


async def test_without_a_handler_plain_http_is_told_to_use_grpc(address: str) -> None:
    """400 over HTTP/1.1, 415 over HTTP/2."""
    peer = await Http1Peer.connect(address)
    status, _, body = await peer.ask("GET", "/")
    assert (status, b"gRPC" in body) == (400, True)
    await peer.close()
    async with await RawPeer.connect(address) as raw:
        raw.headers(1, head("GET", "/"), frames.END_HEADERS | frames.END_STREAM)
        assert (await raw.answer(1))[0][":status"] == "415"


async def test_drain_finishes_a_request_and_closes(web: Server, url: str, site: Site) -> None:
    """Idle connections go at once, busy ones behind their answer."""
    idle, busy = await Http1Peer.connect(url), await Http1Peer.connect(url)
    await idle.ask("GET", "/")
    busy.writer.write(b"GET /hang HTTP/1.1\r\nhost: test\r\n\r\n")
    await site.started.wait()
    draining = asyncio.create_task(web.drain(0.05))
    assert await idle.reader.read() == b""
    await draining
    assert site.ended.is_set()
    assert web.connections == 0
    await idle.close()
    await busy.close()
