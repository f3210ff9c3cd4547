"""Compressed answers of unary calls, expanded one in a turn.

Each is its caller's as soon as it is expanded, and the caller has its turn before the next one: so of all the answers
that a server may send at once, each up to a thousand times what came, one at most is there that has not been taken.
"""

import asyncio
from collections import deque
from typing import Protocol


class Packed(Protocol):
    """An answer that has come, and waits to be expanded."""

    def unpack(self) -> bool:
        """Give it to the caller; False where there is none any more, and nothing has been done."""


class Unpacking:
    """The line of one connection."""

    __slots__ = ("_line", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._line: deque[Packed] = deque()

    def add(self, answer: Packed) -> None:
        """Expand it in its turn."""
        self._line.append(answer)
        if len(self._line) == 1:
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        line = self._line
        while line and not line[0].unpack():
            line.popleft()
        if line:
            line.popleft()
        if line:
            self._loop.call_soon(self._next)
