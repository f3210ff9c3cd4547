"""Fairness among connections: what the unproven ones may cost the others is one share of each turn, together.

An attacker may come again and again, and on many connections at once; so it is not enough to bound each of them. Those
that find the share used up wait in line. A connection that completes calls is soon proven (see `ServerConnection`).
"""

from collections import deque
from collections.abc import Callable
from typing import Final

SHARE: Final = 16  # frames, or as many streams to be ended: a few hundred microseconds at most


class FairShare:
    """The share of a loop's unproven connections; `credit` is what is left of it in this turn."""

    __slots__ = ("_call_soon", "_scheduled", "_waiting", "credit")

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._waiting: deque[Callable[[], None]] = deque()
        self._scheduled = False
        self.credit = SHARE

    def wait(self, resume: Callable[[], None]) -> None:
        """Have `resume` called in its turn; it does as much as `credit` allows, and waits again for the rest."""
        self._waiting.append(resume)
        if not self._scheduled:
            self._scheduled = True
            self._call_soon(self._serve)

    def _serve(self) -> None:
        self._scheduled = False
        self.credit = SHARE
        waiting = self._waiting
        try:
            while waiting and self.credit > 0:
                waiting.popleft()()
        finally:
            if waiting and not self._scheduled:
                self._scheduled = True
                self._call_soon(self._serve)
