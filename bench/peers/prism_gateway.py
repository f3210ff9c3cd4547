"""The gateway before a plugin in another process: `python -m bench.peers.prism_gateway SOCKET UPSTREAM`.

The chain, the snapshot, the metrics and the server are the gateway's own. `Forwarding` stands in for the placement
`sidecar`: once that is built, this module starts a gateway with a sidecar in its configuration instead.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from functools import cache

import uvloop

from prism.context import Context
from prism.control.snapshot import Namespace, Snapshot
from prism.errors import BackendError, BackendUnavailable, InternalError, from_status
from prism.gateway.chain import Policies, chain
from prism.gateway.gateway import Gateway
from prism.gateway.grpc import grpc_methods
from prism.sdk.capabilities import Capabilities
from prism.telemetry.metrics import Metrics
from prism.wire import Channel, Server, StatusError

EXECUTE = "/prism.plugin.v1.BackendPlugin/Execute"
EXECUTE_STREAM = "/prism.plugin.v1.BackendPlugin/ExecuteStream"
SUCCESS = b"\x08\x01\x2a"
"""ExecuteResponse.success = true, then the tag of raw_result, which every answer of the upstream ends with."""


class Forwarding:
    """Sends each call on in an envelope; `prism.plugins.instance.Instance` as the data path sees it."""

    backend = "bench"
    capabilities = Capabilities()
    refusal = ""
    refusal_kind: type[BackendError] = BackendUnavailable

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def call(self, operation: str, payload: bytes, context: Context) -> bytes:
        """One request, one response."""
        try:
            answer = await self._channel.unary(
                EXECUTE, envelope(operation, payload, context), deadline=context.deadline
            )
        except StatusError as error:
            raise from_status(error.status) from error
        return raw_result(answer)

    async def stream(self, operation: str, payload: bytes, context: Context) -> AsyncIterator[bytes]:
        """One request, many responses."""
        try:
            async with self._channel.open(EXECUTE_STREAM, deadline=context.deadline) as call:
                await call.send(envelope(operation, payload, context))
                await call.end()
                async for answer in call:
                    yield raw_result(answer)
        except StatusError as error:
            raise from_status(error.status) from error

    def acquire(self) -> None:
        """Does nothing: nothing is stopped."""

    def release(self) -> None:
        """Does nothing."""


def envelope(operation: str, payload: bytes, context: Context) -> bytes:
    """ExecuteRequest{operation = 1, raw_params = 3, metadata = 4} around the untouched bytes."""
    trace = _entry("traceparent", context.traceparent) if context.traceparent else b""
    head, namespace = _operation(operation), _namespace(context.namespace)
    return b"".join((head, _varint(len(payload)), payload, namespace, trace))


def raw_result(answer: bytes) -> bytes:
    """The bytes within ExecuteResponse{success = 1, raw_result = 5}.

    Raises:
        InternalError: it is not one of the upstream's.
    """
    at, shift, size = 3, 0, 0
    more = answer[:3] == SUCCESS
    while more:
        byte = answer[at]
        size |= (byte & 0x7F) << shift
        at, shift, more = at + 1, shift + 7, byte > 0x7F
    if at + size != len(answer):
        raise InternalError("the upstream's answer is no ExecuteResponse that this benchmark knows")
    return answer[at:]


@cache
def _operation(name: str) -> bytes:
    return b"\x0a" + _sized(name.encode()) + b"\x1a"


@cache
def _namespace(name: str) -> bytes:
    return _entry("namespace", name)


def _entry(key: str, value: str) -> bytes:
    return b"\x22" + _sized(b"\x0a" + _sized(key.encode()) + b"\x12" + _sized(value.encode()))


def _sized(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


async def serve(path: str, upstream: str) -> None:
    """Serves until killed; prints a line once it listens."""
    gateway = Gateway(chain(Policies()), Metrics())
    instance = Forwarding(Channel(f"unix:{upstream}"))
    served = Namespace("bench", frozenset({"prism.data.v1.KeyValue"}), instance)
    gateway.snapshot = Snapshot(1, {served.name: served})
    async with Server(grpc_methods(gateway).get) as server:
        await server.listen(f"unix:{path}")
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2]))
