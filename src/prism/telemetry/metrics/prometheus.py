"""The metrics in Prometheus' text forms.

Source: Prometheus "Exposition formats" and "Metric and label naming".
"""

from collections.abc import Iterator, Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry, GCCollector, Metric, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder

from prism.telemetry.metrics.call_metrics import BOUNDS
from prism.telemetry.metrics.metric_family import Scrape
from prism.wire.grpc.status import Code
from prism.wire.native import WIRE

_EDGES = [*(str(bound) for bound in BOUNDS), "+Inf"]


def render(scrape: Scrape, accept: str) -> tuple[bytes, str]:
    """The metrics and their content type, by the `accept` header."""
    encode, content_type = choose_encoder(accept)
    return encode(_Collector(scrape)), content_type


class _Collector:
    """What an encoder takes for a registry."""

    def __init__(self, scrape: Scrape) -> None:
        self._scrape = scrape

    def collect(self) -> Iterator[Metric]:
        yield from _calls(self._scrape)
        yield from _state(self._scrape)
        yield from _backends(self._scrape)
        yield from _families(self._scrape)
        process = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=process)
        yield from process.collect()


def _calls(scrape: Scrape) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "prism_requests", "Calls that have ended, by gRPC status code.", labels=["namespace", "operation", "status"]
    )
    durations = HistogramMetricFamily(
        "prism_request_duration_seconds", "Time from a call's arrival to its end.", labels=["namespace", "operation"]
    )
    for each in scrape.totals:
        for code, count in zip(Code, each.codes, strict=True):
            if count:
                requests.add_metric([each.namespace, each.operation, code.name], count)
        durations.add_metric([each.namespace, each.operation], _cumulative(each.buckets), each.seconds)
    in_flight = GaugeMetricFamily("prism_requests_in_flight", "Calls under way.", labels=["operation"])
    for operation, count in scrape.in_flight.items():
        in_flight.add_metric([operation], count)
    yield from (requests, durations, in_flight)


def _cumulative(buckets: Sequence[int]) -> list[tuple[str, float]]:
    count, cumulative = 0, []
    for edge, here in zip(_EDGES, buckets, strict=True):
        count += here
        cumulative.append((edge, float(count)))
    return cumulative


def _state(scrape: Scrape) -> Iterator[Metric]:
    ready = GaugeMetricFamily(
        "prism_namespace_ready", "Whether the namespace's calls are served (1) or refused (0).", labels=["namespace"]
    )
    for name, is_ready in scrape.ready.items():
        ready.add_metric([name], is_ready)
    generation = "Generation of the configuration that serves; grows at every reload."
    what = "Always 1; the labels say which release runs, and whether its transport is native or in plain Python."
    build = GaugeMetricFamily("prism_build_info", what, labels=["version", "wire"])
    build.add_metric([version("prism-gateway"), WIRE], 1)
    yield from (ready, GaugeMetricFamily("prism_config_generation", generation, scrape.generation), build)
    if scrape.connections is not None:
        yield GaugeMetricFamily("prism_connections", "Connections open on the data port.", scrape.connections)


def _backends(scrape: Scrape) -> Iterator[Metric]:
    for name, series in scrape.gauges.items():
        kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
        about = f"The backend's own metric {name}."
        family = kind(f"prism_backend_{name}", about, labels=["backend", "store", "placement"])
        for labels, value in series.items():
            family.add_metric(list(labels), value)
        yield family


def _families(scrape: Scrape) -> Iterator[Metric]:
    for each in scrape.families:
        kind = CounterMetricFamily if each.kind == "counter" else GaugeMetricFamily
        family = kind(each.name, each.help, labels=each.labels)
        for labels, value in each.values.items():
            family.add_metric(list(labels), value)
        yield family
