"""Cache in as few words as possible, for tests."""

import asyncio

from prism.acceptance.dsl import BRIEF, EXPIRY_TIMEOUT, LONG, Dsl, duration, operations
from prism.interfaces import cache as pb
from prism.interfaces.capabilities.cache import CacheCapabilities

__all__ = ["BRIEF", "LONG", "OPERATIONS", "Cache", "duration"]

OPERATIONS = operations(pb.INTERFACE)


class Cache(Dsl):
    """Cache in one namespace."""

    INTERFACE = pb.INTERFACE
    OPERATIONS = OPERATIONS
    capabilities: CacheCapabilities

    async def set(
        self,
        key: bytes,
        value: bytes,
        *,
        ttl: float | None = None,
        mode: pb.SetMode = pb.SetMode.CACHE_SET_MODE_UNSPECIFIED,
    ) -> bool:
        """Stores; whether it did."""
        life = None if ttl is None else duration(ttl)
        answer: pb.SetResponse = await self.call("Set", pb.SetRequest(key=key, value=value, ttl=life, mode=mode))
        return answer.stored

    async def get(self, key: bytes) -> bytes | None:
        """The value, or None."""
        answer: pb.GetResponse = await self.call("Get", pb.GetRequest(key=key))
        return answer.value if answer.HasField("value") else None

    async def get_many(self, *keys: bytes) -> list[tuple[bytes, bytes]]:
        """The entries found."""
        answer: pb.MGetResponse = await self.call("MGet", pb.MGetRequest(keys=keys))
        return [(entry.key, entry.value) for entry in answer.entries]

    async def exists(self, *keys: bytes) -> list[bytes]:
        """The keys that exist."""
        answer: pb.ExistsResponse = await self.call("Exists", pb.ExistsRequest(keys=keys))
        return list(answer.keys)

    async def delete(self, *keys: bytes) -> int:
        """Removes; how many existed."""
        answer: pb.DeleteResponse = await self.call("Delete", pb.DeleteRequest(keys=keys))
        return answer.count

    async def expire(self, key: bytes, ttl: float) -> bool:
        """Gives a time to live; whether the key existed."""
        answer: pb.ExpireResponse = await self.call("Expire", pb.ExpireRequest(key=key, ttl=duration(ttl)))
        return answer.existed

    async def ttl(self, key: bytes) -> tuple[bool, float | None]:
        """Whether the key exists, and the seconds that it still lives."""
        answer: pb.TtlResponse = await self.call("Ttl", pb.TtlRequest(key=key))
        left = answer.ttl.ToMicroseconds() / 1e6 if answer.HasField("ttl") else None
        return answer.exists, left

    async def increment(self, key: bytes, delta: int = 1, *, ttl: float | None = None) -> int:
        """Adds; the new value."""
        life = None if ttl is None else duration(ttl)
        request = pb.IncrementRequest(key=key, delta=delta, ttl=life)
        answer: pb.IncrementResponse = await self.call("Increment", request)
        return answer.value

    async def gone(self, key: bytes) -> None:
        """Returns when the key has expired; fails where it never does."""
        async with asyncio.timeout(EXPIRY_TIMEOUT):
            while (await self.ttl(key))[0]:  # noqa: ASYNC110  # nothing tells when a store's clock has got there
                await asyncio.sleep(BRIEF)
