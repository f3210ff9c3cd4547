"""Cache in a SQLite file: nothing is evicted, only what has expired is removed."""

import sqlite3
from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration

from prism.backends.sqlite.store import Store
from prism.backends.sqlite.transaction import Transaction
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
from prism.sdk.keyvalue import microseconds

_GET = """SELECT value, expires_at FROM cache
    WHERE namespace = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)"""
_SET = """INSERT INTO cache (namespace, key, value, expires_at) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"""
_DELETE = "DELETE FROM cache WHERE namespace = ? AND key = ? RETURNING expires_at"
_EXPIRE = """UPDATE cache SET expires_at = ?
    WHERE namespace = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)"""
_SWEEP = """DELETE FROM cache WHERE (namespace, key) IN
    (SELECT namespace, key FROM cache WHERE expires_at <= ? LIMIT ?)"""


class SqliteCache(Cache, Ttl):
    """Serves Cache from a `Store`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        namespace = context.namespace.encode()
        found = await self._store.read(context, lambda connection, now: _read(connection, namespace, request.key, now))
        return GetResponse(value=found and found[0])

    async def m_get(self, request: MGetRequest, context: Context) -> MGetResponse:
        found = await self._read_many(request.keys, context)
        entries = (Entry(key=key, value=row[0]) for key, row in zip(request.keys, found, strict=True) if row)
        return MGetResponse(entries=fitting_entries(entries))

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse:
        found = await self._read_many(request.keys, context)
        return ExistsResponse(keys=[key for key, row in zip(request.keys, found, strict=True) if row])

    async def _read_many(self, keys: Sequence[bytes], context: Context) -> Sequence[tuple[bytes, int | None] | None]:
        namespace = context.namespace.encode()
        return await self._store.read(
            context, lambda connection, now: [_read(connection, namespace, key, now) for key in keys]
        )

    async def ttl(self, request: TtlRequest, context: Context) -> TtlResponse:
        namespace = context.namespace.encode()

        def read(connection: sqlite3.Connection, now: int) -> TtlResponse:
            row = _read(connection, namespace, request.key, now)
            if row is None or row[1] is None:
                return TtlResponse(exists=row is not None)
            left = Duration()
            left.FromMicroseconds(row[1] - now)
            return TtlResponse(exists=True, ttl=left)

        return await self._store.read(context, read)

    async def set(self, request: SetRequest, context: Context) -> SetResponse:
        check_mode(request)
        namespace = context.namespace.encode()

        def write(transaction: Transaction) -> SetResponse:
            if request.mode in (SetMode.CACHE_SET_MODE_IF_ABSENT, SetMode.CACHE_SET_MODE_IF_PRESENT):
                there = _read(transaction.connection, namespace, request.key, transaction.now) is not None
                if there is (request.mode == SetMode.CACHE_SET_MODE_IF_ABSENT):
                    return SetResponse(stored=False)
            expires_at = transaction.now + microseconds(request.ttl) if request.HasField("ttl") else None
            transaction.connection.execute(_SET, (namespace, request.key, request.value, expires_at))
            return SetResponse(stored=True)

        return await self._store.write(context, write, size=len(request.value))

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse:
        namespace = context.namespace.encode()

        def write(transaction: Transaction) -> DeleteResponse:
            removed = [
                row
                for key in dict.fromkeys(request.keys)
                for row in transaction.connection.execute(_DELETE, (namespace, key)).fetchall()
            ]
            return DeleteResponse(count=sum(due is None or due > transaction.now for (due,) in removed))

        return await self._store.write(context, write)

    async def expire(self, request: ExpireRequest, context: Context) -> ExpireResponse:
        namespace = context.namespace.encode()

        def write(transaction: Transaction) -> ExpireResponse:
            now = transaction.now
            row = (now + microseconds(request.ttl), namespace, request.key, now)
            return ExpireResponse(existed=transaction.connection.execute(_EXPIRE, row).rowcount > 0)

        return await self._store.write(context, write)

    async def increment(self, request: IncrementRequest, context: Context) -> IncrementResponse:
        namespace = context.namespace.encode()

        def write(transaction: Transaction) -> IncrementResponse:
            row = _read(transaction.connection, namespace, request.key, transaction.now)
            value = incremented(request, row and row[0])
            if row is not None:
                expires_at = row[1]
            else:
                expires_at = transaction.now + microseconds(request.ttl) if request.HasField("ttl") else None
            transaction.connection.execute(_SET, (namespace, request.key, b"%d" % value, expires_at))
            return IncrementResponse(value=value)

        return await self._store.write(context, write)


def any_due(connection: sqlite3.Connection, now: int) -> bool:
    """Whether anything has expired and is still there."""
    return connection.execute("SELECT 1 FROM cache WHERE expires_at <= ? LIMIT 1", (now,)).fetchone() is not None


def sweep_cache(transaction: Transaction, limit: int) -> bool:
    """Removes some of what has expired; whether more may be left."""
    return transaction.connection.execute(_SWEEP, (transaction.now, limit)).rowcount == limit


def _read(connection: sqlite3.Connection, namespace: bytes, key: bytes, now: int) -> tuple[bytes, int | None] | None:
    row: tuple[bytes, int | None] | None = connection.execute(_GET, (namespace, key, now)).fetchone()
    return row
