"""The end of a loop's turn: what all of its connections have gathered is written then, after the tasks it made ready.

Without this each connection would write by itself, a turn later where another's data woke the task that answers (a call
that is passed on); and every turn of the loop is an `epoll_wait`.
"""

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary

from prism.wire.fairness import SHARE, FairShare


class Writer(Protocol):
    """Something that gathers output."""

    def flush(self) -> None:
        """Write it."""


class Turn:
    """Those of one loop's connections that have gathered something.

    Attributes:
        ahead: ends that are scheduled. Without one, what is gathered now waits for another turn of the loop, so that a
            connection with nothing else under way writes at once.
    """

    __slots__ = ("__weakref__", "_call_soon", "_dirty", "ahead", "fair_share")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._call_soon = loop.call_soon
        self._dirty: list[Writer] = []
        self.ahead = 0
        self.fair_share = FairShare(loop.call_soon)

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "Turn":
        """The one that all connections of a loop share."""
        turn = _TURNS.get(loop)
        if turn is None:
            turn = _TURNS[loop] = cls(loop)
        return turn

    def add(self, writer: Writer) -> None:
        """It has something to write."""
        self._dirty.append(writer)
        self.ensure()

    def ensure(self) -> None:
        """There is an end ahead."""
        if not self.ahead:
            self.ahead = 1
            self._call_soon(self._end)

    def schedule(self) -> None:
        """A read has made tasks ready: what they say is to be written after the last of them, in the same turn.

        Only for what the loop calls because a socket is readable: what tasks call would put the end off for ever.
        """
        self.ahead += 1
        self._call_soon(self._end)

    def _end(self) -> None:
        self.ahead -= 1
        # Of several reads in one turn the last one's end is the turn's: it writes for all.
        if self.ahead:
            return
        self.fair_share.credit = SHARE
        dirty = self._dirty
        if dirty:
            self._dirty = []
            for writer in dirty:
                writer.flush()


# What a loop would hold if it had a place for it: it goes with the loop.
_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, Turn] = WeakKeyDictionary()
