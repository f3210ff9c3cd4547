"""What is done for groups from time to time, by each gateway: looked after, expired, visited."""

import asyncio
import random
from contextlib import suppress
from typing import Final

from prism.backends.kafka.catalogue import Catalogue
from prism.backends.kafka.queue.groups import Groups, Name
from prism.backends.kafka.queue.member import now
from prism.backends.kafka.queue.topics import Topics
from prism.errors import GroupNotFound, PrismError, TopicNotFound

_LOOK: Final = 1.0
"""Seconds after which what others have changed is known here."""


class Upkeep:
    """Looks after groups until it is stopped.

    Args:
        catalogue: of topics and groups.
        topics: the same, as they are asked for.
        groups: this gateway's memberships.
        interval: seconds after which a group without consumers is visited.
    """

    def __init__(self, catalogue: Catalogue, topics: Topics, groups: Groups, interval: float) -> None:
        self._catalogue = catalogue
        self._topics = topics
        self._groups = groups
        self._interval = interval
        self._visited: dict[Name, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins; does nothing where it has begun."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._go_on())

    async def stop(self) -> None:
        """Ends it."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            with suppress(PrismError):  # the store is away, which others say
                if self._groups.memberships:
                    await self._groups.refresh()
                await self._expire()
                await self._visit()

    def _names(self) -> list[Name]:
        return [(key[1], key[2], key[3]) for key in [*self._catalogue.table] if key[0] == "group"]

    async def _expire(self) -> None:
        """Removes groups that had no consumer for as long as they may be without one (12)."""
        for name in self._names():
            record = self._catalogue.table.get(("group", *name))
            idle = record["config"]["expire_after_idle"] if record is not None else 0
            if record is None or not idle or record["used"] + idle > now() or self._groups.is_member(*name):
                continue
            found = await self._topics.group(*name)
            if found["used"] + idle <= now():
                await self._topics.delete_group(*name)

    async def _visit(self) -> None:
        """Joins groups for a moment that had no consumer for long."""
        loop = asyncio.get_running_loop()
        for name in self._names():
            first = loop.time() - self._interval * random.uniform(0.0, 0.5)  # noqa: S311  # spreads load
            last = self._visited.setdefault(name, first)
            if self._groups.is_member(*name):
                self._visited[name] = loop.time()
            elif loop.time() - last > self._interval:
                self._visited[name] = loop.time()
                with suppress(GroupNotFound, TopicNotFound):
                    await self._groups.visit(*name)
