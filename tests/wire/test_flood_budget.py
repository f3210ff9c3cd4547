"""The allowance of frames that carry nothing."""

from prism.wire.http2.flood_budget import FloodBudget


def test_a_new_peer_has_its_allowance_once() -> None:
    """Not again when it is used up at once."""
    budget = FloodBudget(capacity=100, refill=0.001)
    assert [budget.charge(0) for _ in range(101)] == [True] * 100 + [False]


def test_completed_calls_earn_more_and_no_more_than_the_allowance() -> None:
    """One each."""
    budget = FloodBudget(capacity=10, refill=0.001)
    assert all(budget.charge(completed) for completed in range(1000))
    assert [budget.charge(1_000_000) for _ in range(21)].count(True) <= 20


def test_what_is_work_for_several_costs_as_much() -> None:
    """A hundred is used up by ten times ten."""
    budget = FloodBudget(capacity=100, refill=0.001)
    assert [budget.charge(0, 10) for _ in range(11)] == [True] * 10 + [False]
