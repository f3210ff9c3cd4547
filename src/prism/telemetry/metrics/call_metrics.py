"""Counts calls as raw integers: two dictionary look-ups and a few additions each; metrics are built at scrape only."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from prism.wire.grpc.status import Code

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram's buckets, in seconds, included; one more bucket holds what is slower."""

OTHER = "_other"
"""Counts what is beyond `max_namespaces`; no namespace can have this name."""


class _Series:
    __slots__ = ("buckets", "codes", "seconds")

    def __init__(self) -> None:
        self.codes = [0] * len(Code)
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    """What was counted of one operation on one namespace since the process started.

    Attributes:
        namespace: empty for calls that named none that is configured.
        operation: the full gRPC method.
        codes: calls by gRPC status code.
        buckets: calls by duration; not cumulative.
        seconds: durations added up.
    """

    namespace: str
    operation: str
    codes: tuple[int, ...]
    buckets: tuple[int, ...]
    seconds: float


class CallMetrics:
    """Counts the calls of one process. Not thread-safe: belongs to the event loop's thread.

    Args:
        max_namespaces: most namespaces that get series of their own; the calls of later ones are counted together
            under `OTHER`, so that no configuration and no churn of namespaces makes a scrape grow without bound.
    """

    def __init__(self, *, max_namespaces: int = 1000) -> None:
        if max_namespaces < 1:
            raise ValueError(f"max_namespaces must be at least 1, not {max_namespaces}")
        self._max_namespaces = max_namespaces
        self._namespaces: set[str] = set()
        self._series: dict[tuple[str, str], _Series] = {}
        self._in_flight: defaultdict[str, int] = defaultdict(int)

    def begin(self, operation: str) -> None:
        """A call has arrived."""
        self._in_flight[operation] += 1

    def end(self, namespace: str, operation: str, code: Code, seconds: float) -> None:
        """A call that had begun has ended.

        Args:
            namespace: a configured one, else empty: callers must not be able to invent label values.
            operation: as it was given to `begin`.
            code: how it ended.
            seconds: how long it took.
        """
        self._in_flight[operation] -= 1
        try:
            series = self._series[namespace, operation]
        except KeyError:
            series = self._new_series(namespace, operation)
        series.codes[code] += 1
        series.buckets[bisect_left(BOUNDS, seconds)] += 1
        series.seconds += seconds

    def _new_series(self, namespace: str, operation: str) -> _Series:
        if namespace and namespace not in self._namespaces:
            if len(self._namespaces) < self._max_namespaces:
                self._namespaces.add(namespace)
            else:
                namespace = OTHER
        return self._series.setdefault((namespace, operation), _Series())

    def totals(self) -> Iterator[Totals]:
        """A copy of what was counted."""
        for (namespace, operation), series in self._series.items():
            yield Totals(namespace, operation, tuple(series.codes), tuple(series.buckets), series.seconds)

    def in_flight(self) -> dict[str, int]:
        """Calls under way, by operation."""
        return dict(self._in_flight)
