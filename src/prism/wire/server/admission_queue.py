"""Calls that do not begin yet: their client does not take the replies to those that have ended.

What waits for closed windows is counted when it is there, so calls begin only while half of `reply_budget` is free, and
those that had to wait a few at a time.
"""

import asyncio
from collections import deque
from typing import Final, Protocol

from prism.wire.config import ServerConfig
from prism.wire.http2.output import Output

_MAX_RESUMED: Final = 8  # calls that waited and are under way: their replies count only when they are there


class Waiting(Protocol):
    """A call whose request has come, and whose handler has not begun."""

    ended: bool

    def start(self) -> "asyncio.Task[None]":
        """Begin."""


class AdmissionQueue:
    """The calls of one connection that wait.

    Attributes:
        waiting: in the order in which they came.
        limit: bytes of replies that may wait for the client while calls begin at once.
    """

    __slots__ = ("_capacity", "_loop", "_output", "_reply_budget", "_resumed", "limit", "waiting")

    def __init__(self, config: ServerConfig, loop: asyncio.AbstractEventLoop, output: Output) -> None:
        self.waiting: deque[Waiting] = deque()
        self.limit = config.reply_budget >> 1
        self._reply_budget = config.reply_budget
        self._capacity = 2 * config.max_concurrent_streams
        self._loop = loop
        self._output = output
        self._resumed = 0

    def add(self, call: Waiting) -> None:
        """Have a call begin when there is room for its reply."""
        if len(self.waiting) >= self._capacity:
            # Most of these have been cancelled.
            self.waiting = deque(each for each in self.waiting if not each.ended)
        self.waiting.append(call)
        self._output.on_eased = self._on_eased

    def overfull(self, size: int) -> bool:
        """Whether a reply of so many bytes is more than may wait for the client, beside those that do."""
        backlog = self._output.backlog
        return backlog > 0 and backlog + size > self._reply_budget

    def clear(self) -> None:
        """None is to begin any more."""
        self.waiting.clear()
        self._output.on_eased = None

    def _on_eased(self) -> None:
        if self._output.backlog <= self.limit:
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        waiting = self.waiting
        while waiting and self._resumed < _MAX_RESUMED and self._output.backlog <= self.limit:
            call = waiting.popleft()
            if not call.ended:
                self._resumed += 1
                call.start().add_done_callback(self._on_ended)
        if not waiting:
            self._output.on_eased = None

    def _on_ended(self, _task: "asyncio.Task[None]") -> None:
        self._resumed -= 1
        self._begin()
