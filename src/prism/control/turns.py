"""Reloads come one after the other: each knows whether a newer one waits, and one that waits long says for what."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

PATIENCE: Final = 1.0
"""Seconds that a reload waits for the one before it without a word."""

log = logging.getLogger(__name__)


class Turns:
    """Of one control.

    Attributes:
        alone: held by the one that has its turn, and by what is no reload and must not run beside one.
        newer: set while a reload waits.

    Args:
        under_way: what the one that has its turn is waiting for, in words; empty for nothing in particular.
    """

    def __init__(self, under_way: Callable[[], str]) -> None:
        self.alone = asyncio.Lock()
        self.newer = asyncio.Event()
        self._queued = 0
        self._under_way = under_way

    @asynccontextmanager
    async def next(self) -> AsyncIterator[list[str]]:
        """The turn of one reload; with notes for its report."""
        notes: list[str] = []
        loop = asyncio.get_running_loop()
        began = loop.time()
        telling = loop.call_later(PATIENCE, self._tell, notes)
        self._queued += 1
        self.newer.set()
        try:
            await self.alone.acquire()
        finally:
            telling.cancel()
            self._queued -= 1
            if not self._queued:
                self.newer.clear()
        try:
            yield [f"this change waited {loop.time() - began:.1f} s {each}" for each in notes]
        finally:
            self.alone.release()

    def _tell(self, notes: list[str]) -> None:
        what = self._under_way() or "it is still being applied"
        notes.append(f"for the one before it: {what}")
        log.warning("a change of the configuration waits for the one before it: %s", what)
