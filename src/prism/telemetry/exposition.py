"""Gives the figures away: copied on the event loop, put into words in a thread, so that a scrape of many namespaces
delays no call.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from prism.control.snapshot import Snapshot
from prism.telemetry.figure import Figure
from prism.telemetry.metrics import Metrics, Totals
from prism.telemetry.readiness import readiness_of

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
        parts: what tells figures of its own, each under names of its own.
    """

    metrics: Metrics
    snapshot: Callable[[], Snapshot]
    backends: Callable[[], Iterable[BackendGauges]] = tuple
    listener: Connections | None = None
    parts: Sequence[Callable[[], Iterable[Figure]]] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures at one instant.

    Attributes:
        totals: the calls that have ended.
        in_flight: calls under way, by operation.
        ready: whether each namespace serves.
        generation: of the configuration.
        connections: open on the data port; None where nobody listens.
        gauges: by name, then by backend and store.
        told: what the parts told.
    """

    totals: Sequence[Totals]
    in_flight: Mapping[str, int]
    ready: Mapping[str, bool]
    generation: int
    connections: int | None
    gauges: Mapping[str, Mapping[tuple[str, str], float]]
    told: Sequence[Figure]


class Exposition:
    """Answers scrapes."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def render(self, accept: str = "") -> tuple[bytes, str]:
        """The figures and their content type: OpenMetrics where `accept` asks for it, else Prometheus' text form."""
        from prism.telemetry import prometheus  # at the first scrape: a gateway starts 25 ms sooner without it

        return await asyncio.to_thread(prometheus.render, _copy(self._sources), accept)


def _copy(sources: Sources) -> Figures:
    snapshot = sources.snapshot()
    return Figures(
        totals=tuple(sources.metrics.totals()),
        in_flight=sources.metrics.in_flight(),
        ready={name: readiness_of(namespace).ready for name, namespace in snapshot.namespaces.items()},
        generation=snapshot.generation,
        connections=None if sources.listener is None else sources.listener.connections,
        gauges=_by_gauge(sources.backends()),
        told=[figure for part in sources.parts for figure in part()],
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
