"""The Connect protocol's streaming form, for operations that answer with a stream."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator

import pytest

from gateway.connect.door import KEYVALUE, Door, enveloped, envelopes, opened
from prism._proto.data.v1 import keyvalue_pb2 as pb
from prism.context import Context
from prism.wire.http2 import frames
from wire.raw_peer import RawPeer

STREAM_JSON = "application/connect+json"
STREAM_PROTO = "application/connect+proto"
SCAN = f"{KEYVALUE}/ScanStream"


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as door:
        for record in ("a", "b", "c"):
            items = [{"key": base64.b64encode(bytes([key])).decode(), "value": "dg=="} for key in range(5)]
            assert (await door.post("Put", {"id": record, "items": items})).status == 200
        yield door


async def test_json(door: Door) -> None:
    """Every record comes in envelopes, and a last envelope says that all went well."""
    reply = await door.ask("POST", SCAN, enveloped(b"{}"), {"content-type": STREAM_JSON})
    assert (reply.status, reply.headers["content-type"]) == (200, STREAM_JSON)
    *messages, end = envelopes(reply.body)
    assert end == (2, b"{}")
    pages = [json.loads(message) for flags, message in messages if flags == 0]
    assert len(pages) == len(messages)
    assert [(page["id"], item["key"]) for page in pages for item in page["items"]] == [
        (record, base64.b64encode(bytes([key])).decode()) for record in "abc" for key in range(5)
    ]


async def test_proto_compressed(door: Door) -> None:
    """Protobuf passes untouched, and a compressed request is read."""
    request = gzip.compress(pb.KeyValueScanStreamRequest(id="b").SerializeToString())
    headers = {"content-type": STREAM_PROTO, "connect-content-encoding": "gzip"}
    reply = await door.ask("POST", SCAN, enveloped(request, 1), headers)
    *messages, end = envelopes(reply.body)
    assert end == (2, b"{}")
    pages = [pb.KeyValueScanStreamResponse.FromString(message) for _, message in messages]
    assert {page.id for page in pages} == {"b"}
    assert sum(len(page.items) for page in pages) == 5


LIMIT = 1000


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
@pytest.mark.parametrize(
    ("size", "code"),
    [
        (LIMIT, None),
        (LIMIT + 1, "resource_exhausted"),
        (LIMIT + 6, "resource_exhausted"),
        (9 * LIMIT, "resource_exhausted"),
    ],
)
async def test_the_limit_is_of_the_message(size: int, code: str | None, chunked: bool) -> None:
    """The envelope is not held against it; what is over it, by a byte or far, ends the stream as every error does."""
    unnamed = pb.KeyValueScanStreamRequest(id="").SerializeToString()
    message = unnamed + b"\xfa\x7f" + bytes([(size - 4) & 0x7F | 0x80, (size - 4) >> 7]) + b"x" * (size - 4)
    assert len(message) == size
    body = enveloped(message)
    async with opened(max_message_size=LIMIT) as door:
        if chunked:
            reply = await asyncio.to_thread(door.ask_in_pieces, SCAN, body, {"content-type": STREAM_PROTO})
        else:
            reply = await door.ask("POST", SCAN, body, {"content-type": STREAM_PROTO})
    assert (reply.status, reply.headers["content-type"]) == (200, STREAM_PROTO)
    end = json.loads(envelopes(reply.body)[-1][1])
    assert end.get("error", {}).get("code") == code
    if code:
        details = end["error"]["details"][0]["debug"]
        assert details["reason"] == "MESSAGE_TOO_LARGE"


@pytest.mark.parametrize("encoding", ["", "identity"])
async def test_a_compressed_message_needs_an_encoding(door: Door, encoding: str) -> None:
    """A flag without a header that says how is a client's mistake, whatever the message reads as."""
    headers = {"content-type": STREAM_JSON, **({"connect-content-encoding": encoding} if encoding else {})}
    reply = await door.ask("POST", SCAN, enveloped(b"{}", 1), headers)
    error = json.loads(envelopes(reply.body)[-1][1])["error"]
    assert (error["code"], error["details"][0]["debug"]["reason"]) == ("internal", "MALFORMED_REQUEST")


async def test_an_unknown_codec_of_grpc_is_refused(door: Door) -> None:
    """Over HTTP/2 too: it is not read as protobuf."""
    async with await RawPeer.connect(door.address) as peer:
        for number, kind in ((1, "application/grpc+foo"), (3, "application/grpc+json"), (5, "application/grpcfoo")):
            fields = {":method": "POST", ":scheme": "http", ":path": SCAN, ":authority": "x", "content-type": kind}
            peer.headers(number, [*fields.items()])
            peer.send(frames.DATA, frames.END_STREAM, number, enveloped(b""))
            answered, _, _ = await peer.answer(number)
            assert answered[":status"] == "415"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no message came"),
        (b"{}", "in an envelope"),
        (enveloped(b"{}") + enveloped(b"{}"), "takes exactly one message"),
        (enveloped(b"{}")[:-1], "announces 2 bytes and 1 follow"),
        (enveloped(b"{}", 2), "flags are 0x02"),
        (enveloped(b'{"idd": 1}'), "did you mean id?"),
        (enveloped(b'{"cursor": "Zm9yZ2Vk"}'), "cursor"),
    ],
)
async def test_errors_come_in_the_last_envelope(door: Door, body: bytes, says: str) -> None:
    """The status of a stream is 200 whatever happens; its end carries the error."""
    reply = await door.ask("POST", SCAN, body, {"content-type": STREAM_JSON})
    assert reply.status == 200
    ((flags, end),) = envelopes(reply.body)
    assert flags == 2
    error = json.loads(end)["error"]
    assert error["code"] == ("unimplemented" if "message" in says else "invalid_argument")
    assert says in error["message"]


async def test_the_deadline_ends_a_stream(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that takes longer than Connect-Timeout-Ms ends with that error, after what it gave in time."""
    closed = []

    async def slow(_operation: str, _payload: bytes, _context: Context) -> AsyncIterator[bytes]:
        try:
            yield b""
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    monkeypatch.setattr(type(door.instance), "stream", lambda _self, *call: slow(*call))
    headers = {"content-type": STREAM_JSON, "connect-timeout-ms": "200"}
    reply = await door.ask("POST", SCAN, enveloped(b"{}"), headers)
    (first, end) = envelopes(reply.body)
    assert first == (0, b"{}")
    assert json.loads(end[1])["error"]["code"] == "deadline_exceeded"
    assert closed == [True]


async def test_a_client_that_leaves_ends_its_stream(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the client goes away the backend's stream is closed, and the call is counted as cancelled."""
    closed = asyncio.Event()

    async def endless(_operation: str, _payload: bytes, _context: Context) -> AsyncIterator[bytes]:
        try:
            while True:
                yield pb.KeyValueScanStreamResponse(id="x" * 1000).SerializeToString()
                await asyncio.sleep(0)
        finally:
            closed.set()

    monkeypatch.setattr(type(door.instance), "stream", lambda _self, *call: endless(*call))
    reader, writer = await asyncio.open_connection(*door.address.split(":"))
    body = enveloped(b"{}")
    head = f"POST {SCAN} HTTP/1.1\r\nhost: x\r\ncontent-type: {STREAM_JSON}\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    async with asyncio.timeout(20):
        await writer.wait_closed()
        await closed.wait()
    assert door.metrics.in_flight() == {"prism.data.v1.KeyValue/ScanStream": 0, "prism.data.v1.KeyValue/Put": 0}


async def test_a_defect_ends_a_stream(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even what nobody foresaw ends the stream in order, and tells the caller nothing of its inside."""

    async def defective(_operation: str, _payload: bytes, _context: Context) -> AsyncIterator[bytes]:
        raise RuntimeError("inside")
        yield b""

    monkeypatch.setattr(type(door.instance), "stream", lambda _self, *call: defective(*call))
    reply = await door.ask("POST", SCAN, enveloped(b"{}"), {"content-type": STREAM_JSON})
    error = json.loads(envelopes(reply.body)[0][1])["error"]
    assert error["code"] == "internal"
    assert "inside" not in error["message"].replace("inside the gateway", "")
