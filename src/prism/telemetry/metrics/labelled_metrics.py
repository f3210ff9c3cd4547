"""Metrics with labels that backends report, as families: `queue_waiting` of any backend is `prism_queue_waiting`.

The names begin with that of an abstraction, so that a plugin cannot take another metric's, and what one backend adds
is bounded.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from prism.interfaces.catalogue import interfaces
from prism.telemetry.metrics.labelled import parse
from prism.telemetry.metrics.metric_family import MetricFamily

MAX_SERIES: Final = 2000
"""Series of one backend, of all names together."""
_TOTAL: Final = "_total"
_OWN: Final = "backend"


class Reported(Protocol):
    """What a backend reports."""

    @property
    def backend(self) -> str: ...

    @property
    def values(self) -> Mapping[str, float]: ...


class LabelledMetrics:
    """Those of one scrape.

    Attributes:
        left_out: by backend, what is malformed or beyond the bound.
    """

    def __init__(self, reported: Iterable[Reported]) -> None:
        self.left_out: Counter[str] = Counter()
        self._labels: dict[str, tuple[str, ...]] = {}
        self._values: defaultdict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
        self._series: Counter[str] = Counter()
        self._abstractions = tuple(f"{name}_" for name in interfaces())
        for each in reported:
            for text, value in each.values.items():
                if "{" in text and not self._add(each.backend, text, value):
                    self.left_out[each.backend] += 1

    def _add(self, backend: str, text: str, value: float) -> bool:
        found = parse(text)
        if found is None or not math.isfinite(value) or not found.name.startswith(self._abstractions):
            return False
        names = (_OWN, *found.names)
        if self._labels.setdefault(found.name, names) != names:
            return False
        values, labels = self._values[found.name], (backend, *found.values)
        if labels not in values:
            if self._series[backend] >= MAX_SERIES:
                return False
            self._series[backend] += 1
        # Two instances may share a store: each counts all that is there, but only its own deliveries.
        before = values.get(labels, 0.0)
        values[labels] = before + value if found.name.endswith(_TOTAL) else max(before, value)
        return True

    def families(self) -> Iterator[MetricFamily]:
        """One for each name."""
        for name, values in self._values.items():
            counter = name.endswith(_TOTAL)
            shown = f"prism_{name.removesuffix(_TOTAL)}"
            help_ = f"{name.removesuffix(_TOTAL).replace('_', ' ')}, as its backend counts.".capitalize()
            yield MetricFamily(shown, help_, values, self._labels[name], kind="counter" if counter else "gauge")
