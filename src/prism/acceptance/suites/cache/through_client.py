"""Cache as a Python application says it."""

import math
from collections.abc import AsyncIterator, Callable
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from prism.client import Cache, Client
from prism.client.cache import Mode
from prism.interfaces import cache as pb
from prism.interfaces.operation import Operation

_MODES: dict[int, Mode] = {
    pb.SetMode.CACHE_SET_MODE_UNSPECIFIED: "always",
    pb.SetMode.CACHE_SET_MODE_ALWAYS: "always",
    pb.SetMode.CACHE_SET_MODE_IF_ABSENT: "if_absent",
    pb.SetMode.CACHE_SET_MODE_IF_PRESENT: "if_present",
}


class CacheThroughClient:
    """`prism.acceptance.suite.Translation` of Cache."""

    async def call(
        self, client: Client, namespace: str | None, operation: Operation, request: Message, timeout: float
    ) -> Any:
        """See Translation."""
        cache = client.cache() if namespace is None else client.cache(namespace)
        return await _CALLS[operation.method](cache, request, timeout)

    async def stream(
        self,
        client: Client,
        namespace: str | None,
        operation: Operation,
        request: Message,
        timeout: float,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncIterator[Any]:
        """See Translation."""
        raise AssertionError(f"{operation.name} does not stream")
        yield  # makes it a generator


async def _get(cache: Cache, request: pb.GetRequest, timeout: float) -> pb.GetResponse:
    return pb.GetResponse(value=await cache.get(request.key, timeout=timeout))


async def _m_get(cache: Cache, request: pb.MGetRequest, timeout: float) -> pb.MGetResponse:
    found = await cache.get_many(request.keys, timeout=timeout)
    entries = [pb.Entry(key=key, value=found[key]) for key in request.keys if key in found]
    return pb.MGetResponse(entries=entries)


async def _set(cache: Cache, request: pb.SetRequest, timeout: float) -> pb.SetResponse:
    mode, ttl = _MODES[request.mode], _seconds(request.ttl) if request.HasField("ttl") else None
    stored = await cache.set(request.key, request.value, ttl=ttl, mode=mode, timeout=timeout)
    return pb.SetResponse(stored=stored)


async def _delete(cache: Cache, request: pb.DeleteRequest, timeout: float) -> pb.DeleteResponse:
    return pb.DeleteResponse(count=await cache.delete(*request.keys, timeout=timeout))


async def _exists(cache: Cache, request: pb.ExistsRequest, timeout: float) -> pb.ExistsResponse:
    if len(request.keys) == 1:
        there = await cache.exists(request.keys[0], timeout=timeout)
        return pb.ExistsResponse(keys=request.keys if there else [])
    return pb.ExistsResponse(keys=await cache.exists_many(request.keys, timeout=timeout))


async def _expire(cache: Cache, request: pb.ExpireRequest, timeout: float) -> pb.ExpireResponse:
    return pb.ExpireResponse(existed=await cache.expire(request.key, _seconds(request.ttl), timeout=timeout))


async def _ttl(cache: Cache, request: pb.TtlRequest, timeout: float) -> pb.TtlResponse:
    left = await cache.ttl(request.key, timeout=timeout)
    if left is None or left == math.inf:
        return pb.TtlResponse(exists=left is not None)
    ttl = Duration()
    ttl.FromMicroseconds(round(left * 1e6))
    return pb.TtlResponse(exists=True, ttl=ttl)


async def _increment(cache: Cache, request: pb.IncrementRequest, timeout: float) -> pb.IncrementResponse:
    ttl = _seconds(request.ttl) if request.HasField("ttl") else None
    return pb.IncrementResponse(value=await cache.increment(request.key, request.delta, ttl=ttl, timeout=timeout))


def _seconds(ttl: Duration) -> float:
    return ttl.ToMicroseconds() / 1e6


_CALLS: dict[str, Any] = {
    "get": _get,
    "m_get": _m_get,
    "set": _set,
    "delete": _delete,
    "exists": _exists,
    "expire": _expire,
    "ttl": _ttl,
    "increment": _increment,
}
