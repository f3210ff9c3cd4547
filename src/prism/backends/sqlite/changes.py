"""What other processes change in the file: found by looking while somebody waits, and told to those who do."""

import asyncio
from contextlib import suppress
from typing import Protocol

from prism.errors import PrismError
from prism.sdk.wakeups import Wakeups

POLL = 0.01
"""Seconds between two looks."""


class Changing(Protocol):
    """A file that says when it has changed."""

    async def changes(self) -> int:
        """A number that changes with every commit of another connection to the file, of any process."""
        ...


class Changes:
    """The watch of one file.

    Args:
        store: the file.
    """

    def __init__(self, store: Changing) -> None:
        self._store = store
        self._told: list[Wakeups] = []
        self._watching: asyncio.Task[None] | None = None

    def wakeups(self) -> Wakeups:
        """Those who wait for something of their own; all of them are woken by any change."""
        made = Wakeups()
        made.on_waiter = self._watch
        self._told.append(made)
        return made

    def _watch(self) -> None:
        if self._watching is None or self._watching.done():
            self._watching = asyncio.get_running_loop().create_task(self._wake(), name="sqlite-changes")

    async def _wake(self) -> None:
        """While somebody waits: looks every 10 ms whether another connection has changed the file."""
        version = -1
        while any(map(len, self._told)):
            with suppress(PrismError):  # who waits is told by the store itself
                found = await self._store.changes()
                if found != version:
                    version = found
                    for each in self._told:
                        each.notify_all()
            await asyncio.sleep(POLL)

    async def stop(self) -> None:
        """Looks no more."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
