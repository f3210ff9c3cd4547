"""How far a traversal may go, and how far it came."""

import asyncio

from prism.context import Context
from prism.errors import DeadlineExceeded, LimitExceeded

_MARGIN = 0.1
"""Of the time that a call has, kept for saying how far it came."""
_MOST_MARGIN = 1.0
"""Seconds that are kept at most."""
_TURN = 500
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
        return self.visited % _TURN == 0

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

    def _progress(self) -> dict[str, str]:
        return {"visited": str(self.visited), "depth": str(self.depth)}
