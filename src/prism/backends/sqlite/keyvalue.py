"""KeyValue on SQLite: each operation says what it does in a transaction; the store says when."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing

from prism.backends.sqlite import items
from prism.backends.sqlite.store import Store
from prism.backends.sqlite.transaction import Transaction
from prism.interfaces.keyvalue import (
    CompareAndSwap,
    CompareAndSwapRequest,
    CompareAndSwapResponse,
    Context,
    DeleteRequest,
    DeleteResponse,
    ExistsRequest,
    ExistsResponse,
    ExpireRequest,
    ExpireResponse,
    GetRequest,
    GetResponse,
    KeyValue,
    ListRecordsRequest,
    ListRecordsResponse,
    PersistRequest,
    PersistResponse,
    PutRequest,
    PutResponse,
    Scan,
    ScanRequest,
    ScanResponse,
    ScanStreamRequest,
    ScanStreamResponse,
    Ttl,
)
from prism.sdk.keyvalue import (
    check_put,
    check_same,
    expiry,
    fingerprint,
    fitting,
    is_expected,
    item,
    pack_metadata,
    replacement,
    written_version,
)
from prism.sdk.scan import Page, Range, Selection, list_records, page, scan, scan_stream


class SqliteKeyValue(KeyValue, Scan, CompareAndSwap, Ttl):
    """Serves KeyValue from a `Store`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, request: PutRequest, context: Context) -> PutResponse:
        check_put(request)
        namespace, id_ = context.namespace.encode(), request.id.encode()

        def apply(transaction: Transaction) -> PutResponse:
            if request.idempotency_key:
                remembered = items.recall(transaction, namespace, request.idempotency_key)
                if remembered is not None:
                    check_same(request, remembered[0])
                    return PutResponse.FromString(remembered[1])
            now, versions = transaction.now, []
            for each in request.items:
                version = items.put(transaction, namespace, id_, each, keep_ttl=request.keep_ttl)
                versions.append(written_version(version, expiry(each, now), now))
            answer = PutResponse(versions=versions)
            if request.idempotency_key:
                record = (fingerprint(request), answer.SerializeToString())
                items.remember(transaction, namespace, request.idempotency_key, *record)
            return answer

        return await self._store.write(context, apply, size=request.ByteSize())

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        namespace, id_ = context.namespace.encode(), request.id.encode()

        def apply(connection: sqlite3.Connection, now: int) -> GetResponse:
            found = (items.get(connection, namespace, id_, key, now) for key in request.keys)
            return GetResponse(items=fitting(item(*columns) for columns in found if columns is not None))

        return await self._store.read(context, apply)

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse:
        namespace, id_ = context.namespace.encode(), request.id.encode()

        def apply(connection: sqlite3.Connection, now: int) -> ExistsResponse:
            keys = [key for key in request.keys if items.exists(connection, namespace, id_, key, now)]
            return ExistsResponse(keys=keys)

        return await self._store.read(context, apply)

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse:
        namespace, id_ = context.namespace.encode(), request.id.encode()

        def apply(transaction: Transaction) -> DeleteResponse:
            if not request.keys:
                return DeleteResponse(count=items.delete_record(transaction, namespace, id_))
            keys = dict.fromkeys(request.keys)
            existed = [key for key in keys if items.delete(transaction, namespace, id_, key)]
            return DeleteResponse(keys=existed, count=len(existed))

        return await self._store.write(context, apply, size=request.ByteSize())

    async def scan(self, request: ScanRequest, context: Context) -> ScanResponse:
        return await scan(request, context, self._page)

    def scan_stream(self, request: ScanStreamRequest, context: Context) -> AsyncIterator[ScanStreamResponse]:
        return scan_stream(request, context, self._page)

    async def _page(self, selection: Selection, context: Context) -> Page:
        namespace = context.namespace.encode()

        def apply(connection: sqlite3.Connection, now: int) -> Page:
            with closing(items.rows(connection, namespace, selection, now)) as rows:
                return page(rows, selection.limit)

        return await self._store.query(context, apply)

    async def list_records(self, request: ListRecordsRequest, context: Context) -> ListRecordsResponse:
        return await list_records(request, context, self._ids)

    async def _ids(self, ids: Range, reverse: bool, limit: int, context: Context) -> Sequence[bytes]:
        namespace = context.namespace.encode()

        def apply(connection: sqlite3.Connection, now: int) -> Sequence[bytes]:
            return items.ids(connection, namespace, ids, reverse=reverse, limit=limit, now=now)

        return await self._store.query(context, apply)

    async def compare_and_swap(self, request: CompareAndSwapRequest, context: Context) -> CompareAndSwapResponse:
        namespace, id_, key = context.namespace.encode(), request.id.encode(), request.key

        def apply(transaction: Transaction) -> CompareAndSwapResponse:
            connection, now = transaction.connection, transaction.now
            columns = items.get(connection, namespace, id_, key, now)
            current = None if columns is None else item(*columns)
            if not is_expected(request, current):
                return CompareAndSwapResponse(swapped=False, current=current)
            written = replacement(request)
            if written is None:
                items.delete(transaction, namespace, id_, key)
                return CompareAndSwapResponse(swapped=True)
            version = items.put(transaction, namespace, id_, written)
            expires_at = expiry(written, now)
            if expires_at is not None and expires_at <= now:
                return CompareAndSwapResponse(swapped=True)
            current = item(key, written.value, pack_metadata(written), version, expires_at)
            return CompareAndSwapResponse(swapped=True, current=current)

        return await self._store.write(context, apply, size=request.ByteSize())

    async def expire(self, request: ExpireRequest, context: Context) -> ExpireResponse:
        return ExpireResponse(keys=await self._set_expiry(request, context, lambda now: expiry(request, now)))

    async def persist(self, request: PersistRequest, context: Context) -> PersistResponse:
        return PersistResponse(keys=await self._set_expiry(request, context, lambda _now: None))

    async def _set_expiry(
        self, request: ExpireRequest | PersistRequest, context: Context, expires_at: Callable[[int], int | None]
    ) -> list[bytes]:
        namespace, id_ = context.namespace.encode(), request.id.encode()

        def apply(transaction: Transaction) -> list[bytes]:
            until = expires_at(transaction.now)
            keys = dict.fromkeys(request.keys)
            return [key for key in keys if items.set_expiry(transaction, namespace, id_, key, until)]

        return await self._store.write(context, apply, size=request.ByteSize())
