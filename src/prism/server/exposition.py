"""Serves the metrics: copied on the event loop, formatted in a thread, so that a scrape of many namespaces delays no
call.
"""

import asyncio
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from prism.gateway.snapshot import Snapshot
from prism.open_files import OpenFiles
from prism.server.readiness import readiness_of
from prism.telemetry.metrics.call_metrics import CallMetrics
from prism.telemetry.metrics.label_limit import LabelLimit
from prism.telemetry.metrics.labelled_metrics import LabelledMetrics
from prism.telemetry.metrics.metric_family import Gauges, MetricFamily, Scrape
from prism.wire import Server

MAX_METRICS = 64
"""Most metrics of one backend; a plugin cannot make a scrape grow without bound."""

_MAX_NAME = 100

_NOT_IN_A_NAME = re.compile(r"\W", re.ASCII)


@dataclass(frozen=True, slots=True)
class BackendGauges:
    """What one backend says of itself.

    Attributes:
        backend: the plugin's name.
        store: `Backend.identity`; nothing secret.
        placement: where it runs.
        values: `Backend.metrics()`, whatever a plugin of others' may say there.
    """

    backend: str
    store: str
    placement: str
    values: Mapping[str, float]


class Connections(Protocol):
    """What a listener says of itself; `prism.wire.Server` does."""

    @property
    def connections(self) -> int: ...


@dataclass(frozen=True, slots=True)
class MetricSources:
    """Where the metrics come from; each is asked on the event loop, at every scrape.

    Attributes:
        metrics: the calls.
        snapshot: the configuration that serves now.
        backends: the backends' gauges.
        listener: whose connections are counted; None for no listener.
        parts: sources of further metrics, each with names of its own.
        scrub: takes known secrets out of the names of stores, which plugins make up.
    """

    metrics: CallMetrics
    snapshot: Callable[[], Snapshot]
    backends: Callable[[], Iterable[BackendGauges]] = tuple
    listener: Connections | None = None
    parts: Sequence[Callable[[], Iterable[MetricFamily]]] = ()
    scrub: Callable[[str], str] = str


class Exposition:
    """Answers scrapes."""

    def __init__(self, sources: MetricSources) -> None:
        self._sources = sources
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")  # its own: scrapes wait for scrapes only

    async def render(self, accept: str = "") -> tuple[bytes, str]:
        """The metrics and their content type: OpenMetrics where `accept` asks for it, else Prometheus' text form."""
        from prism.telemetry.metrics import prometheus  # at the first scrape: a gateway starts 25 ms sooner without it

        scrape, loop = _copy(self._sources), asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, prometheus.render, scrape, accept)


def _copy(sources: MetricSources) -> Scrape:
    snapshot = sources.snapshot()
    backends = [*sources.backends()]
    labelled = LabelledMetrics(backends)
    gauges, left_out = _by_gauge(backends, sources.scrub)
    left_out.update({(backend,): count for backend, count in labelled.left_out.items()})
    return Scrape(
        totals=tuple(sources.metrics.totals()),
        in_flight=sources.metrics.in_flight(),
        ready={name: readiness_of(namespace).ready for name, namespace in snapshot.namespaces.items()},
        generation=snapshot.generation,
        connections=None if sources.listener is None else sources.listener.connections,
        gauges=gauges,
        families=[
            _left_out(left_out),
            *labelled.families(),
            *(_scrubbed(each, sources.scrub) for part in sources.parts for each in part()),
        ],
    )


def terminations(server: Server) -> Iterable[MetricFamily]:
    """What a listener ended because a client misbehaves or is too slow."""
    what = "What the data port ended because of its client: connections that flood it, messages that do not come whole."
    values: dict[tuple[str, ...], float] = {(kind,): count for kind, count in server.terminations.items()}
    yield MetricFamily("prism_terminations", what, values, labels=("what",), kind="counter")


def shortages(servers: Iterable[Server], open_files: OpenFiles) -> Iterable[MetricFamily]:
    """What failed because the process had no descriptor for it; how many it has, the metrics of the process say."""
    about = "What failed for want of descriptors: accepts closed at once or delayed, and files and stores not opened."
    counts: Counter[tuple[str, ...]] = Counter({("operation",): open_files.shortages})
    for server in servers:
        counts.update({(f"accept_{what}",): count for what, count in server.shortages.items()})
    yield MetricFamily("prism_descriptor_shortages", about, counts, labels=("what",), kind="counter")


def _scrubbed(family: MetricFamily, scrub: Callable[[str], str]) -> MetricFamily:
    if "store" not in family.labels:
        return family
    place = family.labels.index("store")
    values: dict[tuple[str, ...], float] = {}
    for labels, value in family.values.items():
        shown = (*labels[:place], scrub(labels[place]), *labels[place + 1 :])
        values[shown] = values.get(shown, 0.0) + value
    return replace(family, values=values)


def _left_out(counts: Mapping[tuple[str, ...], float]) -> MetricFamily:
    what = f"Metrics of a backend that are not shown: not a finite number, malformed, or more than {MAX_METRICS} names."
    return MetricFamily("prism_backend_figures_left_out", what, counts, labels=("backend",))


def _by_gauge(
    backends: Iterable[BackendGauges], scrub: Callable[[str], str]
) -> tuple[Gauges, Counter[tuple[str, ...]]]:
    """The metrics of the backends, and how many of them were left out."""
    gauges: dict[str, dict[tuple[str, str, str], float]] = {}
    left_out: Counter[tuple[str, ...]] = Counter()
    names: defaultdict[str, set[str]] = defaultdict(set)
    stores = LabelLimit()
    for each in sorted(backends, key=lambda each: (each.backend, each.store)):
        labels = (each.backend, stores.label(each.backend, scrub(each.store)), each.placement)
        taken = names[each.backend]
        for own, value in each.values.items():
            if "{" in own:
                continue  # one with labels
            name = _NOT_IN_A_NAME.sub("_", own)[:_MAX_NAME]
            if not math.isfinite(value) or (name not in taken and len(taken) >= MAX_METRICS):
                left_out[each.backend,] += 1
                continue
            taken.add(name)
            series = gauges.setdefault(name, {})
            # Two instances may share a store (another pool size, say); a series may be given but once.
            series[labels] = series.get(labels, 0.0) + value
    return gauges, left_out
