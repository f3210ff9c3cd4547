"""Health and reflection over HTTP/JSON and gRPC-Web."""

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.connect.door import JSON, Door, enveloped, envelopes, opened
from prism._proto.grpc.health.v1 import health_pb2 as health
from prism._proto.grpc.reflection.v1 import reflection_pb2 as v1
from prism._proto.grpc.reflection.v1alpha import reflection_pb2 as v1alpha

HEALTH = "/grpc.health.v1.Health"
STREAM = {"content-type": "application/connect+proto"}
WEB = {"content-type": "application/grpc-web+proto"}
WEB_TEXT = {"content-type": "application/grpc-web-text"}
END, TRAILERS = 2, 0x80


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as door:
        yield door


async def test_health_by_json(door: Door) -> None:
    """Of the gateway, of one service, of all; an unknown one is not found, as over gRPC."""
    for asked in ({}, {"service": "prism.data.v1.KeyValue"}):
        reply = await door.ask("POST", f"{HEALTH}/Check", json.dumps(asked).encode(), {"content-type": JSON})
        assert (reply.status, reply.json) == (200, {"status": "SERVING"})
    listed = await door.ask("POST", f"{HEALTH}/List", b"{}", {"content-type": JSON})
    assert listed.json["statuses"]["prism.data.v1.KeyValue"] == {"status": "SERVING"}
    unknown = await door.ask("POST", f"{HEALTH}/Check", b'{"service": "x"}', {"content-type": JSON})
    assert (unknown.status, unknown.json["code"], unknown.json["details"]) == (404, "not_found", [])
    assert "known: prism.data.v1.KeyValue" in unknown.json["message"]
    malformed = await door.ask("POST", f"{HEALTH}/Check", b"\xff", {"content-type": "application/proto"})
    assert (malformed.status, malformed.json["code"]) == (400, "invalid_argument")


async def test_health_by_grpc_web(door: Door) -> None:
    """The same in frames."""
    reply = await door.ask("POST", f"{HEALTH}/Check", enveloped(b""), WEB)
    (_, answer), (flags, trailers) = envelopes(reply.body)
    assert health.HealthCheckResponse.FromString(answer).status == health.HealthCheckResponse.SERVING
    assert (flags, trailers) == (TRAILERS, b"grpc-status: 0\r\n")
    asked = health.HealthCheckRequest(service="x").SerializeToString()
    ((_, trailers),) = envelopes((await door.ask("POST", f"{HEALTH}/Check", enveloped(asked), WEB)).body)
    assert b"grpc-status: 5\r\n" in trailers


@pytest.mark.parametrize(("headers", "end"), [(STREAM, b'"unavailable"'), (WEB, b"grpc-status: 14\r\n")])
async def test_health_is_watched(door: Door, headers: dict[str, str], end: bytes) -> None:
    """The status comes at once, and the stream ends where the server drains."""
    watching = asyncio.create_task(door.ask("POST", f"{HEALTH}/Watch", enveloped(b""), headers))
    while not door.health._seen:  # noqa: ASYNC110 - the service has no event for it
        await asyncio.sleep(0)
    door.health.close()
    (_, answer), (_, ended) = envelopes((await watching).body)
    assert health.HealthCheckResponse.FromString(answer).status == health.HealthCheckResponse.SERVING
    assert end in ended


@pytest.mark.parametrize("version", [v1, v1alpha])
@pytest.mark.parametrize("headers", [STREAM, WEB, WEB_TEXT])
async def test_reflection(door: Door, version: Any, headers: dict[str, str]) -> None:
    """Each request of the body is answered, in their order; a body without any gets an end without answers."""
    request = version.ServerReflectionRequest
    path = f"/{version.DESCRIPTOR.package}.ServerReflection/ServerReflectionInfo"
    asked = [request(list_services=""), request(file_containing_symbol="prism.data.v1.KeyValue"), request()]
    body = b"".join(enveloped(each.SerializeToString()) for each in asked)
    text = headers is WEB_TEXT
    reply = await door.ask("POST", path, base64.b64encode(body) if text else body, headers)
    *found, end = envelopes(_decoded(reply.body) if text else reply.body)
    listed, described, nothing = (version.ServerReflectionResponse.FromString(message) for _, message in found)
    names = {each.name for each in listed.list_services_response.service}
    assert {"prism.data.v1.KeyValue", "grpc.health.v1.Health"} <= names
    assert described.file_descriptor_response.file_descriptor_proto
    assert nothing.error_response.error_code == 3
    assert end == ((END, b"{}") if headers is STREAM else (TRAILERS, b"grpc-status: 0\r\n"))
    empty = await door.ask("POST", path, b"", headers)
    assert len(envelopes(_decoded(empty.body) if text else empty.body)) == 1
    broken = await door.ask("POST", path, base64.b64encode(body[:-1]) if text else body[:-1], headers)
    *answered, end = envelopes(_decoded(broken.body) if text else broken.body)
    assert len(answered) == (0 if text else 2)  # what has come whole before it; base64 is read as a whole
    assert (b"invalid_argument" if headers is STREAM else b"grpc-status: 3\r\n") in end[1]


@pytest.mark.parametrize("protocol", ["connect", "grpcweb"])
async def test_buf_curl_asks_for_health(door: Door, buf: Path, protocol: str) -> None:
    """With the .proto files that the port itself gives."""
    url = f"http://{door.address}"
    command = [buf, "curl", "--schema", f"{url}/proto.zip", "--protocol", protocol, "-d", "{}", f"{url}{HEALTH}/Check"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"status": "SERVING"}


def _decoded(text: bytes) -> bytes:
    """Frames of gRPC-Web as text, each of which is padded by itself."""
    found = b""
    while text:
        size = 5 + int.from_bytes(base64.b64decode(text[:8])[1:5])
        length = (size + 2) // 3 * 4
        found, text = found + base64.b64decode(text[:length]), text[length:]
    return found
