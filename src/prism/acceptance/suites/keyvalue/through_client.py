"""KeyValue as a Python application says it."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status as RpcStatus

from prism.client import Client, Value
from prism.client import Item as ClientItem
from prism.client import KeyValue as ClientKeyValue
from prism.errors import PrismError
from prism.interfaces import keyvalue as kv
from prism.interfaces.operation import Operation
from prism.rpc_status import to_rpc_status

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class KeyValueThroughClient:
    """`prism.acceptance.suite.Translation` of KeyValue."""

    async def call(
        self, client: Client, namespace: str | None, operation: Operation, request: Message, timeout: float
    ) -> Any:
        """See Translation."""
        return await _CALLS[operation.method](_enter(client, namespace), request, timeout)

    async def stream(
        self,
        client: Client,
        namespace: str | None,
        operation: Operation,
        request: Any,
        timeout: float,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncIterator[Any]:
        """See Translation."""
        assert on_established is None, "no stream of KeyValue is ever established"
        assert operation.method == "scan_stream"
        chunks = _enter(client, namespace).scan_stream(
            request.id or None,
            prefix=request.prefix,
            start=request.start,
            end=request.end,
            reverse=request.reverse,
            keys_only=request.keys_only,
            limit=request.limit or None,
            cursor=request.cursor,
            timeout=timeout,
        )
        try:
            async for chunk in chunks:
                yield kv.ScanStreamResponse(id=chunk.record, items=_items(chunk.items), cursor=chunk.cursor)
        finally:
            await chunks.aclose()


def _enter(client: Client, namespace: str | None) -> ClientKeyValue:
    return client.keyvalue() if namespace is None else client.keyvalue(namespace)


async def _put(client: ClientKeyValue, request: kv.PutRequest, timeout: float) -> kv.PutResponse:
    versions = await client.put(
        request.id,
        _values(request.items),
        keep_ttl=request.keep_ttl,
        idempotency_key=request.idempotency_key,
        timeout=timeout,
    )
    return kv.PutResponse(versions=[versions[item.key] for item in request.items])


async def _get(client: ClientKeyValue, request: kv.GetRequest, timeout: float) -> kv.GetResponse:
    if len(request.keys) == 1:
        found = await client.get(request.id, request.keys[0], timeout=timeout)
        return kv.GetResponse(items=[] if found is None else _items([found]))
    _distinct(request.keys)
    items = await client.get_many(request.id, request.keys, timeout=timeout)
    return kv.GetResponse(items=_items(items.values()))


async def _exists(client: ClientKeyValue, request: kv.ExistsRequest, timeout: float) -> kv.ExistsResponse:
    if len(request.keys) == 1:
        there = await client.exists(request.id, request.keys[0], timeout=timeout)
        return kv.ExistsResponse(keys=request.keys if there else [])
    _distinct(request.keys)
    return kv.ExistsResponse(keys=await client.exists_many(request.id, request.keys, timeout=timeout))


async def _batch_get(client: ClientKeyValue, request: kv.BatchGetRequest, timeout: float) -> kv.BatchGetResponse:
    _distinct([read.id for read in request.reads])
    answer = kv.BatchGetResponse()
    results = await client.batch_get({read.id: read.keys for read in request.reads}, timeout=timeout)
    for record, result in results.items():
        answer.results.add(id=record, items=_items(result.items.values()), error=_status(result.error))
    return answer


async def _batch_put(client: ClientKeyValue, request: kv.BatchPutRequest, timeout: float) -> kv.BatchPutResponse:
    _distinct([write.id for write in request.writes])
    (keep_ttl,) = {write.keep_ttl for write in request.writes}
    results = await client.batch_put(
        {write.id: _values(write.items) for write in request.writes},
        keep_ttl=keep_ttl,
        idempotency_keys={write.id: write.idempotency_key for write in request.writes},
        timeout=timeout,
    )
    answer = kv.BatchPutResponse()
    for record, result in results.items():
        answer.results.add(id=record, versions=result.versions.values(), error=_status(result.error))
    return answer


async def _delete(client: ClientKeyValue, request: kv.DeleteRequest, timeout: float) -> kv.DeleteResponse:
    if not request.keys:
        return kv.DeleteResponse(count=await client.delete_record(request.id, timeout=timeout))
    existed = await client.delete(request.id, request.keys, timeout=timeout)
    return kv.DeleteResponse(keys=existed, count=len(existed))


async def _scan(client: ClientKeyValue, request: kv.ScanRequest, timeout: float) -> kv.ScanResponse:
    pages = client.scan(
        request.id,
        prefix=request.prefix,
        start=request.start,
        end=request.end,
        reverse=request.reverse,
        keys_only=request.keys_only,
        page_size=request.limit or kv.DEFAULT_PAGE_ITEMS,
        cursor=request.cursor,
        timeout=timeout,
    ).pages()
    async with aclosing(pages):
        page = await anext(pages)
    return kv.ScanResponse(items=_items(page.elements), next_cursor=page.next_cursor)


async def _list_records(
    client: ClientKeyValue, request: kv.ListRecordsRequest, timeout: float
) -> kv.ListRecordsResponse:
    pages = client.list_records(
        prefix=request.prefix,
        start=request.start,
        reverse=request.reverse,
        page_size=request.limit or kv.DEFAULT_PAGE_ITEMS,
        cursor=request.cursor,
        timeout=timeout,
    ).pages()
    async with aclosing(pages):
        page = await anext(pages)
    return kv.ListRecordsResponse(ids=page.elements, next_cursor=page.next_cursor)


async def _compare_and_swap(
    client: ClientKeyValue, request: kv.CompareAndSwapRequest, timeout: float
) -> kv.CompareAndSwapResponse:
    expected: ClientItem | bytes | None = None
    if request.HasField("expected_value"):
        expected = request.expected_value
    elif request.HasField("expected_version"):
        expected = ClientItem(request.key, b"not this value", version=request.expected_version)
    else:
        assert request.HasField("expected_absent")
    new = Value(request.new_value, dict(request.metadata), *_expiry(request)) if request.HasField("new_value") else None
    swap = await client.compare_and_swap(request.id, request.key, expected, new, timeout=timeout)
    current = None if swap.current is None else _item(swap.current)
    return kv.CompareAndSwapResponse(swapped=swap.swapped, current=current)


async def _expire(client: ClientKeyValue, request: kv.ExpireRequest, timeout: float) -> kv.ExpireResponse:
    ttl, expires_at = _expiry(request)
    existed = await client.expire(request.id, request.keys, ttl, expires_at=expires_at, timeout=timeout)
    return kv.ExpireResponse(keys=existed)


async def _persist(client: ClientKeyValue, request: kv.PersistRequest, timeout: float) -> kv.PersistResponse:
    return kv.PersistResponse(keys=await client.persist(request.id, request.keys, timeout=timeout))


_CALLS: Mapping[str, Any] = {
    "put": _put,
    "get": _get,
    "exists": _exists,
    "batch_get": _batch_get,
    "batch_put": _batch_put,
    "delete": _delete,
    "scan": _scan,
    "list_records": _list_records,
    "compare_and_swap": _compare_and_swap,
    "expire": _expire,
    "persist": _persist,
}


def _distinct(names: Sequence[Any]) -> None:
    assert len(set(names)) == len(names) > 0, "the client cannot say this: mark the test with `ways`"


def _values(items: Sequence[kv.PutItem]) -> dict[bytes, bytes | Value]:
    _distinct([item.key for item in items] or [b"none is what the client cannot leave out"])
    return {item.key: Value(item.value, dict(item.metadata), *_expiry(item)) for item in items}


def _expiry(
    message: kv.PutItem | kv.CompareAndSwapRequest | kv.ExpireRequest,
) -> tuple[timedelta | None, datetime | None]:
    if message.HasField("expires_at"):
        return None, message.expires_at.ToDatetime(UTC)
    return message.ttl.ToTimedelta() if message.HasField("ttl") else None, None


def _item(item: ClientItem) -> kv.Item:
    expires_at = None
    if item.expires_at is not None:
        expires_at = Timestamp()
        expires_at.FromMicroseconds((item.expires_at - EPOCH) // MICROSECOND)
    return kv.Item(key=item.key, value=item.value, metadata=item.metadata, version=item.version, expires_at=expires_at)


def _items(items: Iterable[ClientItem]) -> list[kv.Item]:
    return [_item(item) for item in items]


def _status(error: PrismError | None) -> RpcStatus | None:
    return None if error is None else to_rpc_status(error)
