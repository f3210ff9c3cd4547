"""The way in of any gRPC client: stock grpc.aio, which knows nothing of Prism."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
from google.protobuf.message import Message

from prism.acceptance.callers.caller import TIMEOUT, Turns
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.subject import Subject
from prism.errors import PrismError
from prism.interfaces.operation import Operation
from prism.rpc_status import from_status
from prism.wire.grpc.status import Code, Status

LARGE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class GrpcCaller:
    """Calls gateways over one HTTP/2 connection each."""

    name = "grpc"

    def __init__(self, subject: Subject, namespaces: Namespaces, channels: Sequence[grpc.aio.Channel]) -> None:
        self.store = subject.name
        self.capabilities = subject.capabilities
        self.namespaces = namespaces
        self.gateways = len(channels)
        self._turns = Turns(len(channels))
        self._channels = channels
        self._known: dict[tuple[int, str], Any] = {}

    async def call(
        self,
        operation: Operation,
        request: Message,
        *,
        namespace: str | None,
        via: int | None = None,
        timeout: float = TIMEOUT,
    ) -> Any:
        """See Caller."""
        multicallable = self._multicallable(operation, via)
        try:
            return await multicallable(request, metadata=_metadata(namespace), timeout=timeout)
        except grpc.aio.AioRpcError as error:
            raise _understood(error) from error

    async def stream(
        self,
        operation: Operation,
        request: Message,
        *,
        namespace: str | None,
        via: int | None = None,
        timeout: float = TIMEOUT,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncIterator[Any]:
        """See Caller."""
        multicallable = self._multicallable(operation, via)
        call = multicallable(request, metadata=_metadata(namespace), timeout=timeout)
        try:
            if on_established is not None:
                await call.initial_metadata()
                if not call.done():  # a refusal has trailers alone, which grpc.aio gives as headers too
                    on_established()
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise _understood(error) from error
        finally:
            call.cancel()

    def _multicallable(self, operation: Operation, via: int | None) -> Any:
        door = self._turns.take(via)
        if (door, operation.name) not in self._known:
            channel = self._channels[door]
            kind = channel.unary_stream if operation.server_streaming else channel.unary_unary
            self._known[door, operation.name] = kind(operation.path, _serialised, operation.response.FromString)
        return self._known[door, operation.name]


def _serialised(message: Message) -> bytes:
    return message.SerializeToString()


def _metadata(namespace: str | None) -> list[tuple[str, str]]:
    return [] if namespace is None else [("prism-namespace", namespace)]


def _understood(error: grpc.aio.AioRpcError) -> PrismError:
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
