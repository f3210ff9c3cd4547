"""What a suite needs of a way in: nothing else of a backend, gateway or client is known to a test."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import pytest
from google.protobuf.message import Message

from prism.acceptance.namespaces import Namespaces
from prism.interfaces.operation import Operation
from prism.sdk import DeclaredCapabilities

TIMEOUT = 20.0

UNTYPED = pytest.mark.ways("binding", "process", "grpc", "http")
"""A test of requests that the client's types do not let an application write."""


class Caller(Protocol):
    """One way into one store.

    Attributes:
        store: the backend's name.
        name: the way's name.
        capabilities: what the backend's manifest declares.
        gateways: how many doors to the same data there are; calls alternate between them.
        namespaces: the namespaces that tests may write to.
    """

    store: str
    name: str
    capabilities: DeclaredCapabilities
    gateways: int
    namespaces: Namespaces

    async def call(
        self,
        operation: Operation,
        request: Message,
        *,
        namespace: str | None,
        via: int | None = None,
        timeout: float = TIMEOUT,
    ) -> Any:
        """Runs a unary operation, through the next gateway or through number `via`.

        Raises:
            PrismError: as the gateway answered it.
        """
        ...

    def stream(
        self,
        operation: Operation,
        request: Message,
        *,
        namespace: str | None,
        via: int | None = None,
        timeout: float = TIMEOUT,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncIterator[Any]:
        """Runs an operation that answers with a stream; closing the iterator ends it.

        `on_established` is called when the response headers have come: the stream misses nothing from then on.
        """
        ...


class Turns:
    """Alternates between gateways."""

    def __init__(self, gateways: int) -> None:
        self._gateways = gateways
        self._last = -1

    def take(self, via: int | None) -> int:
        """The gateway for the next call: number `via` where one is wanted."""
        if via is not None:
            return via % self._gateways
        self._last = (self._last + 1) % self._gateways
        return self._last
