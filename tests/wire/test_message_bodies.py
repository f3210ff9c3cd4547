"""Bodies of messages that a handler reads as they come, over HTTP/2 and HTTP/1.1: pace, faults, and how they end."""

import asyncio
import gzip
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Final

import pytest

from prism.wire import Code, HttpRequest, HttpResponse, Server, ServerConfig, StatusError
from prism.wire.http2 import frames
from wire.raw_peer import RawPeer, message
from wire.service import Service

LIMIT: Final = 100_000
TIMEOUT: Final = 0.2
LARGE: Final = message(bytes(60_000))
TAKEN: Final = 16 << 20  # bytes: more than the kernel, and every window, hold


class Reader:
    """A handler that reads when it may, and answers with what it has found.

    Attributes:
        found: the messages, and the code at which there were no more.
        may_read: set while it may.
    """

    def __init__(self) -> None:
        self.found: list[bytes | Code] = []
        self.began = asyncio.Event()
        self.read = asyncio.Event()
        self.ended = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.most = 1 << 30

    def bodies(self, request: HttpRequest) -> str | None:
        """Those of `/read`, compressed as a header says."""
        return str(request.headers.get("content-encoding", "")) if request.path == "/read" else None

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        self.began.set()
        if request.messages is None:
            return HttpResponse(200, [], request.body)
        try:
            while len(self.found) < self.most:
                await self.may_read.wait()
                self.found.append(await anext(request.messages))
                self.read.set()
        except StopAsyncIteration:
            self.found.append(Code.OK)
        except StatusError as error:
            self.found.append(error.status.code)
        except asyncio.CancelledError:
            with pytest.raises(StatusError) as raised:  # as another task of the handler might
                await anext(request.messages)
            self.found.append(raised.value.status.code)
            raise
        finally:
            self.ended.set()
        return HttpResponse(200, [], b"%d" % len(self.found))


class Sender(ABC):
    """A client that sends one request."""

    def __init__(self, peer: RawPeer) -> None:
        self._peer = peer

    @abstractmethod
    def begin(self, *fields: tuple[str, str], path: str = "/read") -> None:
        """Send the head."""

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send a piece of the body."""

    @abstractmethod
    async def send_whole(self, data: bytes) -> None:
        """Send it as the server takes it."""

    @abstractmethod
    def end(self) -> None:
        """End the body."""

    @abstractmethod
    async def answer(self) -> bytes:
        """The body of the answer."""


class OverHttp2(Sender):
    """By hand, minding no window but in `send_whole`."""

    def begin(self, *fields: tuple[str, str], path: str = "/read") -> None:
        self._peer.headers(1, [(":method", "POST"), (":scheme", "http"), (":path", path), *fields])

    def send(self, data: bytes) -> None:
        for at in range(0, len(data), 16_384):
            self._peer.send(frames.DATA, 0, 1, data[at : at + 16_384])

    async def send_whole(self, data: bytes) -> None:
        window, sent = 65_535, 0
        while sent < len(data):
            size = min(window, 16_384, len(data) - sent)
            if not size:
                (more,) = frames.UINT32.unpack((await self._peer.until(frames.WINDOW_UPDATE, 1)).payload)
                window += more
                continue
            self._peer.send(frames.DATA, 0, 1, data[sent : sent + size])
            await self._peer.writer.drain()
            window, sent = window - size, sent + size

    def end(self) -> None:
        self._peer.send(frames.DATA, frames.END_STREAM, 1)

    async def answer(self) -> bytes:
        return (await self._peer.answer(1))[1]


class OverHttp1(Sender):
    """In chunks."""

    closes = False

    def begin(self, *fields: tuple[str, str], path: str = "/read") -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        self._peer.writer.write(
            f"POST {path} HTTP/1.1\r\nhost: x\r\n{lines}transfer-encoding: chunked\r\n\r\n".encode()
        )

    def send(self, data: bytes) -> None:
        if data:
            self._peer.writer.write(b"%x\r\n%s\r\n" % (len(data), data))

    async def send_whole(self, data: bytes) -> None:
        for at in range(0, len(data), 65_536):
            self.send(data[at : at + 65_536])
            await self._peer.writer.drain()

    def end(self) -> None:
        self._peer.writer.write(b"0\r\n\r\n")

    async def answer(self) -> bytes:
        head = (await self._peer.reader.readuntil(b"\r\n\r\n")).lower()
        self.closes = b"\r\nconnection: close\r\n" in head
        return await self._peer.reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))


@pytest.fixture
async def reader() -> Reader:
    """The handler."""
    return Reader()


@pytest.fixture
async def server(service: Service, reader: Reader) -> AsyncIterator[Server]:
    """A server with the handler."""
    config = ServerConfig(max_message_size=LIMIT, message_timeout=TIMEOUT)
    async with Server(service.lookup, http=reader, message_bodies=reader.bodies, config=config) as server:
        yield server


@pytest.fixture(params=[OverHttp2, OverHttp1])
async def sender(request: pytest.FixtureRequest, address: str) -> AsyncIterator[Sender]:
    """A client of either version."""
    async with asyncio.timeout(20), await RawPeer.connect(address, preface=_PREFACES[request.param]) as peer:
        yield request.param(peer)


_PREFACES: Final = {OverHttp2: None, OverHttp1: b""}


async def test_messages_are_read_as_they_come(sender: Sender, reader: Reader) -> None:
    """The handler begins at the head; a message in two pieces, and two in one, are what they are."""
    sender.begin()
    await reader.began.wait()
    whole = message(b"one") + message(b"") + message(bytes(LIMIT))
    sender.send(whole[:6])
    await asyncio.sleep(0)
    assert not reader.found
    await sender.send_whole(whole[6:20])
    while len(reader.found) < 2:
        reader.read.clear()
        await reader.read.wait()
    await sender.send_whole(whole[20:])
    sender.end()
    assert await sender.answer() == b"4"
    assert reader.found == [b"one", b"", bytes(LIMIT), Code.OK]


async def test_other_bodies_are_whole(sender: Sender, reader: Reader) -> None:
    """What the server is not told of has a body, as before."""
    sender.begin(path="/other")
    sender.send(message(b"x"))
    sender.end()
    assert await sender.answer() == message(b"x")


async def test_none_at_all(sender: Sender, reader: Reader) -> None:
    """A body without messages is one that ends."""
    sender.begin()
    sender.end()
    assert await sender.answer() == b"1"
    assert reader.found == [Code.OK]


async def test_compressed(sender: Sender, reader: Reader) -> None:
    """Those with the flag, as the header says; what expands beyond the limit is refused in its turn."""
    packed, bomb = gzip.compress(b"one"), gzip.compress(bytes(LIMIT + 1))
    sender.begin(("content-encoding", "gzip"))
    for each in (packed, bomb):
        sender.send(frames.MESSAGE_HEAD.pack(1, len(each)) + each + message(b"two"))
    sender.end()
    await sender.answer()
    assert reader.found == [b"one", b"two", Code.RESOURCE_EXHAUSTED]


@pytest.mark.parametrize(
    ("bad", "ends", "code"),
    [
        (message(b"xyz")[:-1], True, Code.INVALID_ARGUMENT),
        (message(b"xyz")[:3], True, Code.INVALID_ARGUMENT),
        (b"\x02" + message(b"x")[1:], False, Code.INVALID_ARGUMENT),
        (b"\x01" + message(b"x")[1:], False, Code.INTERNAL),
        (frames.MESSAGE_HEAD.pack(0, LIMIT + 1), False, Code.RESOURCE_EXHAUSTED),
        (message(b"xyz")[:-1], False, Code.DEADLINE_EXCEEDED),
    ],
    ids=["cut off", "cut off early", "flags", "compressed with nothing", "too large", "never whole"],
)
async def test_what_cannot_be_read(sender: Sender, reader: Reader, bad: bytes, ends: bool, code: Code) -> None:
    """The reader gets what came whole before it, and then why there is no more; the handler answers."""
    overdue = isinstance(sender, OverHttp2) and code is Code.DEADLINE_EXCEEDED
    sender.begin()
    sender.send(message(b"one") + bad)
    if ends:
        sender.end()
    answer = await sender.answer()
    if overdue:  # there the transport ends the exchange
        assert b"did not come whole in time" in answer
        assert reader.found == [b"one", Code.CANCELLED]
    else:
        assert answer == b"2"
        assert reader.found == [b"one", code]


async def test_reading_sets_the_pace(sender: Sender, reader: Reader, server: Server) -> None:
    """A handler that does not read stops its client: only windows and buffers are filled. Then all arrives."""
    reader.may_read.clear()
    sender.begin()
    sending = asyncio.create_task(sender.send_whole(LARGE * (TAKEN // len(LARGE))))
    await reader.began.wait()
    # At most what the kernel and windows hold gets through; the sender stands still.
    done, _ = await asyncio.wait((sending,), timeout=0.5)
    assert not done
    (connection,) = server._open
    body = connection._body if isinstance(sender, OverHttp1) else connection._streams[1].receiver  # type: ignore[attr-defined]
    assert body.stored() <= 300_000
    reader.may_read.set()
    await sending
    sender.end()
    assert int(await sender.answer()) == TAKEN // len(LARGE) + 1
    assert reader.found[-1] is Code.OK


async def test_a_client_that_goes_has_not_ended_it(sender: Sender, reader: Reader) -> None:
    """What came is not taken for the whole."""
    sender.begin()
    sender.send(message(b"one"))
    await reader.read.wait()
    await sender._peer.close()
    await reader.ended.wait()
    assert reader.found == [b"one", Code.CANCELLED]


async def test_an_answer_before_the_end(sender: Sender, reader: Reader) -> None:
    """The client gets it, though it is still sending; over HTTP/1.1 it learns that the connection ends with it."""
    reader.most = 1
    sender.begin()
    sender.send(message(b"one"))
    assert await sender.answer() == b"1"
    sender.send(message(b"two"))
    if isinstance(sender, OverHttp1):
        assert sender.closes
        assert await sender._peer.reader.read() == b""


async def test_one_after_another_on_a_connection(address: str, reader: Reader) -> None:
    """Over HTTP/1.1 the next request follows a body that was read to its end, whether it waits behind it or comes."""
    async with asyncio.timeout(20), await RawPeer.connect(address, preface=b"") as peer:
        sender = OverHttp1(peer)
        for _ in range(2):
            sender.begin()
            sender.send(message(b"x"))
            sender.end()
        for path in ("/read", "/other"):
            await sender.answer()
            sender.begin(path=path)
            sender.send(message(b"x"))
            sender.end()
        assert await sender.answer() == b"6"
        assert await sender.answer() == message(b"x")


async def test_what_is_not_http_breaks_the_body_off(address: str, reader: Reader) -> None:
    """A chunk that is none ends it for the reader, and the connection behind the answer."""
    async with asyncio.timeout(20), await RawPeer.connect(address, preface=b"") as peer:
        sender = OverHttp1(peer)
        sender.begin()
        sender.send(message(b"one"))
        await reader.read.wait()
        peer.writer.write(b"nonsense\r\n")
        assert await sender.answer() == b"2"
        assert await peer.reader.read() == b""
    assert reader.found == [b"one", Code.INVALID_ARGUMENT]
