"""How far a traversal may go, and how far it came."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from prism.context import Context
from prism.errors import DeadlineExceeded, LimitExceeded

T = TypeVar("T")

_MARGIN = 0.1
"""Of the time that a call has, kept for saying how far it came."""
_MOST_MARGIN = 1.0
"""Seconds that are kept at most."""
TURN = 500
"""Edges that are looked at before others have their turn."""


class Visits:
    """Counts the edges that are looked at.

    Attributes:
        visited: how many so far.
        depth: edges of the walks that are being looked at.
    """

    def __init__(self, context: Context, most: int) -> None:
        self.visited = 0
        self.depth = 0
        self._most = most
        self._last: float | None = None
        if context.deadline is not None:
            remaining = max(context.deadline.remaining(), 0.0)
            self._last = context.deadline.instant - min(remaining * _MARGIN, _MOST_MARGIN)

    def look(self) -> bool:
        """One more edge is looked at; whether it is time to `breathe`.

        Raises:
            LimitExceeded: it is one too many.
        """
        if self.visited >= self._most:
            raise LimitExceeded(
                f"the traversal looked at {self.visited} edges and came to depth {self.depth}; ask for fewer steps, "
                "filter more, or raise max_visited",
                metadata={"limit": "max_visited", **self._progress()},
            )
        self.visited += 1
        return self.visited % TURN == 0

    async def breathe(self) -> None:
        """Lets others go on, between two reads and after some edges.

        Raises:
            DeadlineExceeded: the call's time is over, or nearly.
        """
        await asyncio.sleep(0)
        if self._last is not None and asyncio.get_running_loop().time() >= self._last:
            raise DeadlineExceeded(
                f"the deadline passed after {self.visited} edges at depth {self.depth}; allow more time, or ask for "
                "less",
                metadata=self._progress(),
            )

    async def during(self, work: Awaitable[T]) -> T:
        """Waits for work that is done elsewhere, no longer than the call has time.

        Raises:
            DeadlineExceeded: as `breathe` does.
        """
        try:
            async with asyncio.timeout_at(self._last):
                return await work
        except TimeoutError:
            await self.breathe()
            raise

    def _progress(self) -> dict[str, str]:
        return {"visited": str(self.visited), "depth": str(self.depth)}
