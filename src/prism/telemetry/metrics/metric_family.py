"""A metric that a part of the gateway reports, as data: `/metrics` needs to know nothing of that part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prism.telemetry.metrics.call_metrics import Totals

Gauges = Mapping[str, Mapping[tuple[str, str, str], float]]
"""By name, then by backend, store and placement."""


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One metric at one instant, with a value for each set of labels.

    Attributes:
        name: by Prometheus' conventions, with its unit and, for a counter, without `_total`.
        help: a sentence.
        values: by the values of the labels; the empty tuple where there are none.
        labels: their names. Callers must not be able to invent values for them without bound.
        kind: a counter only grows while the process lives.
    """

    name: str
    help: str
    values: Mapping[tuple[str, ...], float]
    labels: tuple[str, ...] = ()
    kind: Literal["counter", "gauge"] = "gauge"


@dataclass(frozen=True, slots=True)
class Scrape:
    """All metrics at one instant.

    Attributes:
        totals: the calls that have ended.
        in_flight: calls under way, by operation.
        ready: whether each namespace serves.
        generation: of the configuration.
        connections: open on the data port; None where there is no such port.
        gauges: the backends' own.
        families: of the parts.
    """

    totals: Sequence[Totals]
    in_flight: Mapping[str, int]
    ready: Mapping[str, bool]
    generation: int
    connections: int | None
    gauges: Gauges
    families: Sequence[MetricFamily]
