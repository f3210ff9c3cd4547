"""What the transport refuses before any hop, as clients of the data port see it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from google.rpc.status_pb2 import Status as RpcStatus

from gateway.connect.door import enveloped, envelopes
from gateway.connect.test_grpc_web import plain
from prism.errors import Outcome
from prism.gateway.local_reply import GatewayLocalReply
from prism.rpc_status import from_status
from prism.wire import (
    Channel,
    Code,
    HttpRequest,
    HttpResponse,
    Metadata,
    Method,
    Server,
    ServerCall,
    ServerConfig,
    StatusError,
)
from prism.wire.http2 import frames
from wire.raw_peer import RawPeer, message, request

LIMIT = 1000


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """A server with the data port's refusals: `/a.A/Echo`, and `/a.A/Crash`, which fails as no handler should."""

    async def echo(call: ServerCall) -> bytes:
        return call.message

    async def crash(call: ServerCall) -> bytes:
        raise ZeroDivisionError(call.path)

    async def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [], request.body)

    methods = {path: Method(path, handle) for path, handle in (("/a.A/Echo", echo), ("/a.A/Crash", crash))}
    config = ServerConfig(max_message_size=LIMIT, max_header_list_size=2000)
    async with Server(methods.get, http=page, local_replies=GatewayLocalReply(), config=config) as server:
        yield await server.listen("127.0.0.1:0")


@pytest.mark.parametrize(
    ("path", "size", "metadata", "code", "reason", "outcome"),
    [
        ("/a.A/None", 1, "", Code.UNIMPLEMENTED, "METHOD_UNKNOWN", Outcome.NOT_APPLIED),
        ("/a.A/Echo", LIMIT + 1, "", Code.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", Outcome.NOT_APPLIED),
        ("/a.A/Echo", 1, "x" * 2000, Code.RESOURCE_EXHAUSTED, "HEADERS_TOO_LARGE", Outcome.NOT_APPLIED),
        ("/a.A/Crash", 1, "", Code.INTERNAL, "HANDLER_FAILED", Outcome.UNKNOWN),
    ],
)
async def test_over_grpc(
    address: str, path: str, size: int, metadata: str, code: Code, reason: str, outcome: Outcome
) -> None:
    """The status carries ErrorInfo with a reason of its own, and says whether anything was done."""
    async with Channel(address) as channel:
        with pytest.raises(StatusError) as raised:
            await channel.unary(path, bytes(size), metadata=Metadata([("long", metadata)]))
    status = raised.value.status
    error = from_status(status)
    assert (status.code, error.reason, error.outcome) == (code, reason, outcome)
    assert b"prism" in status.details


async def test_a_request_cut_off(address: str) -> None:
    """The status is the same in `grpc-status` and in the details, which clients believe first."""
    async with await RawPeer.connect(address) as peer:
        peer.headers(1, request("/a.A/Echo"))
        peer.send(frames.DATA, frames.END_STREAM, 1, message(b"whole")[:-1])
        head, _, trailers = await peer.answer(1)
    answered = head | trailers
    details = RpcStatus.FromString(base64.b64decode(answered["grpc-status-details-bin"] + "=="))
    assert (answered["grpc-status"], details.code) == ("13", Code.INTERNAL)


@pytest.mark.parametrize(
    ("head", "code", "name"),
    [
        (f"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {LIMIT + 1}\r\n\r\n", 413, "resource_exhausted"),
        ("GET / HTTP/1.1\r\nhost: a\r\nlong: " + "x" * 3000 + "\r\n\r\n", 431, "resource_exhausted"),
        ("GET / HTTP/1.1\r\nhost: a\r\nno field\r\n\r\n", 400, "invalid_argument"),
    ],
)
async def test_over_http(address: str, head: str, code: int, name: str) -> None:
    """The body is the JSON of the Connect protocol."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.encode())
    start, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert start.split()[1] == str(code).encode()
    assert b"content-type: application/json" in start.lower()
    answer = json.loads(body)
    assert answer["code"] == name
    assert answer["message"]


STREAMS = ["application/connect+json", "application/connect+proto", "application/grpc-web", "application/grpc-web-text"]
FIRST = enveloped(b"{}")


@asynccontextmanager
async def _streaming() -> AsyncIterator[tuple[Server, str, asyncio.Event]]:
    """A server whose answers begin and do not end, until the event has their handlers fail."""
    failing = asyncio.Event()

    async def pieces(text: bool) -> AsyncIterator[bytes]:
        yield base64.b64encode(FIRST) if text else FIRST
        await failing.wait()
        raise ZeroDivisionError

    async def stream(request: HttpRequest) -> HttpResponse:
        kind = str(request.headers.get("content-type"))
        return HttpResponse(200, [("content-type", kind)], pieces("text" in kind))

    async with Server(lambda _: None, http=stream, local_replies=GatewayLocalReply()) as server:
        yield server, await server.listen("127.0.0.1:0"), failing


def _error_in(kind: str, body: bytes) -> tuple[str, bytes]:
    """The code in a stream's end, and its details."""
    first, (flags, end) = envelopes(plain(kind, body))
    assert first == (0, b"{}")
    if flags == 2:
        error = json.loads(end)["error"]
        return error["code"], b"".join(base64.b64decode(each["value"] + "==") for each in error["details"])
    assert flags == 0x80
    trailers = dict(line.split(": ", 1) for line in end.decode().splitlines())
    code = Code(int(trailers["grpc-status"])).name.lower()
    return code, base64.b64decode(trailers["grpc-status-details-bin"] + "==")


async def _over_http2(address: str, kind: str, end: Callable[[RawPeer], object]) -> bytes:
    """The body of a stream that is ended behind its first message."""
    async with await RawPeer.connect(address) as peer:
        head = [(name, kind if name == "content-type" else value) for name, value in request("/a.A/Stream")]
        peer.headers(1, head, frames.END_HEADERS | frames.END_STREAM)
        last = await peer.until(frames.DATA, 1)
        body = last.payload
        end(peer)
        while not last.flags & frames.END_STREAM:
            last = await peer.until(frames.DATA, 1)
            body += last.payload
    return body


@pytest.mark.parametrize("kind", STREAMS)
async def test_a_stream_under_way_over_http_is_told_what_ends_it(kind: str) -> None:
    """In the stream's own end: a flood of its connection, the server's stop, a defect."""
    async with _streaming() as (server, address, failing), asyncio.timeout(20):

        def flood(peer: RawPeer) -> None:
            for _ in range(2000):
                peer.send(frames.PING, 0, 0, bytes(8))

        code, details = _error_in(kind, await _over_http2(address, kind, flood))
        assert (code, b"CONNECTION_FLOODED" in details, Outcome.UNKNOWN.encode() in details) == (
            "unavailable",
            True,
            True,
        )
        code, details = _error_in(kind, await _over_http2(address, kind, lambda _: failing.set()))
        assert (code, b"HANDLER_FAILED" in details) == ("internal", True)
        failing.clear()
        tasks = []
        stopped = await _over_http2(address, kind, lambda _: tasks.append(asyncio.create_task(server.close())))
        code, details = _error_in(kind, stopped)
        assert (code, b"SHUTTING_DOWN" in details) == ("unavailable", True)
        await asyncio.gather(*tasks)


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("how", ["stop", "defect"])
async def test_a_stream_under_way_over_http1_is_told_what_ends_it(kind: str, how: str) -> None:
    """And the chunks are whole."""
    async with _streaming() as (server, address, failing), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*address.rsplit(":", 1))
        writer.write(f"POST /a.A/Stream HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        body = b""
        ending: asyncio.Task[None] | None = None
        while length := int(await reader.readline(), 16):
            body += (await reader.readexactly(length + 2))[:-2]
            if ending is None:
                failing.set() if how == "defect" else None
                ending = asyncio.create_task(server.close() if how == "stop" else asyncio.sleep(0))
        assert await reader.read() == b"\r\n"
        writer.close()
        code, details = _error_in(kind, body)
        assert ending is not None
        await ending
    wanted = ("unavailable", b"SHUTTING_DOWN") if how == "stop" else ("internal", b"HANDLER_FAILED")
    assert (code, wanted[1] in details) == (wanted[0], True)
