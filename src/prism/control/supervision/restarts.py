"""How long to wait before a plugin that has ended by itself is started again.

A restart takes one from a budget, and healthy time gives back. The first half of the budget is spent without a pause:
one death among many good minutes should not be noticed. From there on the pauses double, and an empty budget leaves
the longest one.
"""

import random
from time import monotonic

AT_ONCE = 0.02
"""Seconds; even the first restarts of many instances do not fall on one instant."""


class Restarts:
    """The budget of one instance.

    Attributes:
        count: restarts so far.
    """

    def __init__(self, budget: int, refill: float, initial: float, most: float) -> None:
        """
        Args:
            budget: restarts.
            refill: restarts regained for each second of health.
            initial: the first pause above none, in seconds.
            most: the longest pause.
        """
        self.count = 0
        self._budget = float(budget)
        self._left = float(budget)
        self._refill = refill
        self._initial = initial
        self._most = most
        self._well_since: float | None = None

    def came_up(self) -> None:
        """It serves from now on."""
        self._well_since = monotonic()

    def ended(self) -> float:
        """It has ended; gives the pause before the next start."""
        if self._well_since is not None:
            self._left = min(self._budget, self._left + (monotonic() - self._well_since) * self._refill)
            self._well_since = None
        self.count += 1
        self._left = max(0.0, self._left - 1)
        over = self._budget / 2 - self._left
        if over <= 0:
            pause = AT_ONCE
        elif self._left < 1:
            pause = self._most
        else:
            pause = min(self._most, self._initial * 2.0 ** int(over))
        return pause * random.uniform(0.75, 1.25)  # noqa: S311  # spreads load, keeps no secret
