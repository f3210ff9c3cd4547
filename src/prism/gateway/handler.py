"""What the ways in, gRPC and HTTP/JSON, hand calls to: the gateway on the data port, the admin service on its own."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Protocol

from prism.gateway.call import Incoming
from prism.interfaces.operation import Operation, Requests

Decode = Callable[[bytes], Awaitable[bytes]]
"""Makes the message of what arrived, where a way in speaks another language; raises a PrismError."""


class OperationHandler(Protocol):
    """Carries operations out. Both methods raise PrismErrors; those of a write say their outcome."""

    @property
    def operations(self) -> Mapping[str, Operation]:
        """What can be called, by path."""
        ...

    async def unary(
        self, incoming: Incoming, operation: Operation, payload: bytes, decode: Decode | None = None
    ) -> bytes:
        """Runs an operation with one request and one response.

        Args:
            incoming: what arrived beside the message.
            operation: what is asked.
            payload: the message.
            decode: makes the message of the payload, once the call is admitted; None where it is one already.
        """
        ...

    def stream(
        self,
        incoming: Incoming,
        operation: Operation,
        asked: bytes | Requests,
        decode: Decode | None = None,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Runs an operation that streams; takes what `unary` does, or a stream of messages where its requests are one.

        `on_established` is called when the stream misses nothing from then on, if that is ever said.
        """
        ...


class Handlers:
    """The handlers of a port: which one carries an operation out.

    Args:
        first: of what the port is for.
        beside: of what is served beside it, such as health.
    """

    def __init__(self, first: OperationHandler, beside: OperationHandler | None = None) -> None:
        self.first = first
        self._beside = beside

    def find(self, path: str) -> tuple[OperationHandler, Operation | None]:
        """The handler of the operation of that path, and the operation; none where there is none."""
        operation = self.first.operations.get(path)
        if operation is not None or self._beside is None:
            return self.first, operation
        return self._beside, self._beside.operations.get(path)
