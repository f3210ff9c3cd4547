"""Bodies of bytes that a handler reads as they come, and answers of a known length, over HTTP/2 and HTTP/1.1."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Final

import pytest

from prism.wire import Code, HttpRequest, HttpResponse, Server, ServerConfig, StatusError
from prism.wire.http.message import AnswerCutOff
from prism.wire.http2 import frames
from prism.wire.server.connection import ServerConnection
from wire.raw_peer import RawPeer
from wire.service import Service

TIMEOUT: Final = 0.2
LARGE: Final = 16 << 20  # bytes: more than the kernel, and every window, hold
PIECE: Final = 64 << 10
HELD: Final = 2 << 20  # bytes that a window and the reads that fill it may come to


class Store:
    """A handler that keeps what it reads, as fast as it may, and gives it back.

    Attributes:
        may_read: set while it may.
        size: bytes read.
        code: how the last body ended.
    """

    def __init__(self) -> None:
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.began = asyncio.Event()
        self.read = asyncio.Event()
        self.ended = asyncio.Event()
        self.size = 0
        self.given = 0
        self.code: Code | None = None
        self.lengths: list[int | None] = []
        self.last = b""

    def raw(self, request: HttpRequest) -> bool:
        """Those that are put."""
        return request.method == "PUT"

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        self.lengths.append(request.length)
        self.began.set()
        if request.path == "/refused":
            return HttpResponse(403, [], b"no")
        if request.path == "/large":
            return HttpResponse(200, [], self._pieces(LARGE), length=LARGE)
        if request.path == "/short":
            return HttpResponse(200, [("content-type", "application/connect+json")], self._pieces(PIECE), length=LARGE)
        if request.path == "/cut":
            return HttpResponse(200, [("content-type", "application/connect+json")], self._cut(), length=LARGE)
        if request.path == "/five":
            return HttpResponse(200, [], b"" if request.method == "HEAD" else b"12345", length=5)
        try:
            await self._take(request)
        except StatusError as error:
            self.code = error.status.code
            return HttpResponse(408, [], b"late")
        finally:
            self.ended.set()
        return HttpResponse(201, [], b"%d" % self.size)

    async def _take(self, request: HttpRequest) -> None:
        if request.pieces is None:
            self.size += len(request.body)
            return
        while True:
            await self.may_read.wait()
            try:
                piece = await anext(request.pieces)
            except StopAsyncIteration:
                self.code = Code.OK
                return
            self.last = piece
            self.size += len(piece)
            self.read.set()

    async def _pieces(self, size: int) -> AsyncIterator[bytes]:
        for _ in range(0, size, PIECE):
            self.given += PIECE
            yield bytes(PIECE)

    async def _cut(self) -> AsyncIterator[bytes]:
        yield bytes(PIECE)
        raise AnswerCutOff


class Sender(ABC):
    """A client that sends one request."""

    def __init__(self, peer: RawPeer) -> None:
        self.peer = peer

    @abstractmethod
    def begin(self, path: str = "/", method: str = "PUT", *fields: tuple[str, str]) -> None:
        """Send the head."""

    @abstractmethod
    async def send(self, data: bytes) -> None:
        """Send a piece of the body, as the server takes it."""

    @abstractmethod
    def end(self) -> None:
        """End the body."""

    @abstractmethod
    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The answer."""

    @abstractmethod
    async def interim(self) -> int:
        """The status of what comes before the answer."""


class OverHttp2(Sender):
    """By hand."""

    window = 65_535

    def begin(self, path: str = "/", method: str = "PUT", *fields: tuple[str, str]) -> None:
        flags = frames.END_HEADERS if method == "PUT" else frames.END_HEADERS | frames.END_STREAM
        self.peer.headers(1, [(":method", method), (":scheme", "http"), (":path", path), *fields], flags)

    async def send(self, data: bytes) -> None:
        sent = 0
        while sent < len(data):
            size = min(self.window, 16_384, len(data) - sent)
            if not size:
                (more,) = frames.UINT32.unpack((await self.peer.until(frames.WINDOW_UPDATE, 1)).payload)
                self.window += more
                continue
            self.peer.send(frames.DATA, 0, 1, data[sent : sent + size])
            await self.peer.writer.drain()
            self.window, sent = self.window - size, sent + size

    def end(self) -> None:
        self.peer.send(frames.DATA, frames.END_STREAM, 1)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head, body, _ = await self.peer.answer(1)
        return int(head[":status"]), head, body

    async def interim(self) -> int:
        return int(self.peer.fields(await self.peer.until(frames.HEADERS, 1))[":status"])


class OverHttp1(Sender):
    """In chunks."""

    framing = "transfer-encoding: chunked"

    def begin(self, path: str = "/", method: str = "PUT", *fields: tuple[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        framing = f"{self.framing}\r\n" if method == "PUT" and "content-length" not in lines else ""
        self.peer.writer.write(f"{method} {path} HTTP/1.1\r\nhost: x\r\n{lines}{framing}\r\n".encode())

    async def send(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            self.peer.writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await self.peer.writer.drain()

    def end(self) -> None:
        self.peer.writer.write(b"0\r\n\r\n")

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        status, fields = await self._head()
        return status, fields, await self.peer.reader.readexactly(int(fields.get("content-length", 0)))

    async def interim(self) -> int:
        return (await self._head())[0]

    async def _head(self) -> tuple[int, dict[str, str]]:
        first, *rest = (await self.peer.reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        return int(first.split()[1]), dict(line.split(": ", 1) for line in rest if line)


class OfKnownLength(OverHttp1):
    """With a Content-Length, `LARGE` unless it is given."""

    framing = f"content-length: {LARGE}"

    async def send(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE):
            self.peer.writer.write(data[at : at + PIECE])
            await self.peer.writer.drain()

    def end(self) -> None:
        """The length has said it."""


@pytest.fixture
async def store() -> Store:
    """The handler."""
    return Store()


@pytest.fixture
async def server(service: Service, store: Store) -> AsyncIterator[Server]:
    """A server with the handler."""
    config = ServerConfig(message_timeout=TIMEOUT, max_message_size=1000)
    async with Server(service.lookup, http=store, raw_bodies=store.raw, config=config) as server:
        yield server


@pytest.fixture(params=[OverHttp2, OverHttp1, OfKnownLength])
async def sender(request: pytest.FixtureRequest, address: str) -> AsyncIterator[Sender]:
    """A client of either version."""
    preface = None if request.param is OverHttp2 else b""
    async with asyncio.timeout(20), await RawPeer.connect(address, preface=preface) as peer:
        yield request.param(peer)


async def test_a_body_is_of_any_length(sender: Sender, store: Store) -> None:
    """The handler begins at the head, and gets what comes though it is far over the limit of messages."""
    sender.begin()
    await store.began.wait()
    await sender.send(bytes(LARGE))
    sender.end()
    assert (await sender.answer())[::2] == (201, b"%d" % LARGE)
    assert store.code is Code.OK
    assert len(store.last) <= 256 << 10 << 1


async def test_who_does_not_read_holds_the_client_back(sender: Sender, store: Store) -> None:
    """What comes and is not read stays within a window, whatever the client sends, and is all there afterwards."""
    sender.begin()
    await sender.send(b"x")
    await store.read.wait()
    store.may_read.clear()
    sending = asyncio.create_task(sender.send(bytes(LARGE - 1)))
    # Twice the time in which a silent client is given up: it is the handler that is slow.
    done, _ = await asyncio.wait((sending,), timeout=2 * TIMEOUT)
    assert not done
    assert store.size <= HELD
    assert store.code is None
    store.may_read.set()
    await sending
    sender.end()
    assert (await sender.answer())[0] == 201
    assert store.size == LARGE


async def test_a_silent_client_is_given_up(sender: Sender, store: Store) -> None:
    """One that is asked and sends nothing gets an answer; one that sends a byte now and then is only slow."""
    sender.begin()
    for _ in range(6):
        await sender.send(b"x")
        await asyncio.sleep(TIMEOUT / 2)
    assert store.size == 6
    assert store.code is None
    assert (await sender.answer())[0] == 408
    await store.ended.wait()


async def test_continue_comes_with_the_first_read(sender: Sender, store: Store) -> None:
    """A client that waits for it is asked when the handler wants the body, and not before."""
    store.may_read.clear()
    sender.begin("/", "PUT", ("expect", "100-continue"))
    await store.began.wait()
    waiting = asyncio.create_task(sender.interim())
    done, _ = await asyncio.wait((waiting,), timeout=0.05)
    assert not done
    store.may_read.set()
    assert await waiting == 100
    await sender.send(bytes(LARGE))
    sender.end()
    assert (await sender.answer())[0] == 201


async def test_a_refusal_comes_in_place_of_continue(sender: Sender, store: Store) -> None:
    """Nothing is read of a body that is refused: HTTP/1.1 closes behind the answer, HTTP/2 resets without an error."""
    sender.begin("/refused", "PUT", ("expect", "100-continue"))
    status, head, body = await sender.answer()
    assert (status, body) == (403, b"no")
    if isinstance(sender, OverHttp2):
        reset = await sender.peer.until(frames.RST_STREAM, 1)
        assert reset.payload == bytes(4)
    else:
        assert head["connection"] == "close"
        assert await sender.peer.reader.read() == b""


async def test_an_answer_shorter_than_its_length_breaks_off(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    """It is never taken for the whole, whatever content type the request names."""
    sender.begin("/short", "GET", ("content-type", "application/connect+json"))
    await _is_broken_off(sender)
    assert "defect" in caplog.text


async def test_an_answer_that_cannot_go_on_breaks_off(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    """The same, and no defect, where the handler says so."""
    sender.begin("/cut", "GET", ("content-type", "application/connect+json"))
    await _is_broken_off(sender)
    assert not caplog.records


async def _is_broken_off(sender: Sender) -> None:
    if isinstance(sender, OverHttp2):
        assert (await sender.peer.until(frames.RST_STREAM, 1)).payload == frames.UINT32.pack(
            frames.ErrorCode.INTERNAL_ERROR
        )
        return
    head = await sender.peer.reader.readuntil(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % LARGE in head.lower()
    try:
        got = await sender.peer.reader.read(-1)
    except ConnectionError:
        return
    assert len(got) <= PIECE


async def test_who_takes_nothing_of_an_answer_is_cut_off(sender: Sender, store: Store) -> None:
    """What is made beforehand is bounded, and the handler ends when the client has taken nothing for so long."""
    sender.begin("/large", "GET")
    await store.began.wait()
    if isinstance(sender, OverHttp2):
        assert (await sender.peer.until(frames.RST_STREAM, 1)).payload == frames.UINT32.pack(
            frames.ErrorCode.INTERNAL_ERROR
        )
        assert store.given <= HELD
    else:
        sender.peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(3 * TIMEOUT)
        sender.peer.reader._transport.resume_reading()  # type: ignore[attr-defined]
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await sender.answer()
        assert store.given < LARGE


async def test_a_slow_reader_is_not_cut_off(sender: Sender, store: Store) -> None:
    """One that takes a little now and then gets all, though that lasts several times as long as it may be silent."""
    if isinstance(sender, OverHttp2):
        sender.peer.send(frames.WINDOW_UPDATE, 0, 0, frames.UINT32.pack(LARGE))
        sender.begin("/large", "GET")
        for _ in range(6):
            await asyncio.sleep(TIMEOUT / 2)
            sender.peer.send(frames.WINDOW_UPDATE, 0, 1, frames.UINT32.pack(1))
        sender.peer.send(frames.WINDOW_UPDATE, 0, 1, frames.UINT32.pack(LARGE))
        await sender.peer.until(frames.HEADERS, 1)
        left = LARGE
        while left:
            left -= len((await sender.peer.until(frames.DATA, 1)).payload)
        return
    sender.begin("/large", "GET")
    await sender.peer.reader.readuntil(b"\r\n\r\n")
    left = LARGE
    for _ in range(6):
        await asyncio.sleep(TIMEOUT / 2)
        left -= len(await sender.peer.reader.readexactly(2 << 20))
    assert len(await sender.peer.reader.readexactly(left)) == left


async def test_the_length_is_said(sender: Sender, store: Store) -> None:
    """By the handler for an answer without a body, and by the client for the handler."""
    sender.begin("/five", "HEAD")
    status, head, _ = await _head_only(sender)
    assert (status, head["content-length"]) == (200, "5")
    assert store.lengths == [0]


async def _head_only(sender: Sender) -> tuple[int, dict[str, str], bytes]:
    if isinstance(sender, OverHttp2):
        return await sender.answer()
    assert isinstance(sender, OverHttp1)
    return *await sender._head(), b""


@pytest.fixture
async def web(address: str) -> AsyncIterator[RawPeer]:
    """A client of HTTP/1.1."""
    async with asyncio.timeout(20), await RawPeer.connect(address, preface=b"") as peer:
        yield peer


@pytest.mark.parametrize("path", ["/", "/refused"])
@pytest.mark.parametrize("first", [0, 3])
async def test_the_connection_stays_behind_a_small_body(web: RawPeer, store: Store, path: str, first: int) -> None:
    """Read or not: the next request, which may stand right behind it, has its turn."""
    head = b"PUT %s HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n" % path.encode()
    web.writer.write(head + b"hello"[:first])
    await store.began.wait()
    web.writer.write(b"hello"[first:] + head + b"again" + b"HEAD /five HTTP/1.1\r\nhost: x\r\n\r\n")
    statuses = [await _status(web), await _status(web), await _status(web, body=False)]
    assert statuses == ([201, 201, 200] if path == "/" else [403, 403, 200])
    assert store.size == (10 if path == "/" else 0)


async def _status(web: RawPeer, *, body: bool = True) -> int:
    head = await web.reader.readuntil(b"\r\n\r\n")
    assert b"connection: close" not in head.lower()
    if body:
        await web.reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))
    return int(head.split()[1])


async def test_a_large_body_that_is_not_read_closes(web: RawPeer) -> None:
    """It is not taken to the end for the sake of the connection."""
    web.writer.write(b"PUT /refused HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n" + bytes(1000))
    head = await web.reader.readuntil(b"\r\n\r\n")
    assert b" 403 " in head
    assert b"connection: close" in head.lower()
    assert await web.reader.read() == b"no"


async def test_a_body_cut_short_ends_its_handler(web: RawPeer, store: Store) -> None:
    """A client that goes before the length it has announced leaves nothing that looks whole."""
    web.writer.write(b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345")
    await store.read.wait()
    await web.close()
    await store.ended.wait()
    assert store.code is None


@pytest.mark.parametrize("sent", [9, 11])
async def test_a_lying_length_over_http2_resets(address: str, store: Store, sent: int) -> None:
    """DATA of another length than was announced is malformed (RFC 9113 section 8.1.1)."""
    async with asyncio.timeout(20), await RawPeer.connect(address) as peer:
        peer.headers(1, [(":method", "PUT"), (":scheme", "http"), (":path", "/"), ("content-length", "10")])
        await store.began.wait()
        peer.send(frames.DATA, frames.END_STREAM, 1, bytes(sent))
        reset = await peer.until(frames.RST_STREAM, 1)
        assert reset.payload == frames.UINT32.pack(frames.ErrorCode.PROTOCOL_ERROR)
        await store.ended.wait()
        assert store.code is None


@pytest.mark.parametrize(
    "lines",
    [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 99999999999999999999",
        "content-length: -1",
        "content-length: +5",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
    ],
)
async def test_what_could_be_smuggled_is_refused(web: RawPeer, store: Store, lines: str) -> None:
    """No body begins that another server on the way may end elsewhere."""
    web.writer.write(
        f"PUT / HTTP/1.1\r\nhost: x\r\n{lines}\r\n\r\n0\r\n\r\nGET /five HTTP/1.1\r\nhost: x\r\n\r\n".encode()
    )
    answers = await web.reader.read()
    assert answers.count(b"HTTP/1.1 ") == 1
    assert answers.split()[1] in (b"400", b"413", b"501")
    assert not store.began.is_set()


async def test_one_body_leaves_the_connection_to_others(address: str, server: Server, store: Store) -> None:
    """A stream whose body is not read holds its own window, and not the connection's."""
    async with asyncio.timeout(20), await RawPeer.connect(address) as peer:
        store.may_read.clear()
        sender = OverHttp2(peer)
        sender.begin()
        sending = asyncio.create_task(sender.send(bytes(LARGE)))
        await store.began.wait()
        await asyncio.wait((sending,), timeout=0.05)
        sending.cancel()
        await asyncio.wait((sending,))
        peer.headers(3, [(":method", "HEAD"), (":scheme", "http"), (":path", "/five")], frames.END_HEADERS | 1)
        assert (await peer.answer(3))[0][":status"] == "200"
        (connection,) = server._open
        assert isinstance(connection, ServerConnection)
        assert connection.receiving.window > connection.receiving.low
