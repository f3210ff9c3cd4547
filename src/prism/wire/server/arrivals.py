"""Connections that were accepted and have no transport yet, and those that could not be had for want of descriptors."""

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from time import monotonic
from typing import Any, Final

_log = logging.getLogger("prism.wire")

_DISTANCE: Final = 10.0  # seconds between two lines of one kind


class Arrivals:
    """Of one server.

    Attributes:
        shortages: how often descriptors were lacking: `refused`, connections that were closed at once; `delayed`, times
            that none could be accepted.
    """

    __slots__ = ("_logged_at", "_tasks", "shortages")

    def __init__(self) -> None:
        self.shortages: Counter[str] = Counter(refused=0, delayed=0)
        self._logged_at: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, connecting: Coroutine[Any, Any, None]) -> None:
        """A connection was accepted; this makes its transport, and with TLS its handshake."""
        task = asyncio.create_task(_seen_through(connecting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def refused(self, why: str) -> None:
        """A connection was closed at once."""
        self._short("refused", why)

    def delayed(self, why: str) -> None:
        """Connections wait to be accepted."""
        self._short("delayed", why)

    async def close(self) -> None:
        """Ends handshakes that are under way; nothing is accepted any more."""
        if self._tasks:
            await asyncio.sleep(0)  # each has begun, and its transport owns the socket
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _short(self, what: str, why: str) -> None:
        self.shortages[what] += 1
        now = monotonic()
        if now - self._logged_at.get(what, -_DISTANCE) >= _DISTANCE:
            self._logged_at[what] = now
            _log.warning("%s; %d times since the start", why, self.shortages[what])


async def _seen_through(connecting: Coroutine[Any, Any, None]) -> None:
    with suppress(OSError):  # a handshake that failed, which the context's own kind of `SSLObject` may count
        await connecting
