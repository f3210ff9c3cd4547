"""What the transport refuses before any hop, as clients of the data port see it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import pytest
from google.rpc.status_pb2 import Status as RpcStatus

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
