"""Counts of plugins outside the gateway, added up through their restarts."""

from google.protobuf.struct_pb2 import Struct

from plugins.sidecars import make_sidecar, put
from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.plugins.rpc.metrics import Intervals, PluginMetrics


def answer(since: int, requests: float, **more: float) -> PluginMetrics:
    return PluginMetrics({}, since, {"requests_total": requests, **more})


def test_a_restart_and_a_second_process_only_add() -> None:
    """Whatever a process counted since it was asked last."""
    intervals = Intervals()
    assert intervals.totals == {}
    for source, since, requests in (("a", 1, 5.0), ("a", 1, 8.0), ("b", 1, 2.0), ("a", 2, 1.0), ("a", 2, 1.0)):
        intervals.add(source, answer(since, requests))
    assert intervals.totals["requests_total"] == 8 + 2 + 1


def test_what_cannot_be_is_not_counted() -> None:
    """A count that shrinks, or is no number, leaves the gateway's as it is."""
    intervals = Intervals()
    intervals.add("a", answer(1, 5.0, latency_ms=1.0))
    intervals.add("a", answer(1, 3.0, latency_ms=float("nan")))
    intervals.add("a", PluginMetrics({}))
    assert intervals.totals == {"requests_total": 5.0, "latency_ms": 1.0}


def test_a_message_is_read() -> None:
    """Gauges that are numbers, and the counts with their beginning."""
    custom = Struct()
    custom.update({"pool": 3, "name": "text"})
    metrics = pb.PluginMetrics(requests_total=7, interval_start_ns=5)
    metrics.custom_metrics.Pack(custom)
    figures = PluginMetrics.of(metrics)
    assert (figures.gauges, figures.since) == ({"pool": 3.0}, 5)
    assert figures.counts is not None
    assert figures.counts["requests_total"] == 7


async def test_a_sidecar_s_counts_arrive() -> None:
    """With each probe."""
    instance = make_sidecar()
    try:
        await instance.load()
        await instance.start()
        await instance.attach("ns")
        await put(instance, b"v")
        await put(instance, b"w")
        await instance.health()
        assert instance.counted()["requests_total"] == 2
        assert instance.counted()["requests_failed"] == 0
    finally:
        await instance.stop()
