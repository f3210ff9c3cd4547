"""Stores as label values are bounded."""

from prism.telemetry.metrics.call_metrics import OTHER
from prism.telemetry.metrics.label_limit import LabelLimit


def test_stores_beyond_the_bound_are_counted_together() -> None:
    """Each backend has a bound of its own; who has a name keeps it, and a very long one is shortened."""
    stores = LabelLimit(2)
    assert [stores.label("a", name) for name in ("x", "y", "z", "x")] == ["x", "y", OTHER, "x"]
    assert stores.label("b", "z" * 1000) == "z" * 200
