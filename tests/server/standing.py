"""An instance for tests that look at readiness only."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field

from prism.context import Context
from prism.sdk.backend import Health
from prism.sdk.capabilities import DeclaredCapabilities


@dataclass
class StandingInstance:
    """An instance that serves nothing and says whether it would."""

    backend: str = "memory"
    refusal: str = ""
    incarnation: int = 0
    probed: Health = field(default_factory=Health)
    capabilities: DeclaredCapabilities = field(default_factory=DeclaredCapabilities)

    def call(self, operation: str, payload: bytes, context: Context) -> Awaitable[bytes]:
        raise NotImplementedError

    def stream(self, operation: str, payload: bytes, context: Context) -> AsyncIterator[bytes]:
        raise NotImplementedError

    def acquire(self) -> None: ...

    def release(self) -> None: ...
