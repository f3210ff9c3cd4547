"""What a suite needs of a way in: nothing else of a backend, gateway or client is known to a test."""

import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from google.protobuf.message import Message

from prism.acceptance.namespaces import Namespaces
from prism.acceptance.subject import Subject
from prism.interfaces.operation import Operation
from prism.sdk import DeclaredCapabilities

TIMEOUT = float(os.environ.get("PRISM_ACCEPTANCE_TIMEOUT", "20"))
"""Seconds that a test waits for what must come."""

Request = Message | AsyncIterable[Message]
"""One message; a stream of them where the operation takes one."""

BOTH_WAYS = pytest.mark.ways("binding", "process", "grpc", "client")
"""A test of a stream in both directions at once: HTTP/1.1 has none."""

UNTYPED = pytest.mark.ways("binding", "process", "grpc", "http")
"""A test of requests that the client's types do not let an application write."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, as every way in is given it.

    Attributes:
        operation: what is to be run.
        request: its message, or a stream of them.
        namespace: for which; None to name none.
        timeout: in seconds.
        on_established: of a stream: called when the response headers have come.
    """

    operation: Operation
    request: Request
    namespace: str | None
    timeout: float
    on_established: Callable[[], None] | None = None


class Caller(ABC):
    """One way into one store.

    Attributes:
        name: the way's name.
        store: the backend's name.
        capabilities: what the backend's manifest declares.
        namespaces: the namespaces that tests may write to.
        gateways: how many doors to the same data there are; calls alternate between them.

    Args:
        subject: what is tested.
        namespaces: as above.
        doors: what the way has for each gateway, or in place of one.
    """

    name: ClassVar[str]

    def __init__(self, subject: Subject, namespaces: Namespaces, doors: Sequence[Any]) -> None:
        self.store: str = subject.name
        self.capabilities: DeclaredCapabilities = subject.capabilities
        self.namespaces = namespaces
        self.gateways = len(doors)
        self.doors = doors
        self._last = -1

    async def call(
        self,
        operation: Operation,
        request: Request,
        *,
        namespace: str | None,
        via: int | None = None,
        timeout: float = TIMEOUT,
    ) -> Any:
        """Runs an operation with one response, through the next gateway or through number `via`.

        Raises:
            PrismError: as the gateway answered it.
        """
        return await self._call(self._door(via), Asked(operation, request, namespace, timeout))

    def stream(
        self,
        operation: Operation,
        request: Request,
        *,
        namespace: str | None,
        via: int | None = None,
        timeout: float = TIMEOUT,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncIterator[Any]:
        """Runs an operation that answers with a stream; closing the iterator ends it.

        `on_established` is called when the response headers have come: the stream misses nothing from then on.
        """
        return self._stream(self._door(via), Asked(operation, request, namespace, timeout, on_established))

    @abstractmethod
    async def _call(self, door: Any, asked: Asked) -> Any:
        """`call`, through one of the doors."""

    @abstractmethod
    def _stream(self, door: Any, asked: Asked) -> AsyncIterator[Any]:
        """`stream`, through one of the doors."""

    def _door(self, via: int | None) -> Any:
        if via is None:
            via = self._last = self._last + 1
        return self.doors[via % self.gateways]
