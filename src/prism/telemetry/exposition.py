"""Gives the figures to Prometheus: copied on the event loop, put into words in a thread, so that a scrape of many
namespaces delays no call.

Source: Prometheus "Exposition formats" and "Metric and label naming".
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Protocol

from prometheus_client import CollectorRegistry, GCCollector, Metric, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder

from prism.control.snapshot import Snapshot
from prism.telemetry.metrics import BOUNDS, Metrics, Totals
from prism.wire.status import Code

_EDGES = [*(str(bound) for bound in BOUNDS), "+Inf"]
_NOT_IN_A_NAME = re.compile(r"\W", re.ASCII)


@dataclass(frozen=True, slots=True)
class BackendGauges:
    """What one backend says of itself.

    Attributes:
        backend: the plugin's name.
        store: `Backend.identity`; nothing secret.
        values: `Backend.metrics()`.
    """

    backend: str
    store: str
    values: Mapping[str, float]


class Connections(Protocol):
    """What a listener says of itself; `prism.wire.Server` does."""

    @property
    def connections(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the figures come from; each is asked on the event loop, at every scrape.

    Attributes:
        metrics: the calls.
        snapshot: the configuration that serves now.
        backends: the backends' gauges.
        listener: whose connections are counted; None for nobody's.
    """

    metrics: Metrics
    snapshot: Callable[[], Snapshot]
    backends: Callable[[], Iterable[BackendGauges]] = tuple
    listener: Connections | None = None


@dataclass(frozen=True, slots=True)
class _Figures:
    totals: Sequence[Totals]
    in_flight: Mapping[str, int]
    ready: Mapping[str, bool]
    generation: int
    connections: int | None
    gauges: Mapping[str, Mapping[tuple[str, str], float]]


class Exposition:
    """Answers scrapes."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        GCCollector(registry=self._process)

    async def render(self, accept: str = "") -> tuple[bytes, str]:
        """The figures and their content type: OpenMetrics where `accept` asks for it, else Prometheus' text form."""
        encode, content_type = choose_encoder(accept)
        scrape = _Scrape(_copy(self._sources), self._process)
        return await asyncio.to_thread(encode, scrape), content_type


class _Scrape:
    """What an encoder takes for a registry."""

    def __init__(self, figures: _Figures, process: CollectorRegistry) -> None:
        self._figures = figures
        self._process = process

    def collect(self) -> Iterator[Metric]:
        yield from _calls(self._figures)
        yield from _state(self._figures)
        yield from _backends(self._figures)
        yield from self._process.collect()


def _copy(sources: Sources) -> _Figures:
    snapshot = sources.snapshot()
    return _Figures(
        totals=tuple(sources.metrics.totals()),
        in_flight=sources.metrics.in_flight(),
        ready={name: not namespace.instance.refusal for name, namespace in snapshot.namespaces.items()},
        generation=snapshot.generation,
        connections=None if sources.listener is None else sources.listener.connections,
        gauges=_by_gauge(sources.backends()),
    )


def _by_gauge(backends: Iterable[BackendGauges]) -> dict[str, dict[tuple[str, str], float]]:
    gauges: dict[str, dict[tuple[str, str], float]] = {}
    for each in backends:
        labels = (each.backend, each.store)
        for name, value in each.values.items():
            series = gauges.setdefault(_NOT_IN_A_NAME.sub("_", name), {})
            # Two instances may share a store (another pool size, say); a series may be given but once.
            series[labels] = series.get(labels, 0.0) + value
    return gauges


def _calls(figures: _Figures) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "prism_requests", "Calls that have ended, by gRPC status code.", labels=["namespace", "operation", "status"]
    )
    durations = HistogramMetricFamily(
        "prism_request_duration_seconds", "Time from a call's arrival to its end.", labels=["namespace", "operation"]
    )
    for each in figures.totals:
        for code, count in zip(Code, each.codes, strict=True):
            if count:
                requests.add_metric([each.namespace, each.operation, code.name], count)
        durations.add_metric([each.namespace, each.operation], _cumulative(each.buckets), each.seconds)
    in_flight = GaugeMetricFamily("prism_requests_in_flight", "Calls under way.", labels=["operation"])
    for operation, count in figures.in_flight.items():
        in_flight.add_metric([operation], count)
    yield from (requests, durations, in_flight)


def _cumulative(buckets: Sequence[int]) -> list[tuple[str, float]]:
    count, cumulative = 0, []
    for edge, here in zip(_EDGES, buckets, strict=True):
        count += here
        cumulative.append((edge, float(count)))
    return cumulative


def _state(figures: _Figures) -> Iterator[Metric]:
    ready = GaugeMetricFamily(
        "prism_namespace_ready", "Whether the namespace's calls are served (1) or refused (0).", labels=["namespace"]
    )
    for name, is_ready in figures.ready.items():
        ready.add_metric([name], is_ready)
    generation = "Generation of the configuration that serves; grows at every reload."
    build = GaugeMetricFamily("prism_build_info", "Always 1; the label says which release runs.", labels=["version"])
    build.add_metric([version("prism-gateway")], 1)
    yield from (ready, GaugeMetricFamily("prism_config_generation", generation, figures.generation), build)
    if figures.connections is not None:
        yield GaugeMetricFamily("prism_connections", "Connections open on the data port.", figures.connections)


def _backends(figures: _Figures) -> Iterator[Metric]:
    for name, series in figures.gauges.items():
        family = GaugeMetricFamily(
            f"prism_backend_{name}", f"The backend's own figure {name}.", labels=["backend", "store"]
        )
        for labels, value in series.items():
            family.add_metric(list(labels), value)
        yield family
