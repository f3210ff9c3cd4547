"""The way in of any gRPC client: stock grpc.aio, which knows nothing of Prism."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
from google.protobuf.message import Message

from prism.errors import PrismError, from_status
from prism.wire.status import Code, Status

from .caller import OPERATIONS, TIMEOUT, Turns
from .store import Store

LARGE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class GrpcCaller:
    """Calls gateways over one HTTP/2 connection each."""

    name = "grpc"

    def __init__(self, store: Store, channels: Sequence[grpc.aio.Channel]) -> None:
        self.store = store.name
        self.capabilities = store.capabilities
        self.gateways = len(channels)
        self._turns = Turns(len(channels))
        self._unary = [
            {
                method: channel.unary_unary(operation.path, _serialised, operation.response.FromString)
                for method, operation in OPERATIONS.items()
            }
            for channel in channels
        ]
        self._streaming = [
            {
                method: channel.unary_stream(operation.path, _serialised, operation.response.FromString)
                for method, operation in OPERATIONS.items()
            }
            for channel in channels
        ]

    async def call(
        self, method: str, request: Message, *, namespace: str | None, via: int | None = None, timeout: float = TIMEOUT
    ) -> Any:
        """See Caller."""
        multicallable = self._unary[self._turns.take(via)][method]
        try:
            return await multicallable(request, metadata=_metadata(namespace), timeout=timeout)
        except grpc.aio.AioRpcError as error:
            raise _understood(error) from error

    async def stream(
        self, method: str, request: Message, *, namespace: str | None, via: int | None = None, timeout: float = TIMEOUT
    ) -> AsyncIterator[Any]:
        """See Caller."""
        multicallable = self._streaming[self._turns.take(via)][method]
        call = multicallable(request, metadata=_metadata(namespace), timeout=timeout)
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise _understood(error) from error
        finally:
            call.cancel()


def _serialised(message: Message) -> bytes:
    return message.SerializeToString()


def _metadata(namespace: str | None) -> list[tuple[str, str]]:
    return [] if namespace is None else [("prism-namespace", namespace)]


def _understood(error: grpc.aio.AioRpcError) -> PrismError:
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    return from_status(Status(Code(error.code().value[0]), error.details() or "", bytes(details)))


@asynccontextmanager
async def open_grpc(store: Store, addresses: Sequence[str]) -> AsyncIterator[GrpcCaller]:
    """Connects to each gateway."""
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(address, options=LARGE)) for address in addresses
        ]
        yield GrpcCaller(store, channels)
