"""The gateway with addresses signed: `Presign` is answered by it, and not by the namespace's instance."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from typing import Any

from prism.gateway.call import Incoming
from prism.gateway.gateway import Gateway
from prism.gateway.handler import Decode
from prism.gateway.objects_http.presign import Presigner
from prism.interfaces import objectstore as messages
from prism.interfaces.operation import Operation, Requests

(PRESIGN,) = (each for each in messages.INTERFACE.operations if each.method == "presign")


class Signing:
    """An `OperationHandler`: the gateway's, but for `Presign`.

    Args:
        gateway: carries the rest out, and admits this too.
        presigner: signs.
    """

    def __init__(self, gateway: Gateway, presigner: Presigner) -> None:
        self._gateway = gateway
        self._presigner = presigner

    @property
    def operations(self) -> Mapping[str, Operation]:
        """What can be called, by path."""
        return self._gateway.operations

    def unary(
        self, incoming: Incoming, operation: Operation, payload: bytes, decode: Decode | None = None
    ) -> Coroutine[Any, Any, bytes]:
        """Runs an operation with one request and one response."""
        instead = self._presigner.sign if operation is PRESIGN else None
        return self._gateway.unary(incoming, operation, payload, decode, instead)

    def stream(
        self,
        incoming: Incoming,
        operation: Operation,
        asked: bytes | Requests,
        decode: Decode | None = None,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Runs an operation that streams."""
        return self._gateway.stream(incoming, operation, asked, decode, on_established)
