"""Whether the gateway serves, and each namespace: one answer for the HTTP probes, gRPC health and the metrics.

The gateway is ready while it accepts calls, whatever its stores do: were it taken out of service because one store is
down, the callers of every other namespace would lose it too, and those of this one would lose the reason.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prism.control.snapshot import Namespace, Snapshot
from prism.interfaces.catalogue import interfaces


@dataclass(frozen=True, slots=True)
class NamespaceReadiness:
    """One namespace.

    Attributes:
        name: as callers give it.
        backend: the plugin that serves it.
        reason: why calls are refused; empty while they are served.
    """

    name: str
    backend: str
    reason: str

    @property
    def ready(self) -> bool:
        """Whether calls are served."""
        return not self.reason


class Readiness:
    """Asked at every probe.

    Attributes:
        accepting: set by whoever runs the gateway: true from when it listens until it drains.
    """

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self.accepting = False
        self._snapshot = snapshot

    def namespaces(self) -> Iterator[NamespaceReadiness]:
        """Every namespace."""
        return map(_readiness, self._snapshot().namespaces.values())

    def namespace(self, name: str) -> NamespaceReadiness | None:
        """One namespace; None where it is not configured."""
        found = self._snapshot().namespaces.get(name)
        return None if found is None else _readiness(found)

    def services(self) -> Mapping[str, bool]:
        """By full gRPC service name, and by the empty name for the gateway: whether calls are accepted.

        A service is down where namespaces have it and all of them refuse.
        """
        up: dict[str, bool] = {}
        for namespace in self._snapshot().namespaces.values():
            for service in namespace.interfaces:
                up[service] = up.get(service, False) or not namespace.instance.refusal
        known = {interface.service.full_name: True for interface in interfaces().values()}
        return {name: self.accepting and serves for name, serves in {"": True, **known, **up}.items()}


def _readiness(namespace: Namespace) -> NamespaceReadiness:
    return NamespaceReadiness(namespace.name, namespace.instance.backend, namespace.instance.refusal)
