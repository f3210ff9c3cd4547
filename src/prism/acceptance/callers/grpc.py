"""The way in of any gRPC client: stock grpc.aio, which knows nothing of Prism."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
from google.protobuf.message import Message

from prism.acceptance.callers.caller import Asked, Caller
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.subject import Subject
from prism.errors import BackendUnavailable, PrismError
from prism.rpc_status import from_status
from prism.wire.grpc.status import Code, Status

_NOT_KNOWN = "Internal error from Core"
"""What grpc.aio says, as INTERNAL and of its own, of a stream that ended while a request was being written to it."""
_STATUS_FOLLOWS = 0.02
"""Seconds within which grpc.aio gives the status of a refusal whose trailers it gave as headers."""
LARGE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class GrpcCaller(Caller):
    """Calls gateways over one HTTP/2 connection each."""

    name = "grpc"

    def __init__(self, subject: Subject, namespaces: Namespaces, channels: Sequence[grpc.aio.Channel]) -> None:
        super().__init__(subject, namespaces, channels)
        self._known: dict[tuple[grpc.aio.Channel, str], Any] = {}

    async def _call(self, door: grpc.aio.Channel, asked: Asked) -> Any:
        try:
            return await self._begun(door, asked)
        except grpc.aio.AioRpcError as error:
            raise _understood(error) from error

    async def _stream(self, door: grpc.aio.Channel, asked: Asked) -> AsyncIterator[Any]:
        call = self._begun(door, asked)
        try:
            if asked.on_established is not None:
                await call.initial_metadata()
                if not await _refused(call):
                    asked.on_established()
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise _understood(error) from error
        finally:
            call.cancel()

    def _begun(self, door: grpc.aio.Channel, asked: Asked) -> Any:
        operation = asked.operation
        if (door, operation.name) not in self._known:
            asks, answers = (
                "stream" if many else "unary" for many in (operation.client_streaming, operation.server_streaming)
            )
            kind = getattr(door, f"{asks}_{answers}")
            self._known[door, operation.name] = kind(operation.path, _serialised, operation.response.FromString)
        metadata = [] if asked.namespace is None else [("prism-namespace", asked.namespace)]
        return self._known[door, operation.name](asked.request, metadata=metadata, timeout=asked.timeout)


async def _refused(call: Any) -> bool:
    """Whether what came as headers were the trailers of a refusal: grpc.aio gives the status a moment after them."""
    status = asyncio.ensure_future(call.code())
    await asyncio.wait((status,), timeout=_STATUS_FOLLOWS)
    status.cancel()
    return bool(call.done())


def _serialised(message: Message) -> bytes:
    return message.SerializeToString()


def _understood(error: grpc.aio.AioRpcError) -> PrismError:
    if error.details() == _NOT_KNOWN:
        return BackendUnavailable("the stream ended while a request was written to it; grpc.aio does not say how")
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    return from_status(Status(Code(error.code().value[0]), error.details() or "", bytes(details)))


@asynccontextmanager
async def open_grpc(subject: Subject, namespaces: Namespaces, addresses: Sequence[str]) -> AsyncIterator[GrpcCaller]:
    """Connects to each gateway."""
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(address, options=LARGE)) for address in addresses
        ]
        yield GrpcCaller(subject, namespaces, channels)
