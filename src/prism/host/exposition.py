"""A plugin's metrics as text for Prometheus; built in a thread, as a scrape must not delay calls."""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from prism.host.instance import HostedInstance
from prism.host.metrics import InstanceMetrics, metrics_of
from prism.telemetry.metrics.call_metrics import BOUNDS
from prism.wire.grpc.status import Code

_EDGES = [*(str(bound) for bound in BOUNDS), "+Inf"]
_NOT_IN_A_NAME = re.compile(r"\W", re.ASCII)


async def render(plugin: str, instances: Iterable[HostedInstance]) -> str:
    """The text of a scrape: each instance's calls and gauges, by store, and the process's own metrics."""
    return await asyncio.to_thread(_text, plugin, [metrics_of(each) for each in instances])


def _text(plugin: str, instances: Sequence[InstanceMetrics]) -> str:
    from prometheus_client import generate_latest  # at the first scrape: a plugin starts sooner without it

    return generate_latest(_Scrape(plugin, instances)).decode()  # type: ignore[arg-type]  # it only collects


class _Scrape:
    """What an encoder takes for a registry."""

    def __init__(self, plugin: str, instances: Sequence[InstanceMetrics]) -> None:
        self._plugin = plugin
        self._instances = instances

    def collect(self) -> Iterator[object]:
        from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

        yield from self._calls()
        yield from self._gauges()
        yield from self._labelled()
        process = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector):
            collector(registry=process)
        yield from process.collect()

    def _calls(self) -> Iterator[object]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        labels = ["plugin", "store", "operation"]
        requests = CounterMetricFamily("prism_plugin_requests", "Calls that have ended.", labels=[*labels, "status"])
        durations = HistogramMetricFamily(
            "prism_plugin_request_duration_seconds", "Time from a call's arrival to its end.", labels=labels
        )
        active = GaugeMetricFamily("prism_plugin_requests_in_flight", "Calls under way.", labels=labels[:2])
        counts, buckets, seconds, under_way = self._added_up()
        for labelled, count in counts.items():
            requests.add_metric(labelled, count)
        for series, own in buckets.items():
            cumulative = zip(_EDGES, map(float, accumulate(own)), strict=True)
            durations.add_metric(list(series), list(cumulative), seconds[series])
        for store, count in under_way.items():
            active.add_metric([self._plugin, store], count)
        yield from (requests, durations, active)

    def _added_up(self) -> "tuple[dict[tuple[str, ...], int], _Buckets, dict[tuple[str, ...], float], dict[str, int]]":
        """Instances may share a store, and a series may be given but once."""
        counts: dict[tuple[str, ...], int] = {}
        buckets: _Buckets = {}
        seconds: dict[tuple[str, ...], float] = {}
        under_way: dict[str, int] = {}
        for each in self._instances:
            under_way[each.store] = under_way.get(each.store, 0) + each.active
            for totals in each.totals:
                series = (self._plugin, each.store, totals.operation)
                for code, count in zip(Code, totals.codes, strict=True):
                    if count:
                        counts[*series, code.name] = counts.get((*series, code.name), 0) + count
                before = buckets.get(series, (0,) * len(totals.buckets))
                buckets[series] = tuple(map(sum, zip(before, totals.buckets, strict=True)))
                seconds[series] = seconds.get(series, 0.0) + totals.seconds
        return counts, buckets, seconds, under_way

    def _gauges(self) -> Iterator[object]:
        from prometheus_client.core import GaugeMetricFamily

        gauges: dict[str, dict[str, float]] = {}
        for each in self._instances:
            for name, value in each.gauges.items():
                if "{" in name:
                    continue  # one with labels
                series = gauges.setdefault(_NOT_IN_A_NAME.sub("_", name), {})
                series[each.store] = series.get(each.store, 0.0) + value
        for name, by_store in gauges.items():
            help_ = f"The backend's own metric {name}."
            family = GaugeMetricFamily(f"prism_backend_{name}", help_, labels=["plugin", "store"])
            for store, value in by_store.items():
                family.add_metric([self._plugin, store], value)
            yield family

    def _labelled(self) -> Iterator[object]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        from prism.telemetry.metrics.labelled_metrics import LabelledMetrics

        for each in LabelledMetrics(
            _Reported(self._plugin, instance.gauges) for instance in self._instances
        ).families():
            kind = CounterMetricFamily if each.kind == "counter" else GaugeMetricFamily
            family = kind(each.name, each.help, labels=each.labels)
            for labels, value in each.values.items():
                family.add_metric(list(labels), value)
            yield family


class _Reported(NamedTuple):
    backend: str
    values: Mapping[str, float]


_Buckets = dict[tuple[str, ...], tuple[int, ...]]
