"""KeyValue on PostgreSQL: gets, existence checks and plain puts go in batches, all else in transactions of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from prism.backends.postgres import statements
from prism.backends.postgres.batches import (
    Get,
    Put,
    Write,
    exists_batch,
    get_batch,
    put_arguments,
    put_version,
    write_batch,
)
from prism.backends.postgres.lane import Lane, Work, work_lane
from prism.backends.postgres.sessions import Rows, Sessions
from prism.errors import Conflict, DataLoss, Outcome, PrismError
from prism.interfaces.keyvalue import (
    MAX_PAGE_BYTES,
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
    PutRequest,
    PutResponse,
    Scan,
    ScanRequest,
    ScanResponse,
    ScanStreamRequest,
    ScanStreamResponse,
    Ttl,
)
from prism.sdk import Bounds
from prism.sdk.keyvalue import (
    IDEMPOTENCY_MICROSECONDS,
    check_put,
    check_same,
    fingerprint,
    is_expected,
    item,
    life,
    pack_metadata,
    replacement,
)
from prism.sdk.scan import Page, Range, Selection, list_records, page, scan, scan_stream

_ABOVE_KEYS = b"\xff" * 1025
_ABOVE_IDS = b"\xff"
_ATTEMPTS = 100

Answer = TypeVar("Answer")

# Measured on two cores shared with the server: flat from 16 to 128 calls and from 1 to 4 in flight. Two let the server
# work on one batch while the answers of the other are handed out.
_GETS = Bounds(calls=128, in_flight=2)
_PUTS = Bounds(calls=256, in_flight=2)
_EXISTS = Bounds(calls=256, in_flight=1)


class PostgresKeyValue(KeyValue, Scan, CompareAndSwap, Ttl):
    """Serves KeyValue from the tables of one schema.

    Args:
        sessions: with that schema.
        spare: how many statements may be under way besides the batches, at least 2.
    """

    SESSIONS = _GETS.in_flight + 1 + _PUTS.in_flight + _EXISTS.in_flight
    """How many sessions batches and the express get may use at once."""

    def __init__(self, sessions: Sessions, spare: int) -> None:
        self._fetch = sessions.fetch
        self._gets: Lane[Get, GetResponse] = Lane(get_batch(sessions.fetch), _GETS, reads=True, express=True)
        self._existence: Lane[Get, list[bytes]] = Lane(exists_batch(sessions.fetch), _EXISTS, reads=True)
        self._puts: Lane[Write, Any] = Lane(write_batch(sessions.fetch), _PUTS, reads=False)
        self._reads = work_lane(spare // 2, reads=True)
        self._writes = work_lane(spare - spare // 2, reads=False)

    @property
    def lanes(self) -> dict[str, Lane[Any, Any]]:
        """The lanes by what goes in them."""
        return {
            "gets": self._gets,
            "exists": self._existence,
            "puts": self._puts,
            "reads": self._reads,
            "writes": self._writes,
        }

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        return await self._gets.call(context, Get(context.namespace, request))

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse:
        return ExistsResponse(keys=await self._existence.call(context, Get(context.namespace, request)))

    async def put(self, request: PutRequest, context: Context) -> PutResponse:
        check_put(request)
        if request.idempotency_key:
            return await self._write(context, lambda: self._put_once(request, context))
        call = Put(context.namespace, request)
        if request.keep_ttl:
            return await self._write(context, lambda: self._put_keeping_ttl(call))
        answer: PutResponse = await self._puts.call(context, call, size=request.ByteSize(), keys=call.rows)
        return answer

    async def _put_keeping_ttl(self, call: Put) -> PutResponse:
        rows = await self._fetch(statements.PUT, *put_arguments([call]), True)
        return PutResponse(versions=[put_version(version) for (version,) in rows])

    async def _put_once(self, request: PutRequest, context: Context) -> PutResponse:
        namespace, key = context.namespace.encode(), request.idempotency_key.encode()
        written = put_arguments([Put(context.namespace, request)])
        claim = (namespace, key, fingerprint(request), IDEMPOTENCY_MICROSECONDS)
        for _ in range(_ATTEMPTS):
            rows = await self._fetch(statements.PUT_ONCE, *written, request.keep_ttl, *claim)
            if not rows:
                rows = await self._read_in_write(statements.REMEMBERED, namespace, key, IDEMPOTENCY_MICROSECONDS)
                for remembered, _versions in rows:
                    check_same(request, remembered)
            if rows:
                return PutResponse(versions=[put_version(version) for version in rows[0]["versions"]])
        raise _contended()

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse:
        keys = list(dict.fromkeys(request.keys))
        record = (context.namespace.encode(), request.id.encode())

        async def delete_items() -> DeleteResponse:
            rows = await self._fetch(statements.DELETE_ITEMS, *record, keys)
            existed = {key for key, lived in rows if lived}
            return DeleteResponse(keys=[key for key in keys if key in existed], count=len(existed))

        async def delete_record() -> DeleteResponse:
            ((count,),) = await self._fetch(statements.DELETE_RECORD, *record)
            return DeleteResponse(count=count)

        return await self._write(context, delete_items if keys else delete_record)

    async def expire(self, request: ExpireRequest, context: Context) -> ExpireResponse:
        return ExpireResponse(keys=await self._set_expiry(request, context, life(request)))

    async def persist(self, request: PersistRequest, context: Context) -> PersistResponse:
        return PersistResponse(keys=await self._set_expiry(request, context, None))

    async def _set_expiry(
        self, request: ExpireRequest | PersistRequest, context: Context, lifetime: int | None
    ) -> list[bytes]:
        keys = list(dict.fromkeys(request.keys))
        record = (context.namespace.encode(), request.id.encode())

        async def update() -> list[bytes]:
            existed = {key for (key,) in await self._fetch(statements.SET_EXPIRY, *record, keys, lifetime)}
            return [key for key in keys if key in existed]

        return await self._write(context, update)

    async def compare_and_swap(self, request: CompareAndSwapRequest, context: Context) -> CompareAndSwapResponse:
        return await self._write(context, lambda: self._compare_and_swap(request, context))

    async def _compare_and_swap(self, request: CompareAndSwapRequest, context: Context) -> CompareAndSwapResponse:
        """The swap is one statement; where it finds nothing to change, a look says why.

        What it finds may by then be what was expected: another caller came and went between the two, so once more.
        """
        place = (context.namespace.encode(), request.id.encode(), request.key)
        for _ in range(_ATTEMPTS):
            swapped = await self._swap(request, place)
            if swapped is not None:
                return swapped
            current = await self._current(place)
            if not is_expected(request, current):
                return CompareAndSwapResponse(swapped=False, current=current)
            if current is None and request.WhichOneof("new") == "delete":
                return CompareAndSwapResponse(swapped=True)
        raise _contended()

    async def _swap(
        self, request: CompareAndSwapRequest, place: tuple[bytes, bytes, bytes]
    ) -> CompareAndSwapResponse | None:
        absent = request.WhichOneof("expected") == "expected_absent"
        written = replacement(request)
        if written is None:
            removed = () if absent else await self._fetch(statements.REMOVE, *place, *_expected(request))
            return CompareAndSwapResponse(swapped=True) if removed else None
        metadata = pack_metadata(written)
        new = (written.value, metadata, life(written))
        if absent:
            rows = await self._fetch(statements.CREATE, *place, *new)
        else:
            rows = await self._fetch(statements.SWAP, *place, *new, *_expected(request))
        for version, expires_at, gone in rows:
            if gone:
                return CompareAndSwapResponse(swapped=True)
            current = item(written.key, written.value, metadata, version, expires_at)
            return CompareAndSwapResponse(swapped=True, current=current)
        return None

    async def _current(self, place: tuple[bytes, bytes, bytes]) -> Item | None:
        for columns in await self._read_in_write(statements.GET_ONE, *place):
            try:
                return item(place[2], *columns)
            except DataLoss as error:
                error.outcome = Outcome.NOT_APPLIED
                raise
        return None

    async def scan(self, request: ScanRequest, context: Context) -> ScanResponse:
        return await scan(request, context, self._page)

    def scan_stream(self, request: ScanStreamRequest, context: Context) -> AsyncIterator[ScanStreamResponse]:
        return scan_stream(request, context, self._page)

    async def list_records(self, request: ListRecordsRequest, context: Context) -> ListRecordsResponse:
        return await list_records(request, context, self._ids)

    async def _page(self, selection: Selection, context: Context) -> Page:
        kind = (selection.reverse, selection.keys_only)
        before = _ABOVE_KEYS if selection.keys.before is None else selection.keys.before
        most = (selection.limit + 1, MAX_PAGE_BYTES)
        within = (selection.keys.first, before, *most)
        namespace = context.namespace.encode()
        if selection.id:
            arguments: tuple[Any, ...] = (statements.SCAN_RECORD[kind], namespace, selection.id, *within)
        else:
            id_, key = selection.after or ((_ABOVE_IDS, b"") if selection.reverse else (b"", b""))
            arguments = (statements.SCAN_NAMESPACE[kind], namespace, id_, *within, key)
        rows = await self._reads.call(context, Work(lambda: self._fetch(*arguments)))
        return page(rows, selection.limit)

    async def _ids(self, ids: Range, reverse: bool, limit: int, context: Context) -> Sequence[bytes]:
        before = _ABOVE_IDS if ids.before is None else ids.before
        arguments = (statements.LIST_RECORDS[reverse], context.namespace.encode(), ids.first, before, limit)
        rows = await self._reads.call(context, Work(lambda: self._fetch(*arguments)))
        return [id_ for (id_,) in rows]

    async def _write(self, context: Context, run: Callable[[], Awaitable[Answer]]) -> Answer:
        answer: Answer = await self._writes.call(context, Work(run))
        return answer

    async def _read_in_write(self, statement: statements.Statement, *arguments: Any) -> Rows:
        """Reads after a write that changed nothing; so where this fails nothing was applied."""
        try:
            return await self._fetch(statement, *arguments)
        except PrismError as error:
            error.outcome = Outcome.NOT_APPLIED
            raise


def _expected(request: CompareAndSwapRequest) -> tuple[bytes | None, int | None]:
    """The value and the version that a swap asks for, None for the one that it does not; -1 is no item's version."""
    if request.WhichOneof("expected") == "expected_value":
        return request.expected_value, None
    version = int.from_bytes(request.expected_version, "big") if len(request.expected_version) == 8 else -1
    return None, version if version < 1 << 63 else -1


def _contended() -> Conflict:
    return Conflict(
        "other writers keep changing the same item: try again", outcome=Outcome.NOT_APPLIED, retry_after=0.1
    )
