"""Streams of requests by the Connect protocol: by stock clients, and as only raw peers send them."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from google.protobuf.wrappers_pb2 import BytesValue, Int64Value

import relays
from gateway.connect.door import Door, enveloped, envelopes, opened
from prism.acceptance.relay.backend import FAIL, HOLD
from prism.acceptance.relay.service import NAME, SERVICE
from prism.wire import Code
from prism.wire.http2 import frames
from wire.raw_peer import RawPeer

PROTO: Final = "application/connect+proto"
LIMIT: Final = 100_000
PARTS: Final = [b"one", b"two" * 10_000, b""]
SUM: Final = b"3 parts, 30003 bytes, "
END: Final = 2


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """The relay behind it."""
    async with opened(max_message_size=LIMIT, plugin=relays.RELAY, own=[SERVICE]) as door:
        yield door


def part(value: bytes) -> bytes:
    return enveloped(BytesValue(value=value).SerializeToString())


def value(message: bytes) -> bytes:
    return BytesValue.FromString(message).value


async def still_open(door: Door) -> int:
    answer = await door.ask("POST", f"/{NAME}/Open", b"", {"content-type": "application/proto"})
    return Int64Value.FromString(answer.body).value


async def until_none_is_open(door: Door) -> None:
    async with asyncio.timeout(10):
        while await still_open(door):  # noqa: ASYNC110 - the relay has no event for it
            await asyncio.sleep(0.01)


class Stream:
    """A request on a connection of its own, by hand."""

    def __init__(self, peer: RawPeer, method: str, *fields: tuple[str, str], kind: str = PROTO) -> None:
        self.peer = peer
        head = [(":method", "POST"), (":scheme", "http"), (":path", f"/{NAME}/{method}"), ("content-type", kind)]
        peer.headers(1, [*head, *fields])

    def send(self, data: bytes) -> None:
        self.peer.send(frames.DATA, 0, 1, data)

    def end(self) -> None:
        self.peer.send(frames.DATA, frames.END_STREAM, 1)

    async def next(self) -> bytes:
        """The next message."""
        ((flags, message),) = envelopes((await self.peer.until(frames.DATA, 1)).payload)
        assert not flags
        return message

    async def error(self) -> dict[str, Any]:
        """How it ends."""
        _, body, _ = await self.peer.answer(1)
        *_, (flags, end) = envelopes(body)
        assert flags == END
        return dict(json.loads(end).get("error", {}))


async def test_by_the_stock_client(door: Door) -> None:
    """Three parts are three, in order and whole, in both codecs: a client stream over HTTP/1.1 too."""
    pytest.importorskip("connectrpc")
    from connectrpc.client import ConnectClient
    from connectrpc.compat import google_protobuf_binary_codec, google_protobuf_json_codec
    from connectrpc.errors import ConnectError
    from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
    from pyqwest import Client, HTTPTransport, HTTPVersion

    def info(name: str, stream: StreamType) -> MethodInfo[BytesValue, BytesValue]:
        return MethodInfo(
            name=name,
            service_name=NAME,
            input=BytesValue,
            output=BytesValue,
            idempotency_level=IdempotencyLevel.UNKNOWN,
            stream_type=stream,
        )

    async def given(*parts: bytes, turn: asyncio.Event | None = None) -> AsyncIterator[BytesValue]:
        for each in parts:
            yield BytesValue(value=each)
            if turn is not None:
                await turn.wait()
                turn.clear()

    for version in (HTTPVersion.HTTP1, HTTPVersion.HTTP2):
        for codec in (google_protobuf_binary_codec, google_protobuf_json_codec):
            async with (
                HTTPTransport(http_version=version) as transport,
                ConnectClient(f"http://{door.address}", codec=codec(), http_client=Client(transport)) as client,
            ):
                up, both = info("Up", StreamType.CLIENT_STREAM), info("Both", StreamType.BIDI_STREAM)
                summed = await client.execute_client_stream(request=given(*PARTS), method=up, timeout_ms=10_000)
                assert summed.value.startswith(SUM)
                with pytest.raises(ConnectError, match="told to fail") as failed:
                    await client.execute_client_stream(request=given(b"one", FAIL), method=up)
                assert failed.value.code.value == "failed_precondition"
                if version is HTTPVersion.HTTP2:
                    turn, found = asyncio.Event(), []
                    async for each in client.execute_bidi_stream(request=given(*PARTS, turn=turn), method=both):
                        found.append(each.value)
                        turn.set()
                    assert found == PARTS
    await until_none_is_open(door)


@pytest.mark.parametrize("protocol", ["connect", "grpcweb"])
async def test_buf_asks_for_the_description_and_calls(door: Door, buf: Path, protocol: str) -> None:
    """By reflection of the server itself, a stream both ways; and by the Connect protocol a stream of ours."""
    url = f"http://{door.address}"

    async def curl(method: str, data: str) -> "subprocess.CompletedProcess[str]":
        command = [buf, "curl", "--http2-prior-knowledge", "--protocol", protocol, "-d", data, f"{url}/{NAME}/{method}"]
        return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)

    done = await curl("Echo", '"eA=="')
    assert (done.returncode, done.stdout.strip()) == (0, '"eA=="'), done.stderr
    done = await curl("Both", '"eA==" "eQ=="')
    if protocol == "connect":
        assert (done.returncode, done.stdout.split()) == (0, ['"eA=="', '"eQ=="']), done.stderr
    else:
        assert done.returncode
        assert "which gRPC-Web has not" in done.stderr


async def test_both_ways_at_once_take_http2(door: Door) -> None:
    """Over HTTP/1.1 they are refused at once, with a sentence, before the body has come."""
    async with asyncio.timeout(10), await RawPeer.connect(door.address, preface=b"") as peer:
        head = f"POST /{NAME}/Both HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTO}\r\ntransfer-encoding: chunked\r\n\r\n"
        peer.writer.write(head.encode())
        answer = await peer.reader.read()
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert b'"code": "unimplemented"' in answer
    assert b"which HTTP/1.1 cannot; call it over HTTP/2" in answer


async def test_grpc_web_has_none(door: Door) -> None:
    """Neither binary nor as text, and none waits for a body."""
    for kind in ("application/grpc-web+proto", "application/grpc-web-text"):
        for method in ("Up", "Both"):
            answer = await door.ask("POST", f"/{NAME}/{method}", part(b"x"), {"content-type": kind})
            assert answer.status == 200
    async with asyncio.timeout(10), await RawPeer.connect(door.address) as peer:
        Stream(peer, "Up", kind="application/grpc-web")
        _, body, _ = await peer.answer(1)
    ((flags, trailers),) = envelopes(body)
    assert flags == 0x80
    assert b"grpc-status: 12\r\n" in trailers
    assert b"which gRPC-Web has not" in trailers


async def test_each_is_answered_before_the_next(door: Door) -> None:
    """Messages go on as they come; the end of the requests ends the answers."""
    async with asyncio.timeout(10), await RawPeer.connect(door.address) as peer:
        stream = Stream(peer, "Both")
        for each in (b"one", b"two"):
            stream.send(part(each))
            assert value(await stream.next()) == each
        stream.end()
        assert json.loads(envelopes((await peer.until(frames.DATA, 1)).payload)[0][1]) == {}
    await until_none_is_open(door)


@pytest.mark.parametrize(
    ("sent", "code", "reason"),
    [
        (part(b"xyz")[:-1], "invalid_argument", "MALFORMED_REQUEST"),
        (enveloped(b"\xff"), "invalid_argument", "INVALID_ARGUMENT"),
        (enveloped(b"", 4), "invalid_argument", "MALFORMED_REQUEST"),
        (enveloped(b"x", 1), "internal", "MALFORMED_REQUEST"),
        (frames.MESSAGE_HEAD.pack(0, LIMIT + 1), "resource_exhausted", "MESSAGE_TOO_LARGE"),
    ],
    ids=["cut off", "not a message", "flags", "compressed with nothing", "too large"],
)
@pytest.mark.parametrize("method", ["Up", "Both"])
async def test_what_cannot_be_read(door: Door, method: str, sent: bytes, code: str, reason: str) -> None:
    """It ends the stream in its own end, with a reason, and is counted as that."""
    async with asyncio.timeout(10), await RawPeer.connect(door.address) as peer:
        stream = Stream(peer, method)
        stream.send(part(b"one") + sent)
        stream.end()
        error = await stream.error()
    assert error["code"] == code
    assert [each["debug"]["reason"] for each in error["details"] if "reason" in each["debug"]] == [reason]
    await until_none_is_open(door)
    (codes,) = [each.codes for each in door.metrics.totals() if each.operation == f"{NAME}/{method}"]
    assert codes[Code[code.upper()].value] == 1


async def test_a_deadline(door: Door) -> None:
    """It counts from the head, whatever the client still sends."""
    async with asyncio.timeout(10), await RawPeer.connect(door.address) as peer:
        stream = Stream(peer, "Both", ("connect-timeout-ms", "100"))
        stream.send(part(b"one"))
        assert (await stream.error())["code"] == "deadline_exceeded"
    await until_none_is_open(door)


async def test_an_operation_that_does_not_read_stops_its_client(door: Door) -> None:
    """No more of the window is opened than buffers on the way take; a client that leaves frees all."""
    async with asyncio.timeout(10), await RawPeer.connect(door.address) as peer:
        stream = Stream(peer, "Up")
        stream.send(part(HOLD))
        room, sent, chunk = 65_535 - len(part(HOLD)), 0, part(bytes(16_000))
        updates = asyncio.create_task(peer.until(frames.WINDOW_UPDATE, 1))
        while True:
            while room >= len(chunk):
                stream.send(chunk)
                room, sent = room - len(chunk), sent + len(chunk)
            done, _ = await asyncio.wait((updates,), timeout=0.3)
            if not done:
                break
            (more,) = frames.UINT32.unpack(updates.result().payload)
            room += more
            updates = asyncio.create_task(peer.until(frames.WINDOW_UPDATE, 1))
        updates.cancel()
        assert sent < 1_000_000
        assert await still_open(door) == 1
    await until_none_is_open(door)
