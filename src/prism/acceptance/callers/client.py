"""The way in of a Python application: `prism.client`, through its public names alone."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from google.protobuf.message import Message

from prism.acceptance.callers.caller import TIMEOUT, Turns
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.subject import Subject
from prism.acceptance.suite import Translation, suites
from prism.client import Client
from prism.interfaces.catalogue import interfaces
from prism.interfaces.operation import Operation


class ClientCaller:
    """Says with the client's methods what the contract's requests ask for, and gives what they return as its answers.

    What an application cannot say with them is an assertion: such a test is not about this way.
    """

    name = "client"

    def __init__(self, subject: Subject, namespaces: Namespaces, clients: Sequence[Client]) -> None:
        self.store = subject.name
        self.capabilities = subject.capabilities
        self.gateways = len(clients)
        self.namespaces = namespaces
        self._clients = clients
        self._turns = Turns(len(clients))
        self._translations = _translations()

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
        client = self._clients[self._turns.take(via)]
        return await self._translations[operation.name].call(client, namespace, operation, request, timeout)

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
        """See Caller."""
        client = self._clients[self._turns.take(via)]
        translation = self._translations[operation.name]
        return translation.stream(client, namespace, operation, request, timeout, on_established)


def _translations() -> Mapping[str, Translation]:
    """By the full names of operations."""
    return {
        operation.name: suite.client
        for suite in suites().values()
        if suite.client is not None
        for operation in interfaces()[suite.interface].operations
    }


@asynccontextmanager
async def open_client(
    subject: Subject, namespaces: Namespaces, addresses: Sequence[str]
) -> AsyncIterator[ClientCaller]:
    """One client for each gateway."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(address)) for address in addresses]
        yield ClientCaller(subject, namespaces, clients)
