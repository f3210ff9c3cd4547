"""The metrics that a plugin in another process reports by MetricsService, and how they are added to the gateway's.

A plugin counts from when its instance began, and anew after a restart; several gateways may ask it. So each gateway
keeps what it saw last, and adds up the differences: its own counts only grow.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.struct_pb2 import Struct

from prism._proto.plugin.v1 import plugin_pb2 as pb

COUNTS = ("requests_total", "requests_failed", "latency_ms")


@dataclass(frozen=True, slots=True)
class PluginMetrics:
    """One answer.

    Attributes:
        gauges: the backend's own.
        since: when its counts began, in nanoseconds since 1970.
        counts: by the names of `COUNTS`.
    """

    gauges: Mapping[str, float]
    since: int = 0
    counts: Mapping[str, float] | None = None

    @classmethod
    def of(cls, metrics: pb.PluginMetrics) -> "PluginMetrics":
        """From the message."""
        custom = Struct()
        gauges: dict[str, float] = {}
        if metrics.custom_metrics.Unpack(custom):
            fields = custom.fields.items()
            gauges = {name: value.number_value for name, value in fields if value.HasField("number_value")}
        return cls(gauges, metrics.interval_start_ns, {name: float(getattr(metrics, name)) for name in COUNTS})


class Intervals:
    """Adds up what was counted between two answers.

    Attributes:
        totals: so far, by the names of `COUNTS`; empty until there was an answer.
    """

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self._seen: dict[str, PluginMetrics] = {}

    def add(self, source: str, metrics: PluginMetrics) -> None:
        """Adds the answer of one process."""
        if metrics.counts is None:
            return
        before = self._seen.get(source)
        known = before.counts if before is not None and before.since == metrics.since else None
        for name, count in metrics.counts.items():
            grown = count - (known or {}).get(name, 0.0)
            # A count that shrinks or is not finite is a plugin's mistake; the gateway's own must not shrink by it.
            self.totals[name] += max(0.0, grown) if math.isfinite(grown) else 0.0  # type: ignore[assignment]  # a Counter of floats
        self._seen[source] = metrics
