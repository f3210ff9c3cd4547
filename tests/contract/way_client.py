"""The way in of a Python application: `prism.client`, through its public face alone."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
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
from prism.rpc_details import to_rpc_status

from .caller import TIMEOUT, Turns
from .store import Store

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class ClientCaller:
    """Says with the client's methods what the contract's requests ask for, and gives what they return as its answers.

    What an application cannot say with them is an assertion here: such a test is not about this way.
    """

    name = "client"

    def __init__(self, store: Store, clients: Sequence[Client]) -> None:
        self.store = store.name
        self.capabilities = store.capabilities
        self.gateways = len(clients)
        self._clients = clients
        self._turns = Turns(len(clients))

    def _enter(self, namespace: str | None, via: int | None) -> ClientKeyValue:
        client = self._clients[self._turns.take(via)]
        return client.keyvalue() if namespace is None else client.keyvalue(namespace)

    async def call(
        self, method: str, request: Message, *, namespace: str | None, via: int | None = None, timeout: float = TIMEOUT
    ) -> Any:
        """See Caller."""
        return await _CALLS[method](self._enter(namespace, via), request, timeout)

    async def stream(
        self, method: str, request: Any, *, namespace: str | None, via: int | None = None, timeout: float = TIMEOUT
    ) -> AsyncIterator[Any]:
        """See Caller."""
        assert method == "ScanStream"
        chunks = self._enter(namespace, via).scan_stream(
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
    ttl = request.ttl.ToTimedelta() if request.HasField("ttl") else None
    new = Value(request.new_value, dict(request.metadata), ttl) if request.HasField("new_value") else None
    swap = await client.compare_and_swap(request.id, request.key, expected, new, timeout=timeout)
    current = None if swap.current is None else _item(swap.current)
    return kv.CompareAndSwapResponse(swapped=swap.swapped, current=current)


async def _expire(client: ClientKeyValue, request: kv.ExpireRequest, timeout: float) -> kv.ExpireResponse:
    existed = await client.expire(request.id, request.keys, request.ttl.ToTimedelta(), timeout=timeout)
    return kv.ExpireResponse(keys=existed)


async def _persist(client: ClientKeyValue, request: kv.PersistRequest, timeout: float) -> kv.PersistResponse:
    return kv.PersistResponse(keys=await client.persist(request.id, request.keys, timeout=timeout))


_CALLS: Mapping[str, Any] = {
    "Put": _put,
    "Get": _get,
    "Exists": _exists,
    "BatchGet": _batch_get,
    "BatchPut": _batch_put,
    "Delete": _delete,
    "Scan": _scan,
    "ListRecords": _list_records,
    "CompareAndSwap": _compare_and_swap,
    "Expire": _expire,
    "Persist": _persist,
}


def _distinct(names: Sequence[Any]) -> None:
    assert len(set(names)) == len(names) > 0, "the client cannot say this: mark the test with `ways`"


def _values(items: Sequence[kv.PutItem]) -> dict[bytes, bytes | Value]:
    _distinct([item.key for item in items] or [b"none is what the client cannot leave out"])
    return {
        item.key: Value(item.value, dict(item.metadata), item.ttl.ToTimedelta() if item.HasField("ttl") else None)
        for item in items
    }


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


@asynccontextmanager
async def open_client(store: Store, addresses: Sequence[str]) -> AsyncIterator[ClientCaller]:
    """One client for each gateway."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(address)) for address in addresses]
        yield ClientCaller(store, clients)
