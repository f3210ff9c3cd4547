"""The snapshot: everything the data path reads, immutable, swapped in with one assignment.

Control builds it; the gateway only reads it. What changes by use (counters, buckets) lives beside it and survives
swaps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from prism.config.access import Access
from prism.config.sections.authentication import AuthenticationSection
from prism.config.sections.policy import PolicySection
from prism.plugins.instance import Instance


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace as the data path knows it.

    Attributes:
        name: as callers give it.
        interfaces: the abstractions served, by gRPC service name (`prism.data.v1.KeyValue`).
        instance: who serves it.
        policy: what is done about its calls; None for nothing.
    """

    name: str
    interfaces: frozenset[str]
    instance: Instance
    policy: PolicySection | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One generation of the configuration.

    Attributes:
        generation: counts reloads, from 1.
        namespaces: by name.
        authentication: who may be believed to be whom; None where nobody is asked.
        access: who may do what; None where everybody may do everything.
    """

    generation: int = 0
    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    authentication: AuthenticationSection | None = None
    access: Access | None = None
