"""Refuses every call: takes the place of an instance for a namespace that is disabled or could not be attached."""

from collections.abc import AsyncIterator, Awaitable

from prism.context import Context
from prism.errors import BackendError, BackendUnavailable, Outcome
from prism.interfaces.operation import Requests
from prism.sdk.backend import Health
from prism.sdk.capabilities import DeclaredCapabilities


class UnavailableInstance:
    """Refuses every call with the same error; `prism.plugins.instance.Instance` as the data path sees it.

    Attributes:
        backend: the name of the plugin whose place it takes.
        capabilities: of that plugin.
        refusal: the sentence.
        refusal_kind: the error that carries it.
        probed: always healthy, as nothing is probed.
        incarnation: always the same.
    """

    __slots__ = ("backend", "capabilities", "incarnation", "probed", "refusal", "refusal_kind")

    def __init__(self, backend: str, capabilities: DeclaredCapabilities, refusal: str) -> None:
        self.backend = backend
        self.capabilities = capabilities
        self.refusal = refusal
        self.refusal_kind: type[BackendError] = BackendUnavailable
        self.probed = Health()
        self.incarnation = 0

    def call(self, operation: str, payload: bytes, context: Context) -> Awaitable[bytes]:  # noqa: ARG002  # the face
        """Refuses."""
        raise BackendUnavailable(self.refusal, outcome=Outcome.NOT_APPLIED)

    def stream(self, operation: str, asked: bytes | Requests, context: Context) -> AsyncIterator[bytes]:  # noqa: ARG002  # the face
        """Refuses."""
        raise BackendUnavailable(self.refusal, outcome=Outcome.NOT_APPLIED)

    def acquire(self) -> None:
        """Does nothing: nothing is stopped."""

    def release(self) -> None:
        """Does nothing."""
