"""The Connect protocol, unary: asked over HTTP as curl, browsers and generated clients do."""

import asyncio
import base64
import gzip
import json
import sys
import zipfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import pytest

from gateway.connect.door import JSON, KEYVALUE, Door, enveloped, opened
from prism._proto.data.v1 import keyvalue_pb2 as pb
from prism.context import Context
from prism.errors import BackendUnavailable, Outcome, Unauthenticated
from prism.gateway.connect.errors import HTTP_STATUS
from prism.interfaces.catalogue import interfaces
from prism.wire import Code
from prism.wire.http2 import frames
from wire.raw_peer import RawPeer

PROTO = "application/proto"
PUT = {"id": "account:1", "items": [{"key": "cGxhbg", "value": "dGVhbQ", "metadata": {"type": "text"}}]}
GET = {"id": "account:1", "keys": ["cGxhbg"]}


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as door:
        yield door


async def test_json_there_and_back(door: Door) -> None:
    """What is put by JSON is got by JSON, in protobuf's own mapping."""
    put = await door.post("Put", PUT)
    assert (put.status, put.headers["content-type"]) == (200, JSON)
    (version,) = put.json["versions"]
    got = await door.post("Get", GET, connect_protocol_version="1")
    item = {"key": "cGxhbg==", "value": "dGVhbQ==", "metadata": {"type": "text"}, "version": version}
    assert got.json == {"items": [item]}


async def test_a_time_to_expire_at_by_json(door: Door) -> None:
    """`expiresAt` comes back as it was given; together with `ttl` it is refused."""
    item = {"key": "cGxhbg==", "value": "dGVhbQ==", "expiresAt": "2199-01-02T03:04:05.678901Z"}
    assert (await door.post("Put", {"id": "r", "items": [item]})).status == 200
    (found,) = (await door.post("Get", GET | {"id": "r"})).json["items"]
    assert found["expiresAt"] == item["expiresAt"]
    both = await door.post("Put", {"id": "r", "items": [item | {"ttl": "60s", "value": ""}]})
    assert (both.status, both.json["code"]) == (400, "invalid_argument")
    assert "expiry" in both.json["message"]
    (kept,) = (await door.post("Get", GET | {"id": "r"})).json["items"]
    assert kept == found


async def test_proto_there_and_back(door: Door) -> None:
    """Generated clients send protobuf; it passes untouched."""
    await door.post("Put", PUT)
    body = pb.KeyValueGetRequest(id="account:1", keys=[b"plan"]).SerializeToString()
    reply = await door.ask("POST", f"{KEYVALUE}/Get", body, {"content-type": PROTO})
    assert (reply.status, reply.headers["content-type"]) == (200, PROTO)
    assert pb.KeyValueGetResponse.FromString(reply.body).items[0].value == b"team"
    empty = await door.ask("POST", f"{KEYVALUE}/ListRecords", b"", {"content-type": PROTO})
    assert pb.KeyValueListRecordsResponse.FromString(empty.body).ids == ["account:1"]


async def test_the_namespace_is_a_header(door: Door) -> None:
    """The header decides, as metadata does for gRPC; calls are counted like all others."""
    reply = await door.post("Get", GET, prism_namespace="nowhere")
    assert (reply.status, reply.json["code"]) == (404, "not_found")
    assert "'nowhere'" in reply.json["message"]
    (totals,) = door.metrics.totals()
    assert (totals.namespace, totals.codes[Code.NOT_FOUND]) == ("", 1)


async def test_errors_carry_their_details(door: Door) -> None:
    """An error is JSON with code, message and google.rpc details, binary and readable."""
    reply = await door.post("Put", {"id": "", "items": []})
    assert (reply.status, reply.headers["content-type"], reply.json["code"]) == (400, JSON, "invalid_argument")
    details = {detail["type"]: detail for detail in reply.json["details"]}
    info = details["google.rpc.ErrorInfo"]["debug"]
    assert info["domain"] == "prism"
    assert info["metadata"]["outcome"] == "NOT_APPLIED"
    fields = [violation["field"] for violation in details["google.rpc.BadRequest"]["debug"]["fieldViolations"]]
    assert fields == ["id", "items"]
    value = details["google.rpc.BadRequest"]["value"]
    assert "=" not in value
    assert base64.b64decode(value + "=" * (-len(value) % 4))


async def test_malformed_json_names_field_and_place(door: Door) -> None:
    """What the gateway never saw is an invalid argument too, and a write's outcome is known."""
    reply = await door.post("Put", {"id": "a", "items": [{"kee": "YQ"}]})
    assert (reply.status, reply.json["code"]) == (400, "invalid_argument")
    assert "items[0].kee: an unknown field; did you mean key?" in reply.json["message"]
    assert reply.json["details"][0]["debug"]["metadata"]["outcome"] == "NOT_APPLIED"
    reply = await door.ask("POST", f"{KEYVALUE}/Get", b'{"id": }', {"content-type": JSON})
    assert "line 1, column 8" in reply.json["message"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "says", "header"),
    [
        ("POST", "/prism.data.v1.KeyValue/Gett", {}, 404, "did you mean /prism.data.v1.KeyValue/Get?", {}),
        ("GET", "/favicon.ico", {}, 404, "GET / lists the services", {}),
        ("GET", f"{KEYVALUE}/Put", {}, 405, "send POST", {"allow": "POST"}),
        ("DELETE", f"{KEYVALUE}/Get", {}, 405, "send GET or POST", {"allow": "GET, POST"}),
        ("OPTIONS", f"{KEYVALUE}/Get", {"origin": "https://a.example"}, 405, "OPTIONS is not allowed for", {}),
        ("GET", f"{KEYVALUE}/ScanStream", {}, 405, "send POST", {"allow": "POST"}),
        ("POST", f"{KEYVALUE}/Get", {}, 415, "a request without content type", {}),
        ("POST", f"{KEYVALUE}/Get", {"content-type": "application/json; charset=latin-1"}, 415, "latin-1", {}),
        (
            "POST",
            f"{KEYVALUE}/ScanStream",
            {"content-type": JSON},
            415,
            "send one of application/connect+json, application/connect+proto",
            {},
        ),
    ],
)
async def test_what_http_refuses(
    door: Door, method: str, path: str, headers: dict[str, str], status: int, says: str, header: dict[str, str]
) -> None:
    """Wrong paths, methods and content types are refused by the right status, with what to do instead."""
    reply = await door.ask(method, path, b"{}" if method == "POST" else None, headers)
    assert reply.status == status
    assert says in reply.json["message"]
    assert reply.json["code"] == ("unimplemented" if status == 404 else "unknown")
    assert header.items() <= dict(reply.headers).items()


async def test_who_does_not_speak_connect_gets_a_line_of_text(door: Door) -> None:
    """A gRPC client would take JSON for an answer of another protocol, and a person reads a line more easily."""
    for kind in ("text/plain", "application/grpc-web+foo", "image/jpeg"):
        reply = await door.ask("POST", f"{KEYVALUE}/Get", b"{}", {"content-type": kind})
        assert (reply.status, reply.headers["content-type"]) == (415, "text/plain; charset=utf-8")
        assert reply.headers["accept-post"] == "application/json, application/proto"
        assert reply.body.endswith(b"send one of application/json, application/proto\n")


async def test_content_type_parameters(door: Door) -> None:
    """Content types compare without case, and may say UTF-8."""
    reply = await door.ask(
        "POST", f"{KEYVALUE}/ListRecords", b"{}", {"content-type": "Application/JSON; charset=UTF-8"}
    )
    assert reply.status == 200


async def test_gzip_requests_are_read_within_their_bound(door: Door) -> None:
    """A compressed body is taken, a bomb is not inflated, other encodings are named."""
    await door.post("Put", PUT)
    headers = {"content-type": JSON, "content-encoding": "gzip"}
    reply = await door.ask("POST", f"{KEYVALUE}/Get", gzip.compress(json.dumps(GET).encode()), headers)
    assert reply.json["items"]
    bomb = await door.ask("POST", f"{KEYVALUE}/Get", gzip.compress(b" " * (8 << 20)), headers)
    assert (bomb.status, bomb.json["code"]) == (429, "resource_exhausted")
    assert "1048576 bytes" in bomb.json["message"]
    broken = await door.ask("POST", f"{KEYVALUE}/Get", b"not gzip", headers)
    assert broken.status == 400
    unknown = await door.ask("POST", f"{KEYVALUE}/Get", b"x", {**headers, "content-encoding": "br"})
    assert (unknown.status, unknown.json["code"]) == (501, "unimplemented")
    assert "gzip or identity" in unknown.json["message"]


async def test_get_of_what_only_reads(door: Door) -> None:
    """Operations without side effects answer GET: the message in the query, plain or base64, JSON or protobuf."""
    await door.post("Put", PUT)
    plain = urlencode({"connect": "v1", "encoding": "json", "message": json.dumps(GET)})
    reply = await door.ask("GET", f"{KEYVALUE}/Get?{plain}&unknown=1")
    assert reply.json["items"][0]["value"] == "dGVhbQ=="
    assert reply.headers["cache-control"] == "no-store"
    message = pb.KeyValueGetRequest(id="account:1", keys=[b"plan"]).SerializeToString()
    text = base64.urlsafe_b64encode(message).rstrip(b"=").decode()
    reply = await door.ask("GET", f"{KEYVALUE}/Get?encoding=proto&base64=1&message={text}")
    assert pb.KeyValueGetResponse.FromString(reply.body).items[0].value == b"team"
    text = base64.urlsafe_b64encode(gzip.compress(message)).decode()
    query = urlencode({"encoding": "proto", "base64": "1", "compression": "gzip", "message": text})
    reply = await door.ask("GET", f"{KEYVALUE}/Get?{query}")
    assert pb.KeyValueGetResponse.FromString(reply.body).items[0].value == b"team"


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("", 415, "encoding=json or encoding=proto"),
        ("encoding=xml&message=x", 415, "encoding=json or encoding=proto"),
        ("encoding=json", 400, "lacks message="),
        ("encoding=json&connect=v2&message={}", 400, "only v1 is supported"),
        ("encoding=proto&base64=1&message=!!", 400, "not base64"),
        ("encoding=json&message=%ff", 400, "cannot be read"),
        ("&".join(["a=1"] * 200), 400, "cannot be read"),
    ],
)
async def test_queries_that_cannot_be_read(door: Door, query: str, status: int, says: str) -> None:
    """A malformed query says what is missing or wrong."""
    reply = await door.ask("GET", f"{KEYVALUE}/Get?{query}")
    assert reply.status == status
    assert says in reply.json["message"]


@pytest.mark.parametrize(("name", "value"), [("connect-timeout-ms", "soon"), ("connect-protocol-version", "2")])
async def test_malformed_protocol_headers(door: Door, name: str, value: str) -> None:
    """A header of the protocol that cannot be understood is not guessed at."""
    reply = await door.post("Get", GET, **{name: value})
    assert (reply.status, reply.json["code"]) == (400, "invalid_argument")
    assert value in reply.json["message"]


async def test_the_deadline_ends_a_call(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connect-Timeout-Ms ends a call that takes longer; of a write the outcome is unknown."""
    ended = []

    async def never(_operation: str, _payload: bytes, context: Context) -> bytes:
        assert context.deadline is not None
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        return b""

    monkeypatch.setattr(type(door.instance), "call", lambda _self, *call: never(*call))
    reply = await door.post("Put", PUT, connect_timeout_ms="500")
    assert (reply.status, reply.json["code"]) == (504, "deadline_exceeded")
    assert reply.json["details"][0]["debug"]["metadata"]["outcome"] == "UNKNOWN"
    assert ended == [True]


@pytest.mark.parametrize(
    ("kind", "timeout"), [(PROTO, "connect-timeout-ms: 50"), ("application/grpc-web+proto", "grpc-timeout: 50m")]
)
async def test_the_deadline_counts_from_the_head(door: Door, kind: str, timeout: str) -> None:
    """A body that comes after it changes nothing, over HTTP/1.1 and HTTP/2."""
    put = pb.KeyValuePutRequest(id="late", items=[pb.KeyValuePutItem(key=b"k", value=b"v")]).SerializeToString()
    body = put if kind == PROTO else enveloped(put)
    name, _, value = timeout.partition(": ")
    async with await RawPeer.connect(door.address) as peer:
        fields = [(":method", "POST"), (":scheme", "http"), (":path", f"{KEYVALUE}/Put"), (":authority", "x")]
        peer.headers(1, [*fields, ("content-type", kind), (name, value)])
        head = f"POST {KEYVALUE}/Put HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\n{timeout}\r\n"
        reader, writer = await asyncio.open_connection(*door.address.rsplit(":", 1))
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode())
        await asyncio.sleep(0.2)  # that is what is tested
        peer.send(frames.DATA, frames.END_STREAM, 1, body)
        writer.write(body)
        for answered in ((await peer.answer(1))[1], await reader.read()):
            assert b"did not come whole within" in answered
        writer.close()
    assert (await door.post("Get", {"id": "late", "keys": ["aw=="]})).json == {}


async def test_waiting_and_credentials_are_said_in_headers(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP clients that know nothing of the details learn when to try again, and how to log in."""
    failures = iter(
        [BackendUnavailable("later", retry_after=1.5, outcome=Outcome.NOT_APPLIED), Unauthenticated("who are you?")]
    )

    async def fail(_operation: str, _payload: bytes, _context: Context) -> bytes:
        raise next(failures)

    monkeypatch.setattr(type(door.instance), "call", lambda _self, *call: fail(*call))
    later = await door.post("Get", GET)
    assert (later.status, later.headers["retry-after"]) == (503, "2")
    unknown = await door.post("Get", GET)
    assert (unknown.status, unknown.headers["www-authenticate"]) == (401, "Bearer")
    defect = await door.post("Get", GET)
    assert (defect.status, defect.json["code"]) == (500, "internal")


async def test_large_messages(door: Door) -> None:
    """Messages large enough to be converted in a thread come through whole."""
    value = base64.b64encode(bytes(300_000)).decode()
    put = await door.post("Put", {"id": "large", "items": [{"key": "YQ", "value": value}]})
    assert put.status == 200
    got = await door.post("Get", {"id": "large", "keys": ["YQ"]})
    assert got.json["items"][0]["value"] == value


def test_every_code_has_a_status() -> None:
    """No error can meet a code without an HTTP status."""
    assert set(HTTP_STATUS) == set(Code) - {Code.OK}


async def test_the_front_page(door: Door) -> None:
    """GET / says what this is and gives a command that works as it stands."""
    text = await door.ask("GET", "/")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    page = await door.ask("GET", "/", headers={"accept": JSON})
    command = page.json["try"]
    start, _, rest = command.partition("/prism.data.v1.")
    assert (start, rest.partition(" ")[2]) == (
        f"curl http://{door.address}", "-H 'content-type: application/json' -d '{}'",
    )  # fmt: skip
    assert rest.startswith(("Graph/ListNodes ", "KeyValue/ListRecords "))
    assert command in text.body.decode()
    assert (await door.ask("HEAD", "/")).status == 200
    assert page.json["services"] == sorted(each.service.full_name for each in interfaces().values())
    assert page.json["try"] == command
    forged = await door.ask("GET", "/", headers={"host": "x;rm -rf ~"})
    assert "rm -rf" not in forged.body.decode()
    assert "http://localhost:8980/" in forged.body.decode()


async def test_the_contract_is_served(door: Door, tmp_path: Path) -> None:
    """GET /proto.zip has every .proto file; they compile alone, and are the same bytes each time."""
    response = await door.ask("GET", "/proto.zip")
    assert (response.status, response.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(BytesIO(response.body)) as archive:
        archive.extractall(tmp_path)
        names = archive.namelist()
    assert {"prism/data/v1/keyvalue.proto", "prism/admin/v1/admin.proto", "google/rpc/status.proto"} < set(names)
    command = ["-m", "grpc_tools.protoc", f"-I{tmp_path}", f"--descriptor_set_out={tmp_path / 'set'}", *names]
    process = await asyncio.create_subprocess_exec(sys.executable, *command)
    assert await process.wait() == 0
    assert (await door.ask("GET", "/proto.zip")).body == response.body
    assert (await door.ask("POST", "/proto.zip")).status == 404
