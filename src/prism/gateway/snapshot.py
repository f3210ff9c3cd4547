"""The snapshot: everything the data path reads, immutable, swapped in with one assignment.

Control builds it; the gateway only reads it. What changes by use (counters, buckets) lives beside it and survives
swaps.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from prism.config.access import Access
from prism.config.sections.authentication import AuthenticationSection
from prism.config.sections.policy import PolicySection
from prism.gateway.forwarding import Forwarding
from prism.plugins.instance import Instance
from prism.plugins.own_services import NONE, OwnServices


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Where calls of a namespace go, for one abstraction or for several. Equal only to itself: what protects its
    calls is found by it.

    Attributes:
        namespace: its name.
        instance: the plugin instance that serves the calls.
    """

    namespace: str
    instance: Instance


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace as the data path knows it.

    Attributes:
        name: as callers give it.
        targets: where its calls go, by gRPC service (`prism.data.v1.KeyValue`); abstractions on one instance share one.
        policy: what is done about its calls; None for nothing.
    """

    name: str
    targets: Mapping[str, Target]
    policy: PolicySection | None = None

    @classmethod
    def of(cls, name: str, services: Iterable[str], instance: Instance, policy: PolicySection | None = None) -> Self:
        """One that is served by one instance."""
        return cls(name, dict.fromkeys(services, Target(name, instance)), policy)

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The instances that serve it, each once."""
        return tuple(each.instance for each in dict.fromkeys(self.targets.values()))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One generation of the configuration.

    Attributes:
        generation: counts reloads, from 1.
        namespaces: by name.
        authentication: how callers are authenticated; None where authentication is off.
        access: who may do what; None where everybody may do everything.
        forwarding: finds the addresses of callers behind proxies; None where no header is believed.
        own: the services of their own that plugins serve on some namespaces, with their operations by path.
    """

    generation: int = 0
    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    authentication: AuthenticationSection | None = None
    access: Access | None = None
    forwarding: Forwarding | None = None
    own: OwnServices = NONE
