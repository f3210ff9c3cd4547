"""gRPC-Web, as browsers send it: binary and text, unary and server streams, over HTTP/1.1 and HTTP/2."""

import asyncio
import base64
import gzip
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.connect.door import KEYVALUE, Door, Reply, enveloped, envelopes, opened
from prism._proto.data.v1 import keyvalue_pb2 as pb
from prism.context import Context
from prism.errors import Outcome, PrismError
from prism.gateway.connect import Cors
from prism.rpc_status import from_status
from prism.wire import Code, Status
from prism.wire.grpc.metadata import decode_binary
from prism.wire.grpc.status import decode_message
from prism.wire.http2 import frames
from wire.raw_peer import RawPeer

BINARY, TEXT = "application/grpc-web+proto", "application/grpc-web-text"
KINDS = [BINARY, TEXT, "application/grpc-web", "application/grpc-web-text+proto"]
PUT = pb.KeyValuePutRequest(id="a", items=[pb.KeyValuePutItem(key=b"k", value=b"v")]).SerializeToString()
GET = pb.KeyValueGetRequest(id="a", keys=[b"k"]).SerializeToString()
SCAN = pb.KeyValueScanStreamRequest().SerializeToString()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as door:
        yield door


def plain(kind: str, body: bytes) -> bytes:
    """A body without its base64, of which every frame may have padding."""
    if "text" not in kind:
        return body
    pieces = body.replace(b"=", b"= ").replace(b"= =", b"==").split()
    return b"".join(base64.b64decode(piece, validate=True) for piece in pieces)


def read(kind: str, reply: Reply) -> tuple[list[bytes], dict[str, str]]:
    """The messages, and the trailers."""
    assert (reply.status, reply.headers["content-type"]) == (200, kind)
    *messages, (flags, end) = envelopes(plain(kind, reply.body))
    assert flags == 0x80
    assert {each for each, _ in messages} <= {0}
    assert end.endswith(b"\r\n")
    lines = (line.partition(": ") for line in end.decode().splitlines())
    return [message for _, message in messages], {name: value for name, _, value in lines}


def error_of(trailers: dict[str, str]) -> PrismError:
    """The error that trailers stand for."""
    details = decode_binary(trailers["grpc-status-details-bin"].encode())[0]
    return from_status(Status(Code(int(trailers["grpc-status"])), decode_message(trailers["grpc-message"]), details))


async def call(door: Door, kind: str, method: str, body: bytes, **headers: str) -> tuple[list[bytes], dict[str, str]]:
    """One call; underscores in header names stand for dashes."""
    sent = base64.b64encode(body) if "text" in kind else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = await door.ask("POST", f"{KEYVALUE}/{method}", sent, {"content-type": kind, "x-grpc-web": "1", **named})
    return read(kind, reply)


@pytest.mark.parametrize("kind", KINDS)
async def test_unary(door: Door, kind: str) -> None:
    """What is put is got, and the trailers say OK."""
    (_,), trailers = await call(door, kind, "Put", enveloped(PUT))
    assert trailers == {"grpc-status": "0"}
    (answer,), trailers = await call(door, kind, "Get", enveloped(GET), grpc_timeout="5S")
    assert trailers == {"grpc-status": "0"}
    assert pb.KeyValueGetResponse.FromString(answer).items[0].value == b"v"


async def test_json(door: Door) -> None:
    """The codec of Connect's messages is another suffix."""
    body = enveloped(json.dumps({"id": "a", "items": [{"key": "aw==", "value": "dg=="}]}).encode())
    _, trailers = await call(door, "application/grpc-web+json", "Put", body)
    assert trailers == {"grpc-status": "0"}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_stream(door: Door, kind: str) -> None:
    """A frame per message, and the trailers at the end."""
    for record in "abc":
        put = pb.KeyValuePutRequest(id=record, items=[pb.KeyValuePutItem(key=b"k", value=b"v")])
        await call(door, kind, "Put", enveloped(put.SerializeToString()))
    pages, trailers = await call(door, kind, "ScanStream", enveloped(SCAN))
    assert [pb.KeyValueScanStreamResponse.FromString(page).id for page in pages] == ["a", "b", "c"]
    assert trailers == {"grpc-status": "0"}


async def test_a_compressed_request(door: Door) -> None:
    """By gzip, as `grpc-encoding` says."""
    _, trailers = await call(door, BINARY, "Put", enveloped(gzip.compress(PUT), 1), grpc_encoding="gzip")
    assert trailers == {"grpc-status": "0"}


async def test_text_in_pieces(door: Door) -> None:
    """A client may encode each piece of its body by itself, padding included."""
    body = enveloped(PUT)
    pieces = b"".join(base64.b64encode(body[at : at + 4]) for at in range(0, len(body), 4))
    reply = await door.ask("POST", f"{KEYVALUE}/Put", pieces, {"content-type": TEXT})
    assert read(TEXT, reply)[1] == {"grpc-status": "0"}


@pytest.mark.parametrize("kind", [BINARY, TEXT])
@pytest.mark.parametrize(
    ("method", "body", "headers", "code", "reason", "outcome"),
    [
        ("Put", enveloped(b""), {}, Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", Outcome.NOT_APPLIED),
        ("Put", enveloped(b"\xff"), {}, Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", Outcome.NOT_APPLIED),
        ("Put", b"abc", {}, Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", Outcome.NOT_APPLIED),
        ("Put", enveloped(PUT) * 2, {}, Code.UNIMPLEMENTED, "MALFORMED_REQUEST", Outcome.NOT_APPLIED),
        ("Put", b"", {}, Code.UNIMPLEMENTED, "MALFORMED_REQUEST", Outcome.NOT_APPLIED),
        ("Put", enveloped(PUT), {"grpc_encoding": "br"}, Code.UNIMPLEMENTED, "UNIMPLEMENTED", Outcome.NOT_APPLIED),
        ("Put", enveloped(PUT, 1), {}, Code.INTERNAL, "MALFORMED_REQUEST", Outcome.NOT_APPLIED),
        ("Put", enveloped(PUT, 1), {"grpc_encoding": "br"}, Code.UNIMPLEMENTED, "UNIMPLEMENTED", Outcome.NOT_APPLIED),
        ("Put", enveloped(PUT), {"grpc_timeout": "5"}, Code.INVALID_ARGUMENT, "MALFORMED_REQUEST", Outcome.NOT_APPLIED),
        ("Get", enveloped(GET), {"prism_namespace": "no"}, Code.NOT_FOUND, "NAMESPACE_NOT_FOUND", None),
        ("ScanStream", enveloped(SCAN), {"prism_namespace": "no"}, Code.NOT_FOUND, "NAMESPACE_NOT_FOUND", None),
        ("None", enveloped(b""), {}, Code.UNIMPLEMENTED, "METHOD_UNKNOWN", Outcome.NOT_APPLIED),
    ],
)
async def test_errors_are_trailers(
    door: Door,
    kind: str,
    method: str,
    body: bytes,
    headers: dict[str, str],
    code: Code,
    reason: str,
    outcome: Outcome | None,
) -> None:
    """The HTTP status is 200 whatever happens; the status and its details are in the last frame."""
    messages, trailers = await call(door, kind, method, body, **headers)
    assert messages == []
    error = error_of(trailers)
    assert (error.code, error.reason, error.outcome) == (code, reason, outcome)


async def test_what_is_not_base64(door: Door) -> None:
    """Text that is none is the caller's mistake."""
    for body in (b"?", b"AAA", b"AAAA AAAA"):
        reply = await door.ask("POST", f"{KEYVALUE}/Get", body, {"content-type": TEXT})
        assert "base64" in error_of(read(TEXT, reply)[1]).message


@pytest.mark.parametrize("kind", [BINARY, TEXT])
@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False), (1010, False), (9000, False)])
async def test_the_limit_is_of_the_message(kind: str, size: int, fits: bool) -> None:
    """Neither the envelope nor the base64 counts; what is over it, by a byte or far, ends as every call does."""
    empty = pb.KeyValuePutRequest(id="a", items=[pb.KeyValuePutItem(key=b"k", value=b"v" * 900)]).ByteSize()
    request = pb.KeyValuePutRequest(id="a", items=[pb.KeyValuePutItem(key=b"k", value=b"v" * (size - empty + 900))])
    assert request.ByteSize() == size
    async with opened(max_message_size=1000) as door:
        _, trailers = await call(door, kind, "Put", enveloped(request.SerializeToString()))
    if fits:
        assert trailers == {"grpc-status": "0"}
    else:
        error = error_of(trailers)
        assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")
        assert error.outcome is Outcome.NOT_APPLIED


@pytest.mark.parametrize("method", ["Get", "ScanStream"])
async def test_the_deadline(door: Door, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """`grpc-timeout` ends a call, unary or not."""

    async def hang(*_: object) -> bytes:
        await asyncio.Event().wait()
        return b""

    async def slow(_operation: str, _payload: bytes, _context: Context) -> AsyncIterator[bytes]:
        yield b""
        await asyncio.Event().wait()

    monkeypatch.setattr(type(door.instance), "call", hang)
    monkeypatch.setattr(type(door.instance), "stream", lambda _self, *call: slow(*call))
    _, trailers = await call(door, BINARY, method, enveloped(GET if method == "Get" else SCAN), grpc_timeout="200m")
    assert error_of(trailers).code is Code.DEADLINE_EXCEEDED


async def test_over_http2(door: Door) -> None:
    """As browsers do behind TLS; `grpc-timeout` arrives there too."""
    async with await RawPeer.connect(door.address) as peer:
        head = {":method": "POST", ":scheme": "http", ":path": f"{KEYVALUE}/Get", ":authority": "x"}
        fields = {**head, "content-type": BINARY, "grpc-timeout": "5"}
        peer.headers(1, [*fields.items()])
        peer.send(frames.DATA, frames.END_STREAM, 1, enveloped(GET))
        answered, body, _ = await peer.answer(1)
    assert answered[":status"] == "200"
    assert "grpc-timeout" in error_of(read(BINARY, Reply(200, answered, body))[1]).message


async def test_only_post(door: Door) -> None:
    """Nothing else is gRPC-Web."""
    reply = await door.ask("GET", f"{KEYVALUE}/Get", None, {"content-type": BINARY})
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


async def test_web_pages_may_call_where_they_are_listed() -> None:
    """The preflight allows what gRPC-Web sends, and the page may read the status."""
    page = "https://app.example.com"
    async with opened(cors=Cors([page])) as door:
        asked = {"origin": page, "access-control-request-method": "POST"}
        preflight = await door.ask("OPTIONS", f"{KEYVALUE}/Get", None, asked)
        allowed = preflight.headers["access-control-allow-headers"]
        assert {"x-grpc-web", "grpc-timeout", "x-user-agent"} <= set(allowed.split(", "))
        reply = await door.ask("POST", f"{KEYVALUE}/Get", enveloped(GET), {"content-type": BINARY, "origin": page})
        assert reply.headers["access-control-allow-origin"] == page
        assert "grpc-status" in reply.headers["access-control-expose-headers"]


@pytest.mark.parametrize("form", ["text", "binary"])
async def test_google_s_client(door: Door, node_grpc: Path, form: str) -> None:
    """The stock client of web pages puts, gets, scans and learns of a refusal; its streams are text only."""
    requests = [base64.b64encode(each).decode() for each in (PUT, GET, SCAN)]
    process = await asyncio.create_subprocess_exec(
        "node",
        str(Path(__file__).parent / "web_client.js"),
        door.address,
        form,
        env=os.environ | {"NODE_PATH": str(node_grpc), "REQUESTS": json.dumps(requests)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    found = json.loads(output)
    assert pb.KeyValueGetResponse.FromString(base64.b64decode(found["get"])).items[0].value == b"v"
    assert found["refused"]["code"] == Code.NOT_FOUND
    assert "none" in found["refused"]["message"]
    if form == "text":
        (page,) = found["scan"]
        assert pb.KeyValueScanStreamResponse.FromString(base64.b64decode(page)).id == "a"
