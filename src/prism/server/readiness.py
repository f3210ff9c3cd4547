"""Whether the gateway serves, and each namespace: one answer for the HTTP probes, gRPC health and the metrics.

The gateway is ready while it accepts calls, whatever its stores do: were it taken out of service because one store is
down, the callers of every other namespace would lose it too, and those of this one would lose the reason.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from prism.gateway.snapshot import Namespace, Snapshot
from prism.interfaces.catalogue import interfaces
from prism.plugins.instance import Instance
from prism.sdk.backend import HealthStatus

_WORST_FIRST = ("not ready", "degraded", "ready")


@dataclass(frozen=True, slots=True)
class NamespaceReadiness:
    """One namespace.

    Attributes:
        name: as callers give it.
        backend: the plugin that serves it; of several the one that fares worst.
        status: `not ready` where calls are refused, or the last probe found that its store serves none; `degraded`
            where the probe found another fault.
        reason: what is wrong; empty when ready.
    """

    name: str
    backend: str
    status: Literal["ready", "degraded", "not ready"]
    reason: str

    @property
    def ready(self) -> bool:
        """Whether calls are served."""
        return self.status != "not ready"


class Readiness:
    """Asked at every probe.

    Attributes:
        accepting: set by the server: true from when it listens until it begins to stop.
    """

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self.accepting = False
        self._snapshot = snapshot

    def namespaces(self) -> Iterator[NamespaceReadiness]:
        """Every namespace."""
        return map(readiness_of, self._snapshot().namespaces.values())

    def namespace(self, name: str) -> NamespaceReadiness | None:
        """One namespace; None where it is not configured."""
        found = self._snapshot().namespaces.get(name)
        return None if found is None else readiness_of(found)

    def services(self) -> Mapping[str, bool]:
        """By full gRPC service name, and by the empty name for the gateway: whether calls are accepted.

        A service is down where namespaces have it and all of them refuse.
        """
        up: dict[str, bool] = {}
        for namespace in self._snapshot().namespaces.values():
            for service, target in namespace.targets.items():
                up[service] = up.get(service, False) or not target.instance.refusal
        known = {interface.service.full_name: True for interface in interfaces().values()}
        return {name: self.accepting and serves for name, serves in {"": True, **known, **up}.items()}


def readiness_of(namespace: Namespace) -> NamespaceReadiness:
    """What is known of it now: of several instances what the one that fares worst says."""
    found = [_readiness(namespace.name, each) for each in namespace.instances]
    return min(found, key=lambda each: _WORST_FIRST.index(each.status))


def _readiness(name: str, instance: Instance) -> NamespaceReadiness:
    probed = instance.probed
    if instance.refusal or probed.status is HealthStatus.UNHEALTHY:
        reason = instance.refusal or probed.message or "its store is unhealthy"
        return NamespaceReadiness(name, instance.backend, "not ready", reason)
    if probed.status is HealthStatus.DEGRADED:
        return NamespaceReadiness(name, instance.backend, "degraded", probed.message or "it is degraded")
    return NamespaceReadiness(name, instance.backend, "ready", "")
