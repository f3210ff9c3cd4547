"""The way in of curl and browsers: HTTP/1.1 with JSON in the Connect protocol, by the standard library's client.

Source: connectrpc.com/docs/protocol.
"""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from queue import SimpleQueue
from socket import SHUT_RDWR
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status as RpcStatus

from prism.acceptance.callers.caller import TIMEOUT, Asked, Caller, Request
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.subject import Subject
from prism.errors import PrismError
from prism.rpc_status import from_status
from prism.wire.grpc.status import Code, Status

ENVELOPE = struct.Struct(">BI")
END_OF_STREAM = 2
AT_ONCE = 64

Result = TypeVar("Result")


class Connections:
    """Kept connections to one gateway."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._idle: SimpleQueue[HTTPConnection] = SimpleQueue()

    def take(self) -> HTTPConnection:
        """A connection that is not in use."""
        return HTTPConnection(self._address, timeout=TIMEOUT) if self._idle.empty() else self._idle.get()

    def give_back(self, connection: HTTPConnection) -> None:
        """Keeps a connection for the next call."""
        self._idle.put(connection)

    def close(self) -> None:
        """Ends the idle ones."""
        while not self._idle.empty():
            self._idle.get().close()


class HttpCaller(Caller):
    """Calls gateways with JSON; each call in a thread, for the standard client blocks."""

    name = "http"

    def __init__(
        self, subject: Subject, namespaces: Namespaces, addresses: Sequence[str], threads: ThreadPoolExecutor
    ) -> None:
        super().__init__(subject, namespaces, [Connections(address) for address in addresses])
        self._threads = threads

    async def _call(self, door: Connections, asked: Asked) -> Any:
        if asked.operation.client_streaming:
            (answer,) = [each async for each in self._stream(door, asked)]
            return answer
        connection = door.take()
        body = _json(asked.request)
        headers = _headers("application/json", asked)

        def exchange() -> tuple[HTTPResponse, bytes]:
            connection.request("POST", asked.operation.path, body, headers)
            response = connection.getresponse()
            return response, response.read()

        response, answer = await self._run(connection, exchange)
        door.give_back(connection)
        assert response.headers["content-type"] == "application/json"
        if response.status != 200:
            raise _understood(json.loads(answer))
        return json_format.Parse(answer, asked.operation.response())

    async def _stream(self, door: Connections, asked: Asked) -> AsyncIterator[Any]:
        request = asked.request
        messages = [_json(request)] if isinstance(request, Message) else [_json(each) async for each in request]
        connection = door.take()
        body = b"".join(ENVELOPE.pack(0, len(each)) + each for each in messages)
        headers = _headers("application/connect+json", asked)

        def begin() -> HTTPResponse:
            connection.request("POST", asked.operation.path, body, headers)
            return connection.getresponse()

        whole = False
        try:
            response = await self._run(connection, begin)
            assert (response.status, response.headers["content-type"]) == (200, "application/connect+json")
            if asked.on_established is not None:
                asked.on_established()
            envelopes = _envelopes(response)
            while (answer := await self._run(connection, lambda: next(envelopes, None))) is not None:
                yield json_format.Parse(answer, asked.operation.response())
            whole = True
        finally:
            door.give_back(connection) if whole else connection.close()

    async def _run(self, connection: HTTPConnection, work: Callable[[], Result]) -> Result:
        """Does the work in a thread; a caller that gives up hangs up."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            _hang_up(connection)
            with suppress(Exception):
                await future
            connection.close()
            raise

    def close(self) -> None:
        """Ends every connection."""
        for door in self.doors:
            door.close()


def _json(request: Request) -> bytes:
    assert isinstance(request, Message), "the operation takes one request"
    return json_format.MessageToJson(request, indent=None).encode()


def _hang_up(connection: HTTPConnection) -> None:
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(SHUT_RDWR)


def _headers(content_type: str, asked: Asked) -> dict[str, str]:
    headers = {
        "content-type": content_type,
        "connect-protocol-version": "1",
        "connect-timeout-ms": str(round(asked.timeout * 1000)),
    }
    return headers if asked.namespace is None else headers | {"prism-namespace": asked.namespace}


def _envelopes(response: HTTPResponse) -> Iterator[bytes]:
    """The messages of a streaming answer; its last envelope says how it ended."""
    while True:
        flags, length = ENVELOPE.unpack(response.read(ENVELOPE.size))
        payload = response.read(length)
        if flags & END_OF_STREAM:
            assert response.read() == b""
            end = json.loads(payload)
            if "error" in end:
                raise _understood(end["error"])
            return
        yield payload


def _understood(error: dict[str, Any]) -> PrismError:
    """The error that a Connect error object stands for."""
    code = Code.CANCELLED if error["code"] == "canceled" else Code[error["code"].upper()]
    status = RpcStatus(code=code, message=error.get("message", ""))
    for detail in error.get("details", ()):
        value = base64.b64decode(detail["value"] + "=" * (-len(detail["value"]) % 4))
        status.details.append(AnyMessage(type_url=f"type.googleapis.com/{detail['type']}", value=value))
    return from_status(Status(code, status.message, status.SerializeToString()))


@asynccontextmanager
async def open_http(subject: Subject, namespaces: Namespaces, addresses: Sequence[str]) -> AsyncIterator[HttpCaller]:
    """Connections as they are needed, closed at the end."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="http") as threads:
        caller = HttpCaller(subject, namespaces, addresses, threads)
        try:
            yield caller
        finally:
            caller.close()
