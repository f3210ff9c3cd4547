"""The face that the tests use: one namespace of Cache seen through one `Caller`, in as few words as possible."""

import asyncio
from typing import Any, TypeVar

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from prism.acceptance.callers.caller import TIMEOUT, Caller
from prism.acceptance.skips import not_declared
from prism.errors import Outcome, PrismError
from prism.interfaces import cache as pb
from prism.interfaces.operation import Operation

OPERATIONS: dict[str, Operation] = {each.name.rpartition("/")[2]: each for each in pb.INTERFACE.operations}

BRIEF = 0.001
LONG = 3600.0
PATIENCE = 10.0

Error = TypeVar("Error", bound=PrismError)


def duration(seconds: float) -> Duration:
    """Seconds as the contract's messages carry them."""
    message = Duration()
    message.FromNanoseconds(round(seconds * 1e9))
    return message


class Cache:
    """Cache in one namespace."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.namespace = caller.namespaces.fresh()
        declared = caller.capabilities.of("cache")
        assert isinstance(declared, pb.CacheCapabilities)
        self.capabilities = declared

    def elsewhere(self) -> "Cache":
        """The same store in another namespace."""
        return Cache(self.caller)

    def needs(self, capability: str) -> None:
        """Skips a test of what the backend does not declare."""
        if not self.capabilities.declares(capability):
            not_declared(capability)

    async def call(self, method: str, request: Message, *, timeout: float = TIMEOUT) -> Any:
        """Any operation with any request."""
        return await self.caller.call(OPERATIONS[method], request, namespace=self.namespace, timeout=timeout)

    async def refused(self, kind: type[Error], method: str, request: Message) -> Error:
        """The error of a call that must fail; that of a write must say that nothing was applied."""
        with pytest.raises(kind) as caught:
            await self.call(method, request)
        assert type(caught.value) is kind
        if not OPERATIONS[method].reads:
            assert caught.value.outcome is Outcome.NOT_APPLIED
        return caught.value

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
        async with asyncio.timeout(PATIENCE):
            while (await self.ttl(key))[0]:  # noqa: ASYNC110  # nothing tells when a store's clock has got there
                await asyncio.sleep(BRIEF)
