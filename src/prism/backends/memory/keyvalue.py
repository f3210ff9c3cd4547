"""KeyValue in memory. No operation awaits anything, so each is one indivisible step of the event loop."""

from collections.abc import AsyncIterator, Sequence
from itertools import islice

from prism.backends.memory.store import Entry, Namespace, Store
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
    Item,
    KeyValue,
    ListRecordsRequest,
    ListRecordsResponse,
    PersistRequest,
    PersistResponse,
    PutItem,
    PutRequest,
    PutResponse,
    Scan,
    ScanRequest,
    ScanResponse,
    ScanStreamRequest,
    ScanStreamResponse,
    Ttl,
)
from prism.sdk.deadline import check_time
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


class MemoryKeyValue(KeyValue, Scan, CompareAndSwap, Ttl):
    """Serves KeyValue from a `Store`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _enter(self, context: Context, *, writes: bool = False) -> tuple[Namespace, int]:
        """The call's namespace and the time; a call whose deadline has passed is refused."""
        check_time(context, writes=writes)
        return self._store.namespace(context.namespace), self._store.now()

    async def put(self, request: PutRequest, context: Context) -> PutResponse:
        check_put(request)
        namespace, now = self._enter(context, writes=True)
        if request.idempotency_key:
            remembered = namespace.recall(request.idempotency_key, now)
            if remembered is not None:
                check_same(request, remembered.fingerprint)
                return remembered.answer
        id_ = request.id.encode()
        entries = [self._write(namespace, id_, each, now, keep_ttl=request.keep_ttl) for each in request.items]
        answer = PutResponse(versions=[written_version(each.version, each.expires_at, now) for each in entries])
        if request.idempotency_key:
            namespace.remember(request.idempotency_key, fingerprint(request), answer, now)
        return answer

    def _write(self, namespace: Namespace, id_: bytes, written: PutItem, now: int, *, keep_ttl: bool = False) -> Entry:
        expires_at = expiry(written, now)
        if keep_ttl and (current := namespace.live(id_, written.key, now)) is not None:
            expires_at = current.expires_at
        entry = Entry(written.value, pack_metadata(written), self._store.next_version(), expires_at)
        namespace.write(id_, written.key, entry)
        return entry

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        (namespace, now), id_ = self._enter(context), request.id.encode()
        found = ((key, namespace.live(id_, key, now)) for key in request.keys)
        return GetResponse(items=fitting(item(key, *entry) for key, entry in found if entry is not None))

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse:
        namespace, now = self._enter(context)
        return ExistsResponse(keys=_living(namespace, request.id.encode(), request.keys, now))

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse:
        (namespace, now), id_ = self._enter(context, writes=True), request.id.encode()
        if request.keys:
            keys = list(dict.fromkeys(request.keys))
        else:
            record = namespace.records.get(id_)
            keys = [] if record is None else list(record)
        existed = _living(namespace, id_, keys, now)
        for key in keys:
            namespace.remove(id_, key)
        return DeleteResponse(keys=existed if request.keys else (), count=len(existed))

    async def scan(self, request: ScanRequest, context: Context) -> ScanResponse:
        return await scan(request, context, self._page)

    def scan_stream(self, request: ScanStreamRequest, context: Context) -> AsyncIterator[ScanStreamResponse]:
        return scan_stream(request, context, self._page)

    async def _page(self, selection: Selection, context: Context) -> Page:
        namespace, now = self._enter(context)
        return page(namespace.rows(selection, now), selection.limit)

    async def list_records(self, request: ListRecordsRequest, context: Context) -> ListRecordsResponse:
        return await list_records(request, context, self._ids)

    async def _ids(self, ids: Range, reverse: bool, limit: int, context: Context) -> Sequence[bytes]:
        namespace, now = self._enter(context)
        selected = namespace.records.select(ids, reverse=reverse)
        living = (id_ for id_, record in selected if any(entry.lives(now) for entry in record.values()))
        return list(islice(living, limit))

    async def compare_and_swap(self, request: CompareAndSwapRequest, context: Context) -> CompareAndSwapResponse:
        (namespace, now), id_ = self._enter(context, writes=True), request.id.encode()
        entry = namespace.live(id_, request.key, now)
        current: Item | None = None if entry is None else item(request.key, *entry)
        if not is_expected(request, current):
            return CompareAndSwapResponse(swapped=False, current=current)
        written = replacement(request)
        if written is None:
            namespace.remove(id_, request.key)
            return CompareAndSwapResponse(swapped=True)
        swapped = self._write(namespace, id_, written, now)
        return CompareAndSwapResponse(swapped=True, current=item(request.key, *swapped) if swapped.lives(now) else None)

    async def expire(self, request: ExpireRequest, context: Context) -> ExpireResponse:
        return ExpireResponse(keys=self._set_expiry(request, context, expiry(request, self._store.now())))

    async def persist(self, request: PersistRequest, context: Context) -> PersistResponse:
        return PersistResponse(keys=self._set_expiry(request, context, None))

    def _set_expiry(
        self, request: ExpireRequest | PersistRequest, context: Context, expires_at: int | None
    ) -> list[bytes]:
        (namespace, now), id_ = self._enter(context, writes=True), request.id.encode()
        existed = []
        for key in dict.fromkeys(request.keys):
            entry = namespace.live(id_, key, now)
            if entry is not None:
                namespace.write(id_, key, entry._replace(expires_at=expires_at))
                existed.append(key)
        return existed


def _living(namespace: Namespace, id_: bytes, keys: Sequence[bytes], now: int) -> list[bytes]:
    return [key for key in keys if namespace.live(id_, key, now) is not None]
