"""How long to wait before a plugin that has ended by itself is started again.

A restart takes one from a budget, and healthy time gives back. The first half of the budget is spent without a pause:
one death among many good minutes should not be noticed. From there on the pauses double, and an empty budget leaves
the longest one.
"""

import random
from time import monotonic

from prism.config.sections.supervision import SupervisionSection

AT_ONCE = 0.02
"""Seconds; even the first restarts of many instances do not fall on one instant."""


class RestartBudget:
    """The budget of one instance.

    Attributes:
        count: restarts so far.
        supervision: the budget, how soon it comes back, and the pauses; may be replaced.
    """

    def __init__(self, supervision: SupervisionSection) -> None:
        """
        Args:
            supervision: the budget, how soon it comes back, and the pauses.
        """
        self.count = 0
        self.supervision = supervision
        self._left = float(supervision.restarts)
        self._healthy_since: float | None = None

    def came_up(self) -> None:
        """It serves from now on."""
        self._healthy_since = monotonic()

    def ended(self) -> float:
        """It has ended; gives the pause before the next start."""
        options = self.supervision
        if self._healthy_since is not None:
            healthy = monotonic() - self._healthy_since
            self._left += healthy * options.restarts / options.restart_window
            self._healthy_since = None
        self.count += 1
        self._left = max(0.0, min(options.restarts, self._left) - 1)
        over = options.restarts / 2 - self._left
        if over <= 0:
            pause = AT_ONCE
        elif self._left < 1:
            pause = options.backoff_max
        else:
            pause = min(options.backoff_max, options.backoff_first * 2.0 ** int(over))
        return pause * random.uniform(0.75, 1.25)  # noqa: S311  # spreads load, keeps no secret
