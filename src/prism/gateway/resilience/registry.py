"""The breakers and retry budgets of namespaces on their instances, kept from snapshot to snapshot, and their metrics.

Namespaces on one instance have a breaker each: what callers ask of one, such as scans that take longer than their
deadlines, must not have the calls of another refused.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prism.config.sections.policy import BreakerSection
from prism.gateway.hops.resilience import Resilience
from prism.gateway.resilience.breaker import Breaker
from prism.gateway.resilience.retry import RetryBudget
from prism.gateway.snapshot import Snapshot, Target
from prism.plugins.instance import Instance
from prism.telemetry.metrics.metric_family import MetricFamily
from prism.wire.timer import DeadlineWheel


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """What a breaker says of itself.

    Attributes:
        state: `closed`, `half_open` or `open`.
        trips: how often it has opened.
        opens_in: seconds until it is tried again; 0 where it is not open.
    """

    state: str
    trips: int
    opens_in: float


_BreakerKey = tuple[str, int, BreakerSection]
"""Namespace, instance, and when it opens."""


class ResilienceRegistry:
    """Keeps what changes by use."""

    def __init__(self) -> None:
        self._breakers: dict[_BreakerKey, tuple[Breaker, Instance]] = {}
        self._budgets: dict[tuple[str, str], RetryBudget] = {}
        self._of: dict[tuple[str, str], _BreakerKey] = {}
        self._wheel: DeadlineWheel | None = None

    def of(self, snapshot: Snapshot) -> Mapping[Target | None, Resilience]:
        """What protects the calls that go to each target; forgets instances and namespaces that are gone."""
        found: dict[Target | None, Resilience] = {}
        budgets: dict[tuple[str, str], RetryBudget] = {}
        breakers: dict[_BreakerKey, tuple[Breaker, Instance]] = {}
        self._of = {}
        for name, namespace in snapshot.namespaces.items():
            policy = namespace.policy
            if policy is None or not (policy.timeouts or policy.retries or policy.breaker):
                continue
            for service, target in namespace.targets.items():
                section = policy.breaker
                if section is not None:
                    self._of[name, service] = (name, id(target.instance), section)
                if target in found:
                    continue
                breaker = None
                if section is not None:
                    key = (name, id(target.instance), section)
                    kept = breakers.get(key) or self._breakers.get(key)
                    breakers[key] = kept or (Breaker(section, target.instance.incarnation), target.instance)
                    breaker = breakers[key][0]
                budget = budgets[name, service] = self._budgets.get((name, service)) or RetryBudget()
                found[target] = Resilience(policy, target.instance, breaker, budget, self._deadlines())
        self._breakers, self._budgets = breakers, budgets
        return found

    def status(self) -> Mapping[tuple[str, str], BreakerStatus]:
        """The breaker of each namespace and service that has one; its services on one instance share it."""
        found = {}
        for served, key in self._of.items():
            breaker, known = self._breakers[key]
            breaker.came_up(known.incarnation)
            found[served] = BreakerStatus(breaker.state.name.lower(), breaker.trips, breaker.opens_in)
        return found

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics."""
        states: dict[tuple[str, ...], float] = {}
        trips: dict[tuple[str, ...], float] = {}
        for breaker, instance in self._breakers.values():
            breaker.came_up(instance.incarnation)
            labels = (instance.backend, str(getattr(instance, "identity", "")))
            states[labels] = max(states.get(labels, 0.0), float(breaker.state))
            trips[labels] = trips.get(labels, 0.0) + breaker.trips
        named = ("backend", "store")
        about = "State of the instance's circuit breaker: 0 closed, 1 half open, 2 open."
        yield MetricFamily("prism_breaker_state", about, states, named)
        yield MetricFamily("prism_breaker_trips", "How often the circuit breaker has opened.", trips, named, "counter")
        spent: dict[tuple[str, ...], float] = {}
        for (name, _), budget in self._budgets.items():
            spent[name,] = spent.get((name,), 0.0) + budget.spent
        yield MetricFamily("prism_retries", "Calls that the gateway retried.", spent, ("namespace",), "counter")

    def close(self) -> None:
        """Watches over no deadline any more."""
        if self._wheel is not None:
            self._wheel.close()
            self._wheel = None

    def _deadlines(self) -> DeadlineWheel:
        if self._wheel is None:
            self._wheel = DeadlineWheel(asyncio.get_running_loop())
        return self._wheel
