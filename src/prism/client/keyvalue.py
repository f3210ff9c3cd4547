"""KeyValue for applications: a record holds a sorted map `key -> value`.

What each operation means: docs/contract.md and prism/data/v1/keyvalue.proto. Every method may raise a `PrismError`;
what a failed write did to the store is the error's `outcome`. `timeout` is in seconds (or a timedelta), for the call
with all its retries; without it the client's own holds. Records are named by their ids, 1 to 512 bytes of UTF-8.
"""

from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.rpc.status_pb2 import Status as RpcStatus

from prism.client.arguments import Seconds, expiry
from prism.client.headers import NamespaceHeaders
from prism.client.item import Chunk, GetResult, Item, PutResult, Swap, Value, put_item, put_items, to_item, to_items
from prism.client.paging import MAX_PAGE_SIZE, Page, Pager
from prism.client.resumption import read_to_end
from prism.client.transport import Transport
from prism.errors import PrismError
from prism.interfaces import keyvalue as messages
from prism.rpc_status import from_status
from prism.wire import Code, Status

_OPERATIONS = {operation.method: operation for operation in messages.INTERFACE.operations}


class KeyValue:
    """The KeyValue data of one namespace; made by `Client.keyvalue`."""

    def __init__(self, transport: Transport, headers: NamespaceHeaders) -> None:
        self._transport = transport
        self._headers = headers

    async def put(
        self,
        record: str,
        items: Mapping[bytes, bytes | Value],
        *,
        ttl: Seconds | None = None,
        expires_at: datetime | None = None,
        keep_ttl: bool = False,
        idempotency_key: str = "",
        timeout: Seconds | None = None,
    ) -> dict[bytes, bytes]:
        """Stores items in a record and returns their new versions.

        Args:
            record: its id.
            items: value by key; a `Value` where there is metadata or an expiry of its own.
            ttl: how long they live. Without it and `expires_at` an item lives for ever, even if it had a time to live
                before.
            expires_at: when they expire, by the store's clock, instead of `ttl`. If it has passed, they replace what
                was there and are gone: their version is empty.
            keep_ttl: existing items keep the time to live they have.
            idempotency_key: makes the put safe to repeat for 24 hours, so that the client itself may repeat it.
        """
        request = messages.PutRequest(
            id=record,
            items=put_items(items, ttl, expires_at),
            keep_ttl=keep_ttl,
            idempotency_key=idempotency_key,
        )
        answer = await self._call("put", request, timeout, keyed=bool(idempotency_key))
        return dict(zip(items, messages.PutResponse.FromString(answer).versions, strict=False))

    async def get(self, record: str, key: bytes, *, timeout: Seconds | None = None) -> Item | None:
        """One item, or None where there is none."""
        answer = await self._call("get", messages.GetRequest(id=record, keys=(key,)), timeout)
        found = messages.GetResponse.FromString(answer).items
        return to_item(found[0]) if found else None

    async def get_many(
        self, record: str, keys: Iterable[bytes], *, timeout: Seconds | None = None
    ) -> dict[bytes, Item]:
        """The items found, by key, in the order asked."""
        if not (asked := list(keys)):
            return {}
        answer = await self._call("get", messages.GetRequest(id=record, keys=asked), timeout)
        return _by_key(messages.GetResponse.FromString(answer).items)

    async def exists(self, record: str, key: bytes, *, timeout: Seconds | None = None) -> bool:
        """Whether an item exists."""
        return bool(await self.exists_many(record, (key,), timeout=timeout))

    async def exists_many(self, record: str, keys: Iterable[bytes], *, timeout: Seconds | None = None) -> list[bytes]:
        """Which of the keys exist, in the order asked."""
        if not (asked := list(keys)):
            return []
        answer = await self._call("exists", messages.ExistsRequest(id=record, keys=asked), timeout)
        return list(messages.ExistsResponse.FromString(answer).keys)

    async def batch_get(
        self, reads: Mapping[str, Iterable[bytes]], *, timeout: Seconds | None = None
    ) -> dict[str, GetResult]:
        """Reads many records at once, keys by record id; each read succeeds or fails by itself."""
        if not reads:
            return {}
        asked = [messages.GetRequest(id=record, keys=list(keys)) for record, keys in reads.items()]
        answer = await self._call("batch_get", messages.BatchGetRequest(reads=asked), timeout)
        results = messages.BatchGetResponse.FromString(answer).results
        return {each.id: GetResult(_by_key(each.items), _error(each)) for each in results}

    async def batch_put(
        self,
        writes: Mapping[str, Mapping[bytes, bytes | Value]],
        *,
        ttl: Seconds | None = None,
        expires_at: datetime | None = None,
        keep_ttl: bool = False,
        idempotency_keys: Mapping[str, str] | None = None,
        timeout: Seconds | None = None,
    ) -> dict[str, PutResult]:
        """Writes many records at once, items by record id, in any order; each write succeeds or fails by itself.

        Args:
            writes: items by record id, each as in `put`.
            ttl: as in `put`.
            expires_at: as in `put`.
            keep_ttl: as in `put`.
            idempotency_keys: by record id; where every record has one, the client itself may repeat the batch.
        """
        if not writes:
            return {}
        keys = idempotency_keys or {}
        asked = [
            messages.PutRequest(
                id=record,
                items=put_items(items, ttl, expires_at),
                keep_ttl=keep_ttl,
                idempotency_key=keys.get(record, ""),
            )
            for record, items in writes.items()
        ]
        keyed = all(write.idempotency_key for write in asked)
        answer = await self._call("batch_put", messages.BatchPutRequest(writes=asked), timeout, keyed=keyed)
        results = messages.BatchPutResponse.FromString(answer).results
        # After a failure there are no versions to pair with the keys.
        return {
            each.id: PutResult(dict(zip(writes[each.id], each.versions, strict=False)), _error(each))
            for each in results
        }

    async def delete(self, record: str, keys: Iterable[bytes], *, timeout: Seconds | None = None) -> list[bytes]:
        """Deletes items and returns the keys that existed. No keys delete nothing: see `delete_record`."""
        if not (asked := list(keys)):
            return []
        answer = await self._call("delete", messages.DeleteRequest(id=record, keys=asked), timeout)
        return list(messages.DeleteResponse.FromString(answer).keys)

    async def delete_record(self, record: str, *, timeout: Seconds | None = None) -> int:
        """Deletes a whole record and returns how many items it held."""
        answer = await self._call("delete", messages.DeleteRequest(id=record), timeout)
        return messages.DeleteResponse.FromString(answer).count

    def scan(
        self,
        record: str,
        *,
        prefix: bytes = b"",
        start: bytes = b"",
        end: bytes = b"",
        reverse: bool = False,
        keys_only: bool = False,
        limit: int | None = None,
        page_size: int = MAX_PAGE_SIZE,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[Item]:
        """A record's items in byte order of their keys, fetched page by page: `async for item in kv.scan(...)`.

        Args:
            record: its id.
            prefix: keys that start with these bytes; there are no wildcards.
            start: first key, included, whatever `reverse` says.
            end: last key, excluded; empty for the end.
            reverse: from the last to the first.
            keys_only: leave out values and metadata.
            limit: at most this many items in all.
            page_size: at most this many items a page, up to 1,000; a page also ends at 1 MiB.
            cursor: `next_cursor` of a page of the same scan.
            timeout: for each page.
        """
        request = messages.ScanRequest(
            id=record, prefix=prefix, start=start, end=end, reverse=reverse, keys_only=keys_only
        )

        async def fetch(cursor: bytes, most: int) -> Page[Item]:
            request.cursor, request.limit = cursor, most
            page = messages.ScanResponse.FromString(await self._call("scan", request, timeout))
            return Page(to_items(page.items), page.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    async def scan_stream(
        self,
        record: str | None = None,
        *,
        prefix: bytes = b"",
        start: bytes = b"",
        end: bytes = b"",
        reverse: bool = False,
        keys_only: bool = False,
        limit: int | None = None,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> AsyncGenerator[Chunk, None]:
        """A record's items, or without `record` the whole namespace's, as one stream in bounded memory.

        The records come in byte order of their ids. A stream that breaks is resumed after what has been read. The
        arguments are those of `scan`; `timeout` bounds the wait for each chunk.
        """
        request = messages.ScanStreamRequest(
            id=record or "", prefix=prefix, start=start, end=end, reverse=reverse, keys_only=keys_only, cursor=cursor
        )
        if limit is not None and limit <= 0:
            return
        position = _ScanPosition(request, limit)
        chunks = read_to_end(self._transport, _OPERATIONS["scan_stream"], position, self._headers, timeout)
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
                if position.complete:
                    return

    def list_records(
        self,
        *,
        prefix: str = "",
        start: str = "",
        reverse: bool = False,
        limit: int | None = None,
        page_size: int = MAX_PAGE_SIZE,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[str]:
        """The ids of the records that hold at least one item, in byte order: `async for id in kv.list_records()`.

        The arguments are those of `scan`.
        """
        request = messages.ListRecordsRequest(prefix=prefix, start=start, reverse=reverse)

        async def fetch(cursor: bytes, most: int) -> Page[str]:
            request.cursor, request.limit = cursor, most
            page = messages.ListRecordsResponse.FromString(await self._call("list_records", request, timeout))
            return Page(tuple(page.ids), page.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    async def compare_and_swap(
        self,
        record: str,
        key: bytes,
        expected: Item | bytes | None,
        new: bytes | Value | None,
        *,
        ttl: Seconds | None = None,
        expires_at: datetime | None = None,
        timeout: Seconds | None = None,
    ) -> Swap:
        """Replaces an item if it is as expected; of several callers at the same time exactly one succeeds.

        Args:
            record: its id.
            key: the item's key.
            expected: an item as it was read, compared by its version (by its value where the backend keeps no
                versions); or a value; or None where there should be no item.
            new: the value to store; None deletes the item.
            ttl: how long it lives, as in `put`.
            expires_at: when it expires, as in `put`: that of the item that was read keeps it.
        """
        request = _swap_request(record, key, expected, new, expiry(ttl, expires_at))
        answer = messages.CompareAndSwapResponse.FromString(await self._call("compare_and_swap", request, timeout))
        return Swap(answer.swapped, to_item(answer.current) if answer.HasField("current") else None)

    async def expire(
        self,
        record: str,
        keys: Iterable[bytes],
        ttl: Seconds | None = None,
        *,
        expires_at: datetime | None = None,
        timeout: Seconds | None = None,
    ) -> list[bytes]:
        """Gives items a new time to live, or another time to expire at, and returns the keys that existed.

        Raises:
            ValueError: not exactly one of `ttl` and `expires_at` is given.
        """
        if not (when := expiry(ttl, expires_at)):
            raise ValueError("give ttl or expires_at; `persist` takes the time to live away")
        if not (asked := list(keys)):
            return []
        request = messages.ExpireRequest(id=record, keys=asked, **when)
        return list(messages.ExpireResponse.FromString(await self._call("expire", request, timeout)).keys)

    async def persist(self, record: str, keys: Iterable[bytes], *, timeout: Seconds | None = None) -> list[bytes]:
        """Removes the time to live of items and returns the keys that existed."""
        if not (asked := list(keys)):
            return []
        request = messages.PersistRequest(id=record, keys=asked)
        return list(messages.PersistResponse.FromString(await self._call("persist", request, timeout)).keys)

    def _call(self, method: str, request: Any, timeout: Seconds | None, *, keyed: bool = False) -> Awaitable[bytes]:
        payload = request.SerializeToString()
        return self._transport.unary(_OPERATIONS[method], payload, self._headers, timeout, keyed=keyed)


class _ScanPosition:
    """A scan goes on behind the last chunk that was read: nothing is left out."""

    def __init__(self, request: messages.ScanStreamRequest, limit: int | None) -> None:
        self._request = request
        self._left = limit

    @property
    def complete(self) -> bool:
        """As many items as asked for have been read."""
        return self._left is not None and self._left <= 0

    def request(self) -> bytes:
        """The rest of the scan."""
        if self._left is not None:
            self._request.limit = self._left
        return self._request.SerializeToString()

    def passed(self, message: bytes) -> Chunk:
        """Some items of one record."""
        chunk = messages.ScanStreamResponse.FromString(message)
        self._request.cursor = chunk.cursor
        if self._left is not None:
            self._left -= len(chunk.items)
        return Chunk(chunk.id, to_items(chunk.items), chunk.cursor)

    def broken(self, error: PrismError) -> None:
        """The cursor says where to go on."""


def _swap_request(
    record: str, key: bytes, expected: Item | bytes | None, new: bytes | Value | None, common: Mapping[str, Any]
) -> messages.CompareAndSwapRequest:
    request = messages.CompareAndSwapRequest(id=record, key=key)
    if expected is None:
        request.expected_absent.CopyFrom(Empty())
    elif isinstance(expected, bytes):
        request.expected_value = expected
    elif expected.version:
        request.expected_version = expected.version
    else:
        request.expected_value = expected.value
    if new is None:
        request.delete.CopyFrom(Empty())
    else:
        item = put_item(key, new, common)
        request.new_value = item.value
        request.metadata.update(item.metadata)
        if item.HasField("ttl"):
            request.ttl.CopyFrom(item.ttl)
        elif item.HasField("expires_at"):
            request.expires_at.CopyFrom(item.expires_at)
    return request


def _by_key(found: Iterable[messages.Item]) -> dict[bytes, Item]:
    return {each.key: to_item(each) for each in found}


def _error(result: messages.BatchGetResponse.Result | messages.BatchPutResponse.Result) -> PrismError | None:
    if not result.HasField("error"):
        return None
    error: RpcStatus = result.error
    return from_status(Status(Code(error.code), error.message, error.SerializeToString()))
