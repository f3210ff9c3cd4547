"""Cache in memory. No operation awaits anything, so each is one indivisible step of the event loop.

An expired entry gives its memory back when it is asked for, or when eviction comes to it.
"""

from google.protobuf.duration_pb2 import Duration

from prism.backends.memory.cache_map import Cached, CacheMap
from prism.backends.memory.store import Store
from prism.interfaces.cache import (
    Cache,
    Context,
    DeleteRequest,
    DeleteResponse,
    Entry,
    ExistsRequest,
    ExistsResponse,
    ExpireRequest,
    ExpireResponse,
    GetRequest,
    GetResponse,
    IncrementRequest,
    IncrementResponse,
    MGetRequest,
    MGetResponse,
    SetMode,
    SetRequest,
    SetResponse,
    Ttl,
    TtlRequest,
    TtlResponse,
)
from prism.sdk.cache import check_mode, fitting_entries, incremented
from prism.sdk.deadline import check_time
from prism.sdk.keyvalue import microseconds


class MemoryCache(Cache, Ttl):
    """Serves Cache from a `Store`.

    Args:
        store: whose namespaces hold the entries.
        max_bytes: bytes that the entries of one namespace may take.
    """

    def __init__(self, store: Store, max_bytes: int) -> None:
        self._store = store
        self._max_bytes = max_bytes

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        return GetResponse(value=self._read(context, request.key))

    async def m_get(self, request: MGetRequest, context: Context) -> MGetResponse:
        found = ((key, self._read(context, key)) for key in request.keys)
        entries = (Entry(key=key, value=value) for key, value in found if value is not None)
        return MGetResponse(entries=fitting_entries(entries))

    def _read(self, context: Context, key: bytes) -> bytes | None:
        entries = self._entries(context)
        entry = entries.live(key, self._store.now())
        if entry is None:
            return None
        entries.used(key)
        return entry.value

    async def set(self, request: SetRequest, context: Context) -> SetResponse:
        check_mode(request)
        entries, now = self._entries(context, writes=True), self._store.now()
        there = entries.live(request.key, now) is not None
        refusing = {SetMode.CACHE_SET_MODE_IF_ABSENT: there, SetMode.CACHE_SET_MODE_IF_PRESENT: not there}
        if refusing.get(request.mode):
            return SetResponse(stored=False)
        expires_at = now + microseconds(request.ttl) if request.HasField("ttl") else None
        entries.write(request.key, Cached(request.value, expires_at), self._max_bytes)
        return SetResponse(stored=True)

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse:
        entries, now = self._entries(context, writes=True), self._store.now()
        existed = [key for key in dict.fromkeys(request.keys) if entries.live(key, now) is not None]
        for key in existed:
            entries.remove(key)
        return DeleteResponse(count=len(existed))

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse:
        entries, now = self._entries(context), self._store.now()
        return ExistsResponse(keys=[key for key in request.keys if entries.live(key, now) is not None])

    async def expire(self, request: ExpireRequest, context: Context) -> ExpireResponse:
        entries, now = self._entries(context, writes=True), self._store.now()
        entry = entries.live(request.key, now)
        if entry is not None:
            entries.write(request.key, Cached(entry.value, now + microseconds(request.ttl)), self._max_bytes)
        return ExpireResponse(existed=entry is not None)

    async def ttl(self, request: TtlRequest, context: Context) -> TtlResponse:
        now = self._store.now()
        entry = self._entries(context).live(request.key, now)
        if entry is None or entry.expires_at is None:
            return TtlResponse(exists=entry is not None)
        left = Duration()
        left.FromMicroseconds(entry.expires_at - now)
        return TtlResponse(exists=True, ttl=left)

    async def increment(self, request: IncrementRequest, context: Context) -> IncrementResponse:
        entries, now = self._entries(context, writes=True), self._store.now()
        entry = entries.live(request.key, now)
        value = incremented(request, None if entry is None else entry.value)
        if entry is not None:
            expires_at = entry.expires_at
        else:
            expires_at = now + microseconds(request.ttl) if request.HasField("ttl") else None
        entries.write(request.key, Cached(b"%d" % value, expires_at), self._max_bytes)
        return IncrementResponse(value=value)

    def _entries(self, context: Context, *, writes: bool = False) -> CacheMap:
        check_time(context, writes=writes)
        return self._store.namespace(context.namespace).cache
