"""Who is protected by what: the breakers of plugin instances and the retry budgets of namespaces, from snapshot to
snapshot, and what they tell of themselves.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prism.config.sections.policy import BreakerSection
from prism.gateway.hops.resilience import Resilience
from prism.gateway.resilience.breaker import Breaker
from prism.gateway.resilience.retry import RetryBudget
from prism.gateway.snapshot import Snapshot
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


class ResilienceRegistry:
    """Keeps what changes by use."""

    def __init__(self) -> None:
        self._breakers: dict[tuple[int, BreakerSection], tuple[Breaker, Instance]] = {}
        self._budgets: dict[str, RetryBudget] = {}
        self._of: dict[str, tuple[BreakerSection, int]] = {}
        self._wheel: DeadlineWheel | None = None

    def of(self, snapshot: Snapshot) -> Mapping[str, Resilience]:
        """What protects the calls of each namespace; forgets instances and namespaces that are gone."""
        found: dict[str, Resilience] = {}
        breakers: dict[tuple[int, BreakerSection], tuple[Breaker, Instance]] = {}
        self._of = {}
        for name, namespace in snapshot.namespaces.items():
            policy = namespace.policy
            if policy is None or not (policy.timeouts or policy.retries or policy.breaker):
                continue
            breaker = None
            if policy.breaker is not None:
                key = (id(namespace.instance), policy.breaker)
                kept = breakers.get(key) or self._breakers.get(key)
                breakers[key] = kept or (Breaker(policy.breaker), namespace.instance)
                breaker = breakers[key][0]
                self._of[name] = (policy.breaker, key[0])
            budget = self._budgets.setdefault(name, RetryBudget())
            found[name] = Resilience(policy, namespace.instance, breaker, budget, self._deadlines())
        self._breakers = breakers
        self._budgets = {name: budget for name, budget in self._budgets.items() if name in found}
        return found

    def status(self) -> Mapping[str, BreakerStatus]:
        """The breaker of each namespace that has one; namespaces on one instance share it."""
        found = {}
        for name, (section, instance) in self._of.items():
            breaker, _ = self._breakers[instance, section]
            found[name] = BreakerStatus(breaker.state.name.lower(), breaker.trips, breaker.opens_in)
        return found

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics."""
        states: dict[tuple[str, ...], float] = {}
        trips: dict[tuple[str, ...], float] = {}
        for breaker, instance in self._breakers.values():
            labels = (instance.backend, str(getattr(instance, "identity", "")))
            states[labels] = max(states.get(labels, 0.0), float(breaker.state))
            trips[labels] = trips.get(labels, 0.0) + breaker.trips
        named = ("backend", "store")
        about = "What the instance's circuit breaker does: 0 lets calls pass, 1 tries it, 2 refuses them."
        yield MetricFamily("prism_breaker_state", about, states, named)
        yield MetricFamily("prism_breaker_trips", "How often the breaker has opened.", trips, named, "counter")
        spent: dict[tuple[str, ...], float] = {(name,): float(budget.spent) for name, budget in self._budgets.items()}
        yield MetricFamily("prism_retries", "Calls that the gateway repeated.", spent, ("namespace",), "counter")

    def close(self) -> None:
        """Watches over no deadline any more."""
        if self._wheel is not None:
            self._wheel.close()
            self._wheel = None

    def _deadlines(self) -> DeadlineWheel:
        if self._wheel is None:
            self._wheel = DeadlineWheel(asyncio.get_running_loop())
        return self._wheel
