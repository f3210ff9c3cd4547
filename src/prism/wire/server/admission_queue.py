"""Calls that do not begin yet: their client does not take the answers to those that have ended.

What waits for closed windows is counted when it is there, so calls begin only while half of `reply_budget` is free, and
those that were held a few at a time.
"""

import asyncio
from collections import deque
from typing import Final

from prism.wire.config import ServerConfig
from prism.wire.grpc.fields import Fields
from prism.wire.server.call import ServerCall
from prism.wire.server.local_reply import Refusals
from prism.wire.server.streams import ServerStreams

_RESUMED: Final = 8  # calls that were held and are under way: their answers count only when they are there


class HeldCalls(ServerStreams):
    """Starts the handlers of calls, each when there is room for its answer."""

    def __init__(
        self,
        config: ServerConfig,
        loop: asyncio.AbstractEventLoop,
        opening: bytes,
        known_fields: Fields,
        refusals: Refusals,
    ) -> None:
        super().__init__(config, loop, opening, known_fields, refusals)
        self._most_held = 2 * config.max_concurrent_streams
        self._held: deque[ServerCall] = deque()
        self._resumed = 0

    async def _run(self, call: ServerCall) -> None:
        """Run the handler, and answer."""
        raise NotImplementedError

    def run(self, call: ServerCall) -> "asyncio.Task[None] | None":
        """Start the handler of a call: its one task. None where it must wait until the client has taken answers."""
        if self._held or self._backlog > self._reply_budget >> 1:
            if len(self._held) >= self._most_held:
                # Most of these have been taken back.
                self._held = deque(each for each in self._held if not each.ended)
            self._held.append(call)
            return None
        return self._start(call)

    def _start(self, call: ServerCall) -> "asyncio.Task[None]":
        # Not by the loop: it would first make up a name for each.
        return asyncio.Task(self._run(call), loop=self._loop, name=call.path)

    def _ease(self, size: int) -> None:
        super()._ease(size)
        if self._held and self._backlog <= self._reply_budget >> 1:
            self._loop.call_soon(self._begin_held)

    def _begin_held(self) -> None:
        held = self._held
        while held and self._resumed < _RESUMED and self._backlog <= self._reply_budget >> 1:
            call = held.popleft()
            if not call.ended:
                self._resumed += 1
                call.task = self._start(call)
                call.task.add_done_callback(self._on_resumed_ended)

    def _on_resumed_ended(self, _task: "asyncio.Task[None]") -> None:
        self._resumed -= 1
        self._begin_held()

    def _end(self, reason: str) -> None:
        # None is to begin when others, which are lost before it, make room.
        self._held.clear()
        super()._end(reason)
