"""What is in force, and the snapshot that the data path gets of it: who serves each namespace, by which policy and
rules, and which namespaces an operator has switched off.
"""

from collections.abc import Callable, Iterator, Mapping

from prism.config.access import Access
from prism.config.sections.authorization import AuthorizationSection
from prism.config.sections.policy import PolicySection
from prism.config.sections.root import Config
from prism.control.disabled import Disabled
from prism.control.served import Served
from prism.control.supervision.replacement import not_found
from prism.gateway.snapshot import Namespace, Snapshot, Target
from prism.plugins.own_services import OwnServices

POLICY_SECTIONS = ("authentication", "authorization")
"""Sections that take effect with the next snapshot."""

ON_PORTS = ("heartbeat_interval", "max_connection_age", "max_connection_age_grace", "response_headers")
"""Options of `gateway` that the data port is given with the next snapshot."""


class SnapshotPublisher:
    """Gives the data path one immutable snapshot after another.

    Attributes:
        config: what is in force; the defaults at first.
        served: the namespaces and who serves each, in the order of the file.
        disabled: those that an operator has refuse their calls.
        generation: of the snapshot that serves now; 0 before the first.
    """

    def __init__(self, publish: Callable[[Snapshot], None]) -> None:
        """
        Args:
            publish: takes each new snapshot; must not wait.
        """
        self.config = Config()
        self.served: Mapping[str, Served] = {}
        self.disabled: Mapping[str, Disabled] = {}
        self.generation = 0
        self._publish = publish
        self._snapshot = Snapshot()
        self._access: Access | None = None
        self._policies: Mapping[str, PolicySection] = {}

    def refusal(self, namespace: str) -> str:
        """Why the calls of a namespace are refused; empty where they are not."""
        if (order := self.disabled.get(namespace)) is not None:
            return order.status(namespace)
        return self.served[namespace].refusal

    def disable(self, namespace: str, order: Disabled) -> bool:
        """Refuses the calls of a namespace from now on; whether it did not before. Those under way end as they would.

        Raises:
            NamespaceNotFound: it is not configured.
        """
        if namespace not in self.served:
            raise not_found(namespace, self.served)
        if namespace in self.disabled:
            return False
        self.disabled = {**self.disabled, namespace: order}
        self.refresh()
        return True

    def enable(self, namespace: str) -> bool:
        """Takes `disable` back; whether there was something to take back. Raises as `disable` does."""
        if namespace not in self.served:
            raise not_found(namespace, self.served)
        if namespace not in self.disabled:
            return False
        self.disabled = {name: order for name, order in self.disabled.items() if name != namespace}
        self.refresh()
        return True

    def adopt(self, config: Config, served: Mapping[str, Served], *, moved: bool) -> bool:
        """Puts a configuration in force, without waiting; whether policies or rules differ from before.

        Args:
            config: what is in force from now on.
            served: who serves what.
            moved: a namespace is added, or served otherwise than before.
        """
        policies = _policies(config)
        policy = policies != self._policies or _policy_differs(self.config, config)
        # These sections are applied to the ports with the snapshot.
        ports = _on_ports(config) != _on_ports(self.config)
        changed = moved or policy or ports or self.served.keys() != served.keys() or not self.generation
        self.served, self.config = served, config
        self.disabled = {name: order for name, order in self.disabled.items() if name in served}
        if policy:  # else the objects of before are kept, and with them the entries of the snapshot
            self._policies = policies
        if changed:
            self.generation += 1
            self.refresh()
        return policy

    def clear(self) -> None:
        """Nothing is served any more; the last snapshot stays where it is."""
        self.served = {}

    def refresh(self) -> None:
        """Publishes who serves what; entries that have not changed stay the same objects."""
        before = self._snapshot.namespaces
        namespaces = {name: self._namespace(name, each, before.get(name)) for name, each in self.served.items()}
        access, own = self._current_access(), self._own_services()
        self._snapshot = Snapshot(self.generation, namespaces, self.config.authentication, access, own=own)
        self._publish(self._snapshot)

    def _own_services(self) -> OwnServices:
        """Those of all namespaces; the same object while they are the same, so that the ports keep their methods."""
        backends = (backend for served in self.served.values() for backend in served.backends)
        own = OwnServices(service for backend in backends for service in backend.spec.own)
        before = self._snapshot.own
        return before if own == before else own

    def _current_access(self) -> Access | None:
        """The rules; the same object while they are the same, so that what was decided by them stays known."""
        authentication, rules = self.config.authentication, self.config.authorization
        if authentication is None or not authentication.methods:
            self._access = None
        elif self._access is None or self._access.section != (rules or AuthorizationSection()):
            self._access = Access(rules or AuthorizationSection())
        return self._access

    def _namespace(self, name: str, served: Served, before: Namespace | None) -> Namespace:
        policy = self._policies.get(name)
        if before is not None and before.policy is policy and self._is_unchanged(name, served, before):
            return before
        targets = dict(self._targets(name, served, before.targets if before else {}))
        if before is not None and before.policy is policy and before.targets == targets:
            return before
        return Namespace(name, targets, policy)

    def _is_unchanged(self, name: str, served: Served, before: Namespace) -> bool:
        """Whether one backend serves it, as before: the quick look at nearly all, of which there may be 10,000."""
        if len(served.backends) > 1 or name in self.disabled:
            return False
        (backend,) = served.backends
        services = backend.spec.services
        instance = backend.supervised.target(name)
        return before.targets.keys() == services and all(each.instance is instance for each in before.targets.values())

    def _targets(self, name: str, served: Served, before: Mapping[str, Target]) -> Iterator[tuple[str, Target]]:
        order = self.disabled.get(name)
        for each in served.backends:
            services = each.spec.services
            instance = each.supervised.target(name)
            target = before.get(next(iter(services)))
            if order is not None:
                if target is None or target.instance.refusal != order.refusal(name):
                    target = Target(name, order.target(name, instance))
            elif target is None or target.instance is not instance:
                target = Target(name, instance)
            yield from dict.fromkeys(services, target).items()


def _policies(config: Config) -> dict[str, PolicySection]:
    """By namespace."""
    found = ((entry.name, config.policy_of(entry)) for entry in config.namespaces)
    return {name: policy for name, policy in found if policy is not None}


def _on_ports(config: Config) -> tuple[object, ...]:
    return (config.gateway.tls, config.admin.tls, *(getattr(config.gateway, each) for each in ON_PORTS))


def _policy_differs(old: Config, new: Config) -> bool:
    if old.gateway.shed_lag != new.gateway.shed_lag:
        return True
    return any(getattr(old, section) != getattr(new, section) for section in POLICY_SECTIONS)
