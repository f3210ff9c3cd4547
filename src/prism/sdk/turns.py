"""Turns at what is scarce: so many have one at a time, and who waits is served one of each, whatever others ask for."""

import asyncio
from collections import deque


class Turns:
    """So many turns at once.

    Args:
        most: of them.
    """

    __slots__ = ("_free", "_waiting")

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, who: str) -> None:
        """Waits for a turn, which `give_back` ends: after one of each other that waits, not after all of theirs."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()
            raise

    def give_back(self) -> None:
        """A turn is over: the next begins."""
        waiting = self._waiting
        while waiting:
            who = next(iter(waiting))
            queue = waiting.pop(who)
            turn = queue.popleft()
            if queue:
                waiting[who] = queue  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
