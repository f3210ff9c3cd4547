"""KeyValue on Redis: gets and plain puts of many callers travel together, all else goes by itself."""

import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from prism.backends.redis.commands.server import Command, Server
from prism.backends.redis.commands.slot_migration import once_moved
from prism.backends.redis.data import scripts
from prism.backends.redis.data.index import Index
from prism.backends.redis.data.layout import HEADER, NOTHING, Names, pack_body, unpack
from prism.backends.redis.data.scripts import Script
from prism.errors import DataLoss, Outcome, answer_too_large
from prism.interfaces.keyvalue import (
    MAX_ANSWER_BYTES,
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
from prism.sdk import Bounds, Coalescer
from prism.sdk.deadline import check_time
from prism.sdk.keyvalue import (
    IDEMPOTENCY_MICROSECONDS,
    check_put,
    check_same,
    fingerprint,
    item,
    life,
    pack_metadata,
    replacement,
)
from prism.sdk.scan import Page, Range, Row, Selection, list_records, page, scan, scan_stream

_GONE = bytes(8)
"""What a script answers as the version of an item whose time to expire at had passed."""
_REMEMBERED_MS = IDEMPOTENCY_MICROSECONDS // 1000
_GETS = Bounds(calls=256, in_flight=2)
_PUTS = Bounds(calls=256, in_flight=2)
_Get = tuple[Sequence[bytes], Sequence[bytes]]
"""A get that waits: the keys as they were asked for, and their names in Redis."""
_RECORDS_AT_ONCE = 16
"""Records whose pages are asked for together when a scan spans a namespace."""


class RedisKeyValue(KeyValue, Scan, CompareAndSwap, Ttl):
    """Serves KeyValue from one Redis, or one cluster."""

    def __init__(self, server: Server, names: Names) -> None:
        self._server = server
        self._names = names
        self._index = Index(server, names)
        self._gets: Coalescer[_Get, GetResponse] = Coalescer(self._get_batch, bounds=_GETS, reads=True)
        self._puts: Coalescer[Command, Any] = Coalescer(self._put_all, bounds=_PUTS)
        self._gets_under_way = 0
        self._last_get_alone = True

    @property
    def index(self) -> Index:
        """The lists of records, which the backend sweeps."""
        return self._index

    async def drain(self) -> None:
        """Waits until what has begun is answered."""
        await self._gets.drain()
        await self._puts.drain()

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        check_time(context, writes=False)
        base = self._names.record(context.namespace, request.id.encode()) + b"i"
        keys = request.keys[:]
        attempt = partial(self._get, context.namespace, (keys, [base + key for key in keys]))
        return await (attempt() if self._server.spans_slots else once_moved(attempt, context))

    async def _get(self, namespace: str, call: _Get) -> GetResponse:
        """By the next batch; or at once, carried out by its caller: a third less latency for one caller."""
        if self._gets_under_way or not self._last_get_alone:
            return await self._gets.submit(namespace, call)
        (answer,) = await self._get_batch((call,))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _get_batch(self, calls: Sequence[_Get]) -> Sequence[GetResponse | Exception]:
        self._gets_under_way += 1
        try:
            return await self._get_all(calls)
        finally:
            self._gets_under_way -= 1
            self._last_get_alone = len(calls) == 1

    async def _get_all(self, calls: Sequence[_Get]) -> Sequence[GetResponse | Exception]:
        if self._server.spans_slots:
            (stored,) = await self._server.run(
                [(b"MGET", *(name for _, names in calls for name in names))], writes=False
            )
            if isinstance(stored, Exception):
                raise stored
            following = iter(stored)
            return [_got(keys, islice(following, len(keys))) for keys, _ in calls]
        answers = await self._server.run([(b"MGET", *names) for _, names in calls], writes=False)
        each = zip(calls, answers, strict=True)
        return [answer if isinstance(answer, Exception) else _got(keys, answer) for (keys, _), answer in each]

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse:
        check_time(context, writes=False)
        base = self._names.record(context.namespace, request.id.encode()) + b"i"
        answers = await self._run([(b"EXISTS", base + key) for key in request.keys], context)
        return ExistsResponse(keys=[key for key, there in zip(request.keys, answers, strict=True) if there])

    async def put(self, request: PutRequest, context: Context) -> PutResponse:
        check_time(context, writes=True)
        check_put(request)
        if request.idempotency_key:
            await self._claim(request, context)
        id_ = request.id.encode()
        command = self._script(scripts.PUT, context, id_, *_put_arguments(request))
        await self._index.before_write(context.namespace, id_)
        submit = partial(self._puts.submit, context.namespace, command, size=request.ByteSize())
        written, soonest = await (submit() if self._server.spans_slots else once_moved(submit, context))
        await self._index.after_write(context.namespace, id_, soonest)
        return PutResponse(versions=_versions(written))

    async def _put_all(self, commands: Sequence[Command]) -> Sequence[Any]:
        return await self._server.run(commands, writes=True)

    async def _claim(self, request: PutRequest, context: Context) -> None:
        """The key is this payload's for 24 hours; the script remembers the answer in the same step as it writes."""
        name = self._names.namespace(context.namespace) + b"d" + request.idempotency_key.encode()
        claim = (b"SET", name, fingerprint(request), b"NX", b"GET", b"PX", _REMEMBERED_MS)
        remembered = await self._write(claim, context)
        if remembered is not None:
            check_same(request, remembered)

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse:
        check_time(context, writes=True)
        id_, keys = request.id.encode(), list(dict.fromkeys(request.keys))
        script = scripts.DELETE if keys else scripts.DELETE_RECORD
        empty, removed = await self._write(self._script(script, context, id_, *keys), context)
        if empty:
            await self._index.after_emptying(context.namespace, id_)
        return DeleteResponse(keys=removed, count=len(removed)) if keys else DeleteResponse(count=removed)

    async def expire(self, request: ExpireRequest, context: Context) -> ExpireResponse:
        return ExpireResponse(keys=await self._set_expiry(request, context, _life(request)))

    async def persist(self, request: PersistRequest, context: Context) -> PersistResponse:
        return PersistResponse(keys=await self._set_expiry(request, context, b""))

    async def _set_expiry(
        self, request: ExpireRequest | PersistRequest, context: Context, lifetime: bytes
    ) -> Sequence[bytes]:
        check_time(context, writes=True)
        id_, keys = request.id.encode(), list(dict.fromkeys(request.keys))
        soonest, existed = await self._write(self._script(scripts.SET_EXPIRY, context, id_, lifetime, *keys), context)
        await self._index.after_write(context.namespace, id_, soonest)
        return list(existed)

    async def compare_and_swap(self, request: CompareAndSwapRequest, context: Context) -> CompareAndSwapResponse:
        check_time(context, writes=True)
        id_, written = request.id.encode(), replacement(request)
        expected = request.WhichOneof("expected")
        arguments: list[bytes] = [request.key, str(expected).removeprefix("expected_").encode()]
        arguments.append(b"" if expected == "expected_absent" else getattr(request, str(expected)))
        arguments += [b"delete"] if written is None else [b"put", *_item_arguments(written)[1:]]
        if written is not None:
            await self._index.before_write(context.namespace, id_)
        command = self._script(scripts.COMPARE_AND_SWAP, context, id_, *arguments)
        swapped, current, soonest, empty = await self._write(command, context)
        if swapped and written is not None:
            await self._index.after_write(context.namespace, id_, soonest)
        if empty:
            await self._index.after_emptying(context.namespace, id_)
        try:
            found = item(request.key, *unpack(current)) if current is not None else None
        except DataLoss as error:
            error.outcome = Outcome.UNKNOWN if swapped else Outcome.NOT_APPLIED
            raise
        return CompareAndSwapResponse(swapped=bool(swapped), current=found)

    async def scan(self, request: ScanRequest, context: Context) -> ScanResponse:
        return await scan(request, context, self._page)

    def scan_stream(self, request: ScanStreamRequest, context: Context) -> AsyncIterator[ScanStreamResponse]:
        return scan_stream(request, context, self._page)

    async def list_records(self, request: ListRecordsRequest, context: Context) -> ListRecordsResponse:
        return await list_records(request, context, self._ids)

    async def _ids(self, ids: Range, reverse: bool, limit: int, context: Context) -> Sequence[bytes]:
        check_time(context, writes=False)
        living: list[bytes] = []
        async for some in self._index.records(context.namespace, ids, reverse=reverse, at_once=limit):
            answers = await self._run([self._script(scripts.ALIVE, context, id_) for id_ in some], context)
            living += [id_ for id_, count in zip(some, answers, strict=True) if count > 0]
            if len(living) >= limit:
                break
        return living[:limit]

    async def _page(self, selection: Selection, context: Context) -> Page:
        check_time(context, writes=False)
        if selection.id:
            (answer,) = await self._run([self._page_command(selection, context, selection.id, selection.keys)], context)
            return page(_rows(selection.id, answer, selection.keys_only), selection.limit)
        return await self._page_of_namespace(selection, context)

    async def _page_of_namespace(self, selection: Selection, context: Context) -> Page:
        rows: list[Row] = []
        size = 0
        async for some in self._index.records(
            context.namespace, _ids_from(selection), reverse=selection.reverse, at_once=_RECORDS_AT_ONCE
        ):
            commands = [self._page_command(selection, context, id_, _keys_from(selection, id_)) for id_ in some]
            for id_, answer in zip(some, await self._run(commands, context), strict=True):
                rows += _rows(id_, answer, selection.keys_only)
                size += sum(map(len, answer)) - HEADER.size * len(answer) // 2
            if len(rows) > selection.limit or size > MAX_PAGE_BYTES:
                break
        return page(rows, selection.limit)

    def _page_command(self, selection: Selection, context: Context, id_: bytes, keys: Range) -> Command:
        first = b"[" + keys.first if keys.first else b"-"
        before = b"+" if keys.before is None else b"(" + keys.before
        flags = (int(selection.reverse), selection.limit + 1, MAX_PAGE_BYTES, int(selection.keys_only))
        record = self._names.record(context.namespace, id_)
        names = (record + b"k",) if self._server.spans_slots else (record + b"k", record + NOTHING)
        return (b"EVALSHA", scripts.PAGE.digest, len(names), *names, first, before, *flags)

    def _script(self, script: Script, context: Context, id_: bytes, *arguments: bytes | int) -> Command:
        """A script on one record; it keeps the lists of the namespace itself where one server holds all."""
        keys = self._index.keys(context.namespace, id_)
        return (b"EVALSHA", script.digest, len(keys), *keys, id_, *arguments)

    async def _write(self, command: Command, context: Context) -> Any:
        (answer,) = await self._run([command], context, writes=True)
        return answer

    async def _run(self, commands: Sequence[Command], context: Context, *, writes: bool = False) -> list[Any]:
        async def attempt() -> list[Any]:
            answers = await self._server.run(commands, writes=writes, namespace=context.namespace)
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
            return answers

        return await once_moved(attempt, context)


def _got(keys: Sequence[bytes], stored: Iterable[bytes | None]) -> GetResponse | Exception:
    response = GetResponse()
    items = response.items
    size = 0
    try:
        for key, each in zip(keys, stored, strict=True):
            if each is None:
                continue
            size += len(each)
            if size > MAX_ANSWER_BYTES:
                raise answer_too_large(size, MAX_ANSWER_BYTES)
            if len(each) >= HEADER.size:
                version, due, length = HEADER.unpack_from(each)
                if not (due or length):  # as most are: no message is made to be copied
                    items.add(key=key, value=each[HEADER.size :], version=version)
                    continue
            items.append(item(key, *unpack(each)))
    except Exception as error:  # noqa: BLE001  # it is this caller's alone
        return error
    return response


def _put_arguments(request: PutRequest) -> Iterator[bytes | int]:
    yield b"1" if request.keep_ttl else b"0"
    yield request.idempotency_key.encode()
    yield _REMEMBERED_MS
    for written in request.items:
        yield from _item_arguments(written)


def _item_arguments(written: PutItem) -> list[bytes]:
    """Key, life, a random byte for the version, and what is stored behind version and expiry."""
    return [written.key, _life(written), os.urandom(1), pack_body(pack_metadata(written), written.value)]


def _life(written: PutItem | ExpireRequest) -> bytes:
    lifetime = life(written)
    return b"" if lifetime is None else b"%d" % lifetime


def _versions(written: bytes) -> Iterator[bytes]:
    """The versions of a put; of an item that is gone, none."""
    for at in range(0, len(written), 8):
        version = written[at : at + 8]
        yield b"" if version == _GONE else version


def _rows(id_: bytes, answer: Sequence[bytes], keys_only: bool) -> list[Row]:
    pairs = zip(answer[::2], answer[1::2], strict=True)
    return [(id_, key, *unpack(stored, header_only=keys_only)) for key, stored in pairs]


def _ids_from(selection: Selection) -> Range:
    """The records that a scan of a namespace still has to look into."""
    if selection.after is None:
        return Range(b"", None)
    last = selection.after[0]
    return Range(b"", last + b"\0") if selection.reverse else Range(last, None)


def _keys_from(selection: Selection, id_: bytes) -> Range:
    if selection.after is not None and id_ == selection.after[0]:
        return selection.keys.beyond(selection.after[1], reverse=selection.reverse)
    return selection.keys
