"""The budget of restarts: what it allows at once, and how it is regained."""

import pytest

from prism.config.sections.supervision import SupervisionSection
from prism.control.supervision import restart_budget
from prism.control.supervision.restart_budget import AT_ONCE, RestartBudget

BUDGET = SupervisionSection(restarts=8, restart_window=16, backoff_first=1, backoff_max=30)


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(restart_budget, "monotonic", clock)
    return clock


def pauses(budget: RestartBudget, count: int, clock: Clock, healthy: float) -> list[float]:
    """The pauses after so many deaths, each after some time of health."""
    found = []
    for _ in range(count):
        budget.came_up()
        clock.now += healthy
        found.append(budget.ended())
    return found


def test_half_of_the_budget_is_spent_without_a_pause(clock: Clock) -> None:
    """Then the pauses double, up to the longest, which an empty budget keeps."""
    found = pauses(RestartBudget(BUDGET), 12, clock, healthy=0.0)
    assert all(pause <= AT_ONCE * 1.25 for pause in found[:4])
    for pause, expected in zip(found[4:], [2, 4, 8, 30, 30, 30, 30, 30], strict=True):
        assert 0.75 * expected <= pause <= 1.25 * expected


def test_health_gives_back(clock: Clock) -> None:
    """Who dies no faster than the budget refills is started at once for ever; a failed start gives nothing back."""
    budget = RestartBudget(BUDGET)
    assert max(pauses(budget, 100, clock, healthy=2.0)) <= AT_ONCE * 1.25
    assert budget.count == 100
    pauses(budget, 10, clock, healthy=0.0)
    assert pauses(budget, 1, clock, healthy=60.0)[0] <= AT_ONCE * 1.25
