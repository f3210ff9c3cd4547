"""The Connect project's own Python client against the door, over HTTP/1.1 and HTTP/2."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from gateway.connect.door import Door, opened
from prism.interfaces.catalogue import interfaces
from prism.interfaces.keyvalue import GetRequest, Item, ListRecordsRequest, PutItem, PutRequest, ScanStreamRequest
from prism.interfaces.operation import Operation

pytest.importorskip("connectrpc")

from connectrpc.client import ConnectClientSync
from connectrpc.code import Code
from connectrpc.compat import google_protobuf_binary_codec, google_protobuf_json_codec
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from pyqwest import HTTPVersion, SyncClient, SyncHTTPTransport

CODECS = {"json": google_protobuf_json_codec, "proto": google_protobuf_binary_codec}
Answer = TypeVar("Answer")


def method_info(operation: Operation) -> MethodInfo[Any, Any]:
    service, _, name = operation.name.partition("/")
    stream = StreamType.SERVER_STREAM if operation.server_streaming else StreamType.UNARY
    level = IdempotencyLevel.NO_SIDE_EFFECTS if operation.reads else IdempotencyLevel.UNKNOWN
    return MethodInfo(
        name=name,
        service_name=service,
        input=operation.request,
        output=operation.response,
        idempotency_level=level,
        stream_type=stream,
    )


METHODS = {each.method: method_info(each) for each in interfaces()["keyvalue"].operations}
PUT = PutRequest(id="a", items=[PutItem(key=b"k%d" % number, value=b"\x00\xff") for number in range(3)])


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as door:
        yield door


class Client:
    """A client of one codec over one version of HTTP; it compresses its requests, as it does by default."""

    def __init__(self, codec: str, version: HTTPVersion) -> None:
        self.codec = codec
        self.version = version

    async def use(self, door: Door, use: Callable[[ConnectClientSync], Answer]) -> Answer:
        """What `use` finds with it."""

        def run() -> Answer:
            transport = SyncHTTPTransport(http_version=self.version)
            with (
                transport,
                ConnectClientSync(
                    f"http://{door.address}",
                    codec=CODECS[self.codec](),
                    timeout_ms=10_000,
                    http_client=SyncClient(transport),
                ) as client,
            ):
                return use(client)

        return await asyncio.to_thread(run)


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[HTTPVersion.HTTP1, HTTPVersion.HTTP2], ids=["http1", "http2"])
def client(request: pytest.FixtureRequest, codec: str) -> Client:
    return Client(codec, request.param)


async def test_unary_by_post_and_get(door: Door, client: Client) -> None:
    """What is put is got, by POST and by GET, in both codecs."""

    def use(stub: ConnectClientSync) -> list[Item]:
        stub.execute_unary(request=PUT, method=METHODS["put"])
        get = GetRequest(id="a", keys=[b"k1"])
        answers = [stub.execute_unary(request=get, method=METHODS["get"], use_get=each) for each in (False, True)]
        return [item for answer in answers for item in answer.items]

    assert [(item.key, item.value) for item in await client.use(door, use)] == [(b"k1", b"\x00\xff")] * 2


async def test_server_stream(door: Door, client: Client) -> None:
    """A stream is read to its end."""

    def use(stub: ConnectClientSync) -> list[bytes]:
        stub.execute_unary(request=PUT, method=METHODS["put"])
        pages = stub.execute_server_stream(request=ScanStreamRequest(id="a"), method=METHODS["scan_stream"])
        return [item.key for page in pages for item in page.items]

    assert await client.use(door, use) == [b"k0", b"k1", b"k2"]


async def test_errors(door: Door, client: Client) -> None:
    """The client knows the codes and details of unary calls and of streams."""

    def use(stub: ConnectClientSync) -> tuple[ConnectError, ConnectError]:
        nowhere = {"prism-namespace": "nowhere"}
        with pytest.raises(ConnectError) as unary:
            stub.execute_unary(request=ListRecordsRequest(), method=METHODS["list_records"], headers=nowhere)
        pages = stub.execute_server_stream(request=ScanStreamRequest(), method=METHODS["scan_stream"], headers=nowhere)
        with pytest.raises(ConnectError) as stream:
            list(pages)
        return unary.value, stream.value

    for error in await client.use(door, use):
        assert error.code == Code.NOT_FOUND
        assert "'nowhere'" in error.message
        assert [detail.type_name for detail in error.details] == ["google.rpc.ErrorInfo"]
