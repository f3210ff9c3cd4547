"""Cache on PostgreSQL: gets of many callers are one statement, and so are their writes of a kind.

Nothing is evicted, only what has expired is removed.
"""

from collections.abc import Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from prism.backends.postgres import cache_statements as statements
from prism.backends.postgres.batches import Write
from prism.backends.postgres.cache_batches import Delete, Expire, Increment, Set
from prism.backends.postgres.lane import Lane, Work
from prism.backends.postgres.sessions import Sessions
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
    SetRequest,
    SetResponse,
    Ttl,
    TtlRequest,
    TtlResponse,
)
from prism.sdk import Bounds, Coalescer
from prism.sdk.cache import check_mode, fitting_entries
from prism.sdk.deadline import check_time

_GETS = Bounds(calls=128, in_flight=1)

Asked = tuple[bytes, Sequence[bytes]]
"""A namespace, and keys in it."""


class PostgresCache(Cache, Ttl):
    """Serves Cache from the tables of one schema.

    Args:
        sessions: with that schema.
        reads: where its reads wait for a session, beside those of others.
        writes: where its writes become batches, with those of others.
    """

    def __init__(self, sessions: Sessions, reads: Lane[Work, Any], writes: Lane[Write, Any]) -> None:
        self._fetch = sessions.fetch
        self._reads = reads
        self._writes = writes
        self._gets: Coalescer[Asked, Sequence[bytes | None]] = Coalescer(self._get_all, bounds=_GETS, reads=True)

    async def drain(self) -> None:
        """Waits until what has begun is answered."""
        await self._gets.drain()

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        (value,) = await self._values((request.key,), context)
        return GetResponse(value=value)

    async def m_get(self, request: MGetRequest, context: Context) -> MGetResponse:
        found = zip(request.keys, await self._values(request.keys, context), strict=True)
        entries = (Entry(key=key, value=value) for key, value in found if value is not None)
        return MGetResponse(entries=fitting_entries(entries))

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse:
        found = zip(request.keys, await self._values(request.keys, context), strict=True)
        return ExistsResponse(keys=[key for key, value in found if value is not None])

    async def _values(self, keys: Sequence[bytes], context: Context) -> Sequence[bytes | None]:
        check_time(context, writes=False)
        return await self._gets.submit(context.namespace, (context.namespace.encode(), keys))

    async def _get_all(self, calls: Sequence[Asked]) -> Sequence[Sequence[bytes | None]]:
        namespaces = [namespace for namespace, keys in calls for _ in keys]
        asked = [key for _, keys in calls for key in keys]
        rows = await self._reads.call(Context(""), Work(lambda: self._fetch(statements.GET, namespaces, asked)))
        values: dict[int, bytes] = dict(map(tuple, rows))
        numbers = iter(range(1, len(asked) + 1))
        return [[values.get(next(numbers)) for _ in keys] for _, keys in calls]

    async def ttl(self, request: TtlRequest, context: Context) -> TtlResponse:
        place = (context.namespace.encode(), request.key)
        rows = await self._reads.call(context, Work(lambda: self._fetch(statements.TTL, *place)))
        for (left,) in rows:
            if left is None:
                return TtlResponse(exists=True)
            ttl = Duration()
            ttl.FromMicroseconds(left)
            return TtlResponse(exists=True, ttl=ttl)
        return TtlResponse(exists=False)

    async def set(self, request: SetRequest, context: Context) -> SetResponse:
        check_mode(request)
        answer: SetResponse = await self._write(context, Set(context.namespace, request), request)
        return answer

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse:
        answer: DeleteResponse = await self._write(context, Delete(context.namespace, request), request)
        return answer

    async def expire(self, request: ExpireRequest, context: Context) -> ExpireResponse:
        answer: ExpireResponse = await self._write(context, Expire(context.namespace, request), request)
        return answer

    async def increment(self, request: IncrementRequest, context: Context) -> IncrementResponse:
        answer: IncrementResponse = await self._write(context, Increment(context.namespace, request), request)
        return answer

    async def _write(self, context: Context, write: Write, request: Message) -> Any:
        return await self._writes.call(context, write, size=request.ByteSize(), keys=write.rows, sharing=write.kind)
