"""The metrics of a plugin's process: as the message for gateways, and as the source of the text for Prometheus.

Source: proto/prism/plugin/v1/plugin.proto; Prometheus "Exposition formats".
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.protobuf.struct_pb2 import Struct

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.host.instance import HostedInstance
from prism.telemetry.metrics.call_metrics import Totals
from prism.wire.grpc.status import Code


def plugin_metrics(instances: Iterable[HostedInstance]) -> pb.PluginMetrics:
    """What these instances have done since they began, and their backends' gauges, added up."""
    metrics = pb.PluginMetrics()
    gauges: defaultdict[str, float] = defaultdict(float)
    since = []
    for each in instances:
        since.append(each.since)
        for totals in each.metrics.totals():
            metrics.requests_total += sum(totals.codes)
            metrics.requests_failed += sum(totals.codes) - totals.codes[Code.OK]
            metrics.latency_ms += totals.seconds * 1000
        for name, value in each.gauges().items():
            gauges[name] += value
    metrics.interval_start_ns = min(since, default=0)
    metrics.connections_idle = int(gauges.get("pool_connections_idle", 0))
    metrics.connections_active = int(gauges.get("pool_connections_open", 0)) - metrics.connections_idle
    if gauges:
        custom = Struct()
        custom.update(gauges)
        metrics.custom_metrics.Pack(custom)
    return metrics


@dataclass(frozen=True, slots=True)
class InstanceMetrics:
    """The metrics of one instance at one instant.

    Attributes:
        store: which store it is on; nothing secret.
        totals: its calls that have ended.
        active: its calls in progress.
        gauges: its backend's own.
    """

    store: str
    totals: tuple[Totals, ...]
    active: int
    gauges: Mapping[str, float]


def metrics_of(instance: HostedInstance) -> InstanceMetrics:
    """A copy of what was counted, for use in another thread."""
    totals = tuple(instance.metrics.totals())
    return InstanceMetrics(instance.identity, totals, instance.active, dict(instance.gauges()))
