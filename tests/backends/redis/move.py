"""A slot of a real cluster on its way from one node to another, step by step as redis-cli moves it."""

import asyncio

from prism.backends.redis.testing.cluster import name
from prism.backends.redis.testing.server import RedisServer


class Move:
    """Of one slot."""

    def __init__(self, source: RedisServer, target: RedisServer, slot: int) -> None:
        self._source = source
        self._target = target
        self._slot = str(slot)

    async def begin(self) -> None:
        """The target imports, the source migrates; no key has moved."""
        await _told(self._target, "SETSLOT", self._slot, "IMPORTING", name(self._source))
        await _told(self._source, "SETSLOT", self._slot, "MIGRATING", name(self._target))

    async def carry(self, count: int) -> int:
        """Moves so many keys, or as many as there are; how many."""
        keys = await _told(self._source, "GETKEYSINSLOT", self._slot, str(count))
        if keys:
            options = ("0", "5000", "AUTH", self._source.own_password, "KEYS")
            moving = ("MIGRATE", "127.0.0.1", str(self._target.port), "", *options, *keys)
            await asyncio.to_thread(self._source.command, *moving)
        return len(keys)

    async def end(self) -> None:
        """Moves what is left, and the target owns the slot."""
        while await self.carry(10):
            pass
        for node in (self._target, self._source):
            await _told(node, "SETSLOT", self._slot, "NODE", name(self._target))


async def _told(node: RedisServer, *words: str) -> list[bytes]:
    answer: list[bytes] = await asyncio.to_thread(node.command, "CLUSTER", *words)
    return answer
