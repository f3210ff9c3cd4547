"""A figure that a part of the gateway tells of itself, as data: `/metrics` needs to know nothing of that part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prism.telemetry.metrics.call_metrics import Totals

Gauges = Mapping[str, Mapping[tuple[str, str, str], float]]
"""By name, then by backend, store and placement."""


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One figure at one instant.

    Attributes:
        name: by Prometheus' conventions, with its unit and, for a counter, without `_total`.
        help: a sentence.
        values: by the values of the labels; the empty tuple where there are none.
        labels: their names. Nobody may be able to invent values for them without bound.
        kind: a counter only grows while the process lives.
    """

    name: str
    help: str
    values: Mapping[tuple[str, ...], float]
    labels: tuple[str, ...] = ()
    kind: Literal["counter", "gauge"] = "gauge"


@dataclass(frozen=True, slots=True)
class Scrape:
    """All figures at one instant.

    Attributes:
        totals: the calls that have ended.
        in_flight: calls under way, by operation.
        ready: whether each namespace serves.
        generation: of the configuration.
        connections: open on the data port; None where nobody listens.
        gauges: the backends' own.
        told: what the parts told.
    """

    totals: Sequence[Totals]
    in_flight: Mapping[str, int]
    ready: Mapping[str, bool]
    generation: int
    connections: int | None
    gauges: Gauges
    told: Sequence[MetricFamily]
