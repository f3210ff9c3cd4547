"""The way in of a Python application: `prism.client`, through its public names alone."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from google.protobuf.message import Message

from prism.acceptance.callers.caller import Asked, Caller, Request
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.subject import Subject
from prism.acceptance.suite import Translation, suites
from prism.client import Client
from prism.interfaces.catalogue import interfaces


class ClientCaller(Caller):
    """Says with the client's methods what the contract's requests ask for, and gives what they return as its answers.

    What an application cannot say with them is an assertion: such a test is not about this way.
    """

    name = "client"

    def __init__(self, subject: Subject, namespaces: Namespaces, clients: Sequence[Client]) -> None:
        super().__init__(subject, namespaces, clients)
        self._translations = _translations()

    async def _call(self, door: Client, asked: Asked) -> Any:
        translation = self._translations.get(asked.operation.name)
        if translation is None:
            return await door.call(*_plainly(asked), timeout=asked.timeout)
        return await translation.call(door, asked.namespace, asked.operation, _one(asked), asked.timeout)

    def _stream(self, door: Client, asked: Asked) -> AsyncIterator[Any]:
        translation = self._translations.get(asked.operation.name)
        if translation is None:
            return door.stream(*_plainly(asked), timeout=asked.timeout)
        return translation.stream(
            door, asked.namespace, asked.operation, _one(asked), asked.timeout, asked.on_established
        )


def _plainly(asked: Asked) -> tuple[str, str, Request]:
    """An operation that the client has no method for: a plugin's own."""
    assert asked.namespace is not None, "the client names a namespace"
    return asked.namespace, asked.operation.name, asked.request


def _one(asked: Asked) -> Message:
    assert isinstance(asked.request, Message), "no method of the client takes a stream of requests"
    return asked.request


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
