"""Counting calls."""

import random

import pytest

from prism.telemetry.metrics.call_metrics import BOUNDS, OTHER, CallMetrics
from prism.wire.grpc.status import Code

GET = "prism.data.v1.KeyValue/Get"
PUT = "prism.data.v1.KeyValue/Put"


def ended(
    metrics: CallMetrics, namespace: str, operation: str = GET, code: Code = Code.OK, seconds: float = 0.0
) -> None:
    metrics.begin(operation)
    metrics.end(namespace, operation, code, seconds)


def test_every_call_is_in_one_code_and_one_bucket() -> None:
    """Codes, buckets and seconds of one series agree with what was recorded."""
    metrics = CallMetrics()
    durations = [random.Random(1).expovariate(100) for _ in range(500)]
    for index, seconds in enumerate(durations):
        ended(metrics, "profiles", code=Code.OK if index % 5 else Code.UNAVAILABLE, seconds=seconds)
    (totals,) = metrics.totals()
    assert (totals.namespace, totals.operation) == ("profiles", GET)
    assert totals.codes[Code.OK] == 400
    assert totals.codes[Code.UNAVAILABLE] == 100
    assert sum(totals.codes) == sum(totals.buckets) == 500
    assert totals.seconds == pytest.approx(sum(durations))
    for index, bound in enumerate(BOUNDS):
        assert sum(totals.buckets[: index + 1]) == sum(seconds <= bound for seconds in durations)


def test_a_bound_belongs_to_its_bucket() -> None:
    """A duration equal to a bound counts as `le` that bound, and what is slower than all has a bucket too."""
    metrics = CallMetrics()
    for seconds in (*BOUNDS, BOUNDS[-1] * 2):
        ended(metrics, "profiles", seconds=seconds)
    (totals,) = metrics.totals()
    assert totals.buckets == (1,) * (len(BOUNDS) + 1)


def test_calls_under_way_are_counted_by_operation() -> None:
    """A call is in flight from its beginning to its end."""
    metrics = CallMetrics()
    metrics.begin(GET)
    metrics.begin(GET)
    metrics.begin(PUT)
    assert metrics.in_flight() == {GET: 2, PUT: 1}
    metrics.end("profiles", GET, Code.CANCELLED, 0.1)
    assert metrics.in_flight() == {GET: 1, PUT: 1}


def test_namespaces_over_the_bound_are_counted_together() -> None:
    """Namespaces that come and go cannot make a scrape grow without bound, and no call is lost."""
    metrics = CallMetrics(max_namespaces=2)
    for namespace in ("a", "b", "c", "d", "a", "c", ""):
        ended(metrics, namespace)
    ended(metrics, "a", PUT)
    ended(metrics, "e", PUT)
    counted = {(each.namespace, each.operation): each.codes[Code.OK] for each in metrics.totals()}
    assert counted == {("a", GET): 2, ("b", GET): 1, (OTHER, GET): 3, ("", GET): 1, ("a", PUT): 1, (OTHER, PUT): 1}


def test_a_bound_of_nothing_is_refused() -> None:
    """A bound that would count nobody is a mistake of configuration."""
    with pytest.raises(ValueError, match="max_namespaces must be at least 1"):
        CallMetrics(max_namespaces=0)
