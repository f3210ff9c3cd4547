"""What a plugin author writes: a backend that is composed of one small object per interface.

Lifecycle: construct -> start -> attach namespaces, serve, be probed -> drain (the host's) -> stop.
Source: RFC-008 "Plugin Interface", ADR-005 "Backend Interface Per Abstraction".
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Base of a backend's configuration and of its credentials; secrets are `SecretStr`.

    Unknown fields are refused, and numbers that are not finite: no time or size is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NoCredentials(Config):
    """The credentials of a store that has none."""


class HealthStatus(enum.Enum):
    """How well a backend can serve."""

    HEALTHY = 0
    DEGRADED = 1
    UNHEALTHY = 2


@dataclass(frozen=True, slots=True)
class Health:
    """An answer to a probe.

    Attributes:
        status: whether calls succeed.
        message: what is wrong and what to do; empty when healthy.
        details: facts worth showing, such as the state of a pool.
    """

    status: HealthStatus = HealthStatus.HEALTHY
    message: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


class Backend(Protocol):
    """One store, with one configuration and one set of credentials; many namespaces share it."""

    @property
    def identity(self) -> str:
        """Names the store and nothing secret: two backends with equal identities hold the same data."""
        ...

    @property
    def interfaces(self) -> Sequence[object]:
        """The objects that serve, each an implementation of a Protocol in `prism.interfaces`."""
        ...

    async def start(self) -> None:
        """Connects and creates or migrates the schema. May be called again after it failed.

        Raises:
            BackendUnavailable: the store does not answer; the host tries again.
            BackendCredentials: the store refuses the credentials; the host tries again.
            DataLoss: what the store holds is damaged; the host tries again, as it may be restored meanwhile.
            FailedPrecondition: the store cannot be used as it is; the message says what to change.
        """
        ...

    async def attach(self, namespace: str) -> None:
        """Prepares one namespace, cheaply: 10,000 of them share one backend."""
        ...

    async def holds_data(self, namespace: str) -> bool:
        """Whether anything is stored in the namespace, expired or not."""
        ...

    async def health(self) -> Health:
        """Asks the store; answers within a second or two, and never raises."""
        ...

    def metrics(self) -> Mapping[str, float]:
        """Gauges by Prometheus-style name, such as `pool_connections_idle`; cheap, called at each scrape."""
        ...

    async def stop(self) -> None:
        """Ends: nothing of the backend is left. What was acknowledged is stored. May be called before `start`."""
        ...
