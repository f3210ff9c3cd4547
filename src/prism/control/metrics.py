"""What control tells of itself: reloads, and plugins that had to be started again."""

from collections import Counter
from collections.abc import Collection, Iterator
from time import time

from prism.control.supervision.supervised import Supervised
from prism.sdk.backend import HealthStatus
from prism.telemetry.metrics.label_limit import LabelLimit
from prism.telemetry.metrics.metric_family import MetricFamily

_COUNTED = {
    "requests_total": ("prism_plugin_requests", "Requests that a plugin counted itself, outside the gateway.", 1.0),
    "requests_failed": ("prism_plugin_requests_failed", "Those of them that failed, as the plugin counts.", 1.0),
    "latency_ms": ("prism_plugin_request_seconds", "Time that a plugin spent on requests, added up.", 0.001),
}
"""Of `prism.plugins.rpc.metrics.COUNTS`: the metric, its meaning, and what to multiply with for its unit."""


class ControlMetrics:
    """Counts reloads.

    Attributes:
        reloads: by outcome: `applied`, `refused`.
        last: whether the last one was applied; true before the first.
    """

    def __init__(self) -> None:
        self.reloads: Counter[str] = Counter(applied=0, refused=0)
        self.last = True

    def reloaded(self, *, applied: bool) -> None:
        """A reload has ended."""
        self.last = applied
        self.reloads["applied" if applied else "refused"] += 1

    def metrics(self, instances: Collection[Supervised]) -> Iterator[MetricFamily]:
        """For the metrics."""
        reloads: dict[tuple[str, ...], float] = {(outcome,): count for outcome, count in self.reloads.items()}
        restarts: Counter[tuple[str, ...]] = Counter()
        for each in instances:
            restarts[(each.spec.plugin.name,)] += each.restarts
        yield from _instances(instances)
        yield MetricFamily("prism_config_reloads", "Reloads, by outcome.", reloads, labels=("outcome",), kind="counter")
        yield MetricFamily(
            "prism_config_last_reload_successful",
            "Whether the configuration that was read last is the one that serves (1) or was refused (0).",
            {(): self.last},
        )
        yield MetricFamily(
            "prism_plugin_restarts",
            "How often plugins ended by themselves and were started again.",
            restarts,
            labels=("backend",),
            kind="counter",
        )


def _instances(instances: Collection[Supervised]) -> Iterator[MetricFamily]:
    """The health of the instances, by backend, store and placement; of several on one store the worst."""
    ready: dict[tuple[str, ...], float] = {}
    ages: dict[tuple[str, ...], float] = {}
    calls: Counter[tuple[str, ...]] = Counter()
    counted: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in _COUNTED}
    stores, now = LabelLimit(), time()
    for each in sorted(instances, key=lambda each: (each.spec.plugin.name, each.instance.identity)):
        backend, store = each.spec.plugin.name, each.spec.redactor.scrub(each.instance.identity)
        labels = (backend, stores.label(backend, store), each.spec.placement.type)
        serves = not each.instance.refusal and each.health_state.health.status is not HealthStatus.UNHEALTHY
        ready[labels] = min(ready.get(labels, 1.0), float(serves))
        if each.health_state.probed_at:
            ages[labels] = max(ages.get(labels, 0.0), now - each.health_state.probed_at)
        calls[labels] += each.instance.active
        for name, value in each.instance.counted().items():
            _, _, scale = _COUNTED[name]
            counted[name][labels] += value * scale  # type: ignore[assignment]  # a Counter of floats
    by = ("backend", "store", "placement")
    yield MetricFamily(
        "prism_plugin_ready", "Whether the instances on a store serve (1) or one does not (0).", ready, by
    )
    yield MetricFamily("prism_plugin_probe_age_seconds", "Time since the last probe of an instance ended.", ages, by)
    yield MetricFamily("prism_plugin_calls_in_flight", "Calls under way on the instances of a store.", calls, by)
    for name, (shown, help_, _) in _COUNTED.items():
        yield MetricFamily(shown, help_, counted[name], by, kind="counter")
