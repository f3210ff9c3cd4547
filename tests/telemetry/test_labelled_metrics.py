"""Metrics with labels that backends report."""

from typing import NamedTuple

import pytest

from prism.telemetry.metrics.labelled import labelled, parse
from prism.telemetry.metrics.labelled_metrics import MAX_SERIES, LabelledMetrics


class Reported(NamedTuple):
    """What a backend reports."""

    backend: str
    values: dict[str, float]


def test_a_name_and_its_labels_travel_as_one_text() -> None:
    """Whatever the labels hold, within a length."""
    by = {"topic": 'a"b{c}\\ü\n', "group": "g" * 300}
    found = parse(labelled("queue_waiting", by))
    assert found is not None
    assert found == ("queue_waiting", ("topic", "group"), (by["topic"], "g" * 200))


@pytest.mark.parametrize(
    "text", ["plain", "Bad{}", "queue_waiting{", "queue_waiting[1]", 'queue_waiting{"a":1}', 'queue_waiting{"A b":"c"}']
)
def test_anything_else_is_none(text: str) -> None:
    """A plain name, or what a plugin got wrong."""
    assert parse(text) is None


def test_gauges_of_one_store_are_not_added_up_and_counters_are() -> None:
    """Two instances count the same messages, but each its own deliveries."""
    by = {"topic": "t"}
    one = {labelled("queue_waiting", by): 3.0, labelled("queue_deliveries_total", by): 5.0, "plain": 1.0}
    other = {labelled("queue_waiting", by): 2.0, labelled("queue_deliveries_total", by): 7.0}
    metrics = LabelledMetrics([Reported("sqlite", one), Reported("sqlite", other)])
    families = {each.name: each for each in metrics.families()}
    assert set(families) == {"prism_queue_waiting", "prism_queue_deliveries"}
    assert families["prism_queue_waiting"].values == {("sqlite", "t"): 3.0}
    assert families["prism_queue_waiting"].labels == ("backend", "topic")
    assert families["prism_queue_deliveries"].values == {("sqlite", "t"): 12.0}
    assert families["prism_queue_deliveries"].kind == "counter"
    assert not metrics.left_out


def test_a_plugin_can_neither_take_anothers_name_nor_flood() -> None:
    """What is not an abstraction's, has other labels than its name's first, or is too much is left out, and counted."""
    wrong = {
        labelled("requests", {}): 1.0,
        labelled("queue_waiting", {"topic": "t"}): float("nan"),
        labelled("queue_waiting", {"backend": "mine"}): 1.0,
        labelled("queue_dead", {"topic": "t"}): 1.0,
        labelled("queue_dead", {"group": "t"}): 1.0,
    }
    many = {labelled("queue_waiting", {"topic": str(number)}): 1.0 for number in range(MAX_SERIES + 3)}
    metrics = LabelledMetrics([Reported("bad", wrong), Reported("large", many)])
    assert metrics.left_out == {"bad": 4, "large": 3}
    assert sum(len(each.values) for each in metrics.families()) == 1 + MAX_SERIES
