"""What the suites' small languages have in common: one namespace of one abstraction, seen through one `Caller`."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, Self, TypeVar

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from prism.acceptance.callers.caller import TIMEOUT, Caller, Request
from prism.acceptance.skips import not_declared
from prism.errors import Outcome, PrismError
from prism.interfaces.capabilities import Capabilities
from prism.interfaces.operation import Interface, Operation

BRIEF = 0.001
LONG = 3600.0
EXPIRY_TIMEOUT = 10.0

Error = TypeVar("Error", bound=PrismError)


def duration(seconds: float) -> Duration:
    """Seconds as the contract's messages carry them; below zero too."""
    nanos = round(seconds * 1e9)
    sign = -1 if nanos < 0 else 1
    whole, rest = divmod(abs(nanos), 10**9)
    return Duration(seconds=sign * whole, nanos=sign * rest)


def moment(instant: float) -> Timestamp:
    """Seconds since 1970 as the contract's messages carry them, to the microsecond; below zero too."""
    timestamp = Timestamp()
    timestamp.FromMicroseconds(round(instant * 1e6))
    return timestamp


class Dsl:
    """One abstraction in one namespace.

    Attributes:
        INTERFACE: the abstraction.
        OPERATIONS: of the abstraction, by the names that its .proto gives them.
    """

    INTERFACE: ClassVar[Interface]
    OPERATIONS: ClassVar[Mapping[str, Operation]]

    capabilities: Capabilities

    def __init__(self, caller: Caller, namespace: str | None = None) -> None:
        self.caller = caller
        self.namespaces = caller.namespaces
        self.namespace = caller.namespaces.fresh() if namespace is None else namespace
        self.capabilities = caller.capabilities.of(self.INTERFACE.name)

    def elsewhere(self, namespace: str | None = None) -> Self:
        """The same store in another namespace: a fresh one, or the one named."""
        return type(self)(self.caller, namespace)

    def needs(self, *capabilities: str) -> None:
        """Skips a test of what the backend does not declare."""
        for name in capabilities:
            if not self.capabilities.declares(name):
                not_declared(name)

    async def call(self, method: str, request: Request, *, via: int | None = None, timeout: float = TIMEOUT) -> Any:
        """Any unary operation with any request."""
        operation = self.OPERATIONS[method]
        return await self.caller.call(operation, request, namespace=self.namespace, via=via, timeout=timeout)

    def open(self, method: str, request: Request, *, via: int | None = None) -> AsyncIterator[Any]:
        """Any operation that answers with a stream; closing the iterator ends it."""
        return self.caller.stream(self.OPERATIONS[method], request, namespace=self.namespace, via=via)

    async def refused(self, kind: type[Error], method: str, request: Request, *, via: int | None = None) -> Error:
        """The error of a call that must fail; that of a write must say that nothing was applied."""
        operation = self.OPERATIONS[method]
        streams = operation.server_streaming
        with pytest.raises(kind) as caught:
            await (anext(self.open(method, request, via=via)) if streams else self.call(method, request, via=via))
        assert type(caught.value) is kind, repr(caught.value)
        if not operation.reads:
            assert caught.value.outcome is Outcome.NOT_APPLIED, f"outcome {caught.value.outcome} of {caught.value!r}"
        return caught.value


def operations(interface: Interface) -> dict[str, Operation]:
    """An abstraction's operations by the names that its .proto gives them."""
    return {each.name.rpartition("/")[2]: each for each in interface.operations}
