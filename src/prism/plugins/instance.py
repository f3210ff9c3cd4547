"""What the gateway sees of a plugin instance, wherever it runs."""

from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

from prism.context import Context
from prism.errors import BackendError
from prism.interfaces.operation import Requests
from prism.sdk.backend import Health
from prism.sdk.capabilities import DeclaredCapabilities


class Instance(Protocol):
    """A plugin with one configuration and one set of credentials; namespaces with equal ones share it."""

    @property
    def backend(self) -> str:
        """The plugin's name, as errors, logs and metrics give it."""
        ...

    @property
    def capabilities(self) -> DeclaredCapabilities:
        """What its manifest declares."""
        ...

    @property
    def refusal(self) -> str:
        """Empty while it serves; else the sentence with which calls are refused at once."""
        ...

    @property
    def refusal_kind(self) -> type[BackendError]:
        """The error that such calls get: the store cannot be reached, refuses the gateway's credentials, is damaged."""
        ...

    @property
    def probed(self) -> Health:
        """What the last probe found; while there is no refusal, calls are tried whatever it was."""
        ...

    @property
    def incarnation(self) -> int:
        """Grows each time that it has come up again: how its calls ended before says nothing of it."""
        ...

    def call(self, operation: str, payload: bytes, context: Context) -> Awaitable[bytes]:
        """Runs an operation with one request and one response.

        Raises:
            PrismError: with the outcome, where the operation writes.
        """
        ...

    def stream(self, operation: str, asked: bytes | Requests, context: Context) -> AsyncIterator[bytes]:
        """Runs an operation that streams, asked with a message or with a stream of them; closing the iterator ends it.

        An operation with one response gives exactly that.
        """
        ...

    def acquire(self) -> None:
        """A call begins: the instance is not stopped before its `release`."""
        ...

    def release(self) -> None:
        """A call has ended."""
        ...
