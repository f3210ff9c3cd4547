"""KeyValue in as few words as possible, for tests."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from google.protobuf.empty_pb2 import Empty

from prism._proto.data.v1.keyvalue_pb2 import KeyValueBatchGetResponse, KeyValueBatchPutResponse
from prism.acceptance.dsl import BRIEF, EXPIRY_TIMEOUT, LONG, Dsl, duration, moment, operations
from prism.errors import InvalidArgument
from prism.interfaces import keyvalue as kv
from prism.interfaces.capabilities.keyvalue import KeyValueCapabilities

__all__ = ["BRIEF", "LONG", "OPERATIONS", "KeyValue", "duration", "moment", "names_field", "put_items"]

OPERATIONS = operations(kv.INTERFACE)


def put_items(
    items: Mapping[bytes, bytes], ttl: float | None = None, metadata: Mapping[str, str] | None = None
) -> list[kv.PutItem]:
    """Items to put, all with the same time to live and metadata."""
    life = None if ttl is None else duration(ttl)
    return [kv.PutItem(key=key, value=value, ttl=life, metadata=metadata) for key, value in items.items()]


class KeyValue(Dsl):
    """KeyValue in one namespace; answers are the contract's own messages unless a method says otherwise."""

    INTERFACE = kv.INTERFACE
    OPERATIONS = OPERATIONS
    capabilities: KeyValueCapabilities

    async def put(
        self,
        record: str,
        items: Mapping[bytes, bytes],
        *,
        ttl: float | None = None,
        metadata: Mapping[str, str] | None = None,
        keep_ttl: bool = False,
        idempotency_key: str = "",
        via: int | None = None,
    ) -> list[bytes]:
        """Puts items; the versions, in their order."""
        request = kv.PutRequest(
            id=record, items=put_items(items, ttl, metadata), keep_ttl=keep_ttl, idempotency_key=idempotency_key
        )
        answer: kv.PutResponse = await self.call("Put", request, via=via)
        assert len(answer.versions) == (len(items) if self.capabilities.versions else 0)
        return list(answer.versions)

    async def get(self, record: str, *keys: bytes, via: int | None = None) -> list[kv.Item]:
        """The items found."""
        answer: kv.GetResponse = await self.call("Get", kv.GetRequest(id=record, keys=keys), via=via)
        return list(answer.items)

    async def item(self, record: str, key: bytes, via: int | None = None) -> kv.Item:
        """The one item that must be there."""
        (found,) = await self.get(record, key, via=via)
        assert found.key == key
        return found

    async def values(self, record: str, *keys: bytes, via: int | None = None) -> dict[bytes, bytes]:
        """The values found, by key."""
        return {item.key: item.value for item in await self.get(record, *keys, via=via)}

    async def exists(self, record: str, *keys: bytes, via: int | None = None) -> list[bytes]:
        """The keys that exist."""
        answer: kv.ExistsResponse = await self.call("Exists", kv.ExistsRequest(id=record, keys=keys), via=via)
        return list(answer.keys)

    async def delete(self, record: str, *keys: bytes, via: int | None = None) -> kv.DeleteResponse:
        """Deletes items, or without keys the record."""
        answer: kv.DeleteResponse = await self.call("Delete", kv.DeleteRequest(id=record, keys=keys), via=via)
        return answer

    async def batch_get(self, reads: Mapping[str, list[bytes]]) -> list[KeyValueBatchGetResponse.Result]:
        """One result for each read."""
        requests = [kv.GetRequest(id=record, keys=keys) for record, keys in reads.items()]
        answer: kv.BatchGetResponse = await self.call("BatchGet", kv.BatchGetRequest(reads=requests))
        return list(answer.results)

    async def batch_put(self, *writes: kv.PutRequest) -> list[KeyValueBatchPutResponse.Result]:
        """One result for each write."""
        answer: kv.BatchPutResponse = await self.call("BatchPut", kv.BatchPutRequest(writes=writes))
        return list(answer.results)

    async def page(self, record: str, **fields: Any) -> kv.ScanResponse:
        """One page of a scan; `fields` are those of the request."""
        answer: kv.ScanResponse = await self.call("Scan", kv.ScanRequest(id=record, **fields))
        return answer

    async def pages(self, record: str, **fields: Any) -> AsyncIterator[list[kv.Item]]:
        """A scan page by page, to its end."""
        while True:
            answer = await self.page(record, **fields)
            yield list(answer.items)
            if not answer.next_cursor:
                return
            assert answer.next_cursor != fields.get("cursor"), "a scan that does not advance"
            fields["cursor"] = answer.next_cursor

    async def scan(self, record: str, **fields: Any) -> list[kv.Item]:
        """Every item of a scan, whatever the pages."""
        return [item async for page in self.pages(record, **fields) for item in page]

    async def keys(self, record: str, **fields: Any) -> list[bytes]:
        """Every key of a scan."""
        return [item.key for item in await self.scan(record, **fields)]

    async def parts(self, record: str = "", **fields: Any) -> list[kv.ScanStreamResponse]:
        """The messages of a scan stream."""
        request = kv.ScanStreamRequest(id=record, **fields)
        return [part async for part in self.open("ScanStream", request)]

    async def stream(self, record: str = "", **fields: Any) -> list[tuple[str, kv.Item]]:
        """Every item of a scan stream with the record it belongs to."""
        return [(part.id, item) for part in await self.parts(record, **fields) for item in part.items]

    async def ids_page(self, **fields: Any) -> kv.ListRecordsResponse:
        """One page of records' ids."""
        answer: kv.ListRecordsResponse = await self.call("ListRecords", kv.ListRecordsRequest(**fields))
        return answer

    async def ids(self, **fields: Any) -> list[str]:
        """The ids of all records, whatever the pages."""
        found: list[str] = []
        while True:
            answer = await self.ids_page(**fields)
            found.extend(answer.ids)
            if not answer.next_cursor:
                return found
            assert answer.next_cursor != fields.get("cursor"), "a listing that does not advance"
            fields["cursor"] = answer.next_cursor

    async def are_records(self, expected: list[str], absent: str, *keys: bytes) -> bool:
        """Whether these are all records; of a store that lists none, whether `absent` holds nothing under the keys."""
        if self.capabilities.scan:
            return await self.ids() == expected
        return await self.exists(absent, *keys) == []

    async def swap(
        self, record: str, key: bytes, *, ttl: float | None = None, via: int | None = None, **fields: Any
    ) -> kv.CompareAndSwapResponse:
        """Compare-and-swap; `expected_absent=True` and `delete=True` stand for the empty messages."""
        for flag in ("expected_absent", "delete"):
            if fields.pop(flag, False):
                fields[flag] = Empty()
        life = None if ttl is None else duration(ttl)
        request = kv.CompareAndSwapRequest(id=record, key=key, ttl=life, **fields)
        answer: kv.CompareAndSwapResponse = await self.call("CompareAndSwap", request, via=via)
        return answer

    async def expire(self, record: str, *keys: bytes, ttl: float) -> list[bytes]:
        """Gives items a time to live; the keys that existed."""
        request = kv.ExpireRequest(id=record, keys=keys, ttl=duration(ttl))
        answer: kv.ExpireResponse = await self.call("Expire", request)
        return list(answer.keys)

    async def persist(self, record: str, *keys: bytes) -> list[bytes]:
        """Takes items' time to live away; the keys that existed."""
        answer: kv.PersistResponse = await self.call("Persist", kv.PersistRequest(id=record, keys=keys))
        return list(answer.keys)

    async def lapse(self) -> None:
        """Returns when everything that was given a BRIEF time to live before this call has expired.

        A witness with the same time to live, begun later, is watched; so no read has touched what has to be gone.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + EXPIRY_TIMEOUT
        await self.put("witness of expiry", {b"w": b""}, ttl=BRIEF)
        while await self.get("witness of expiry", b"w"):
            assert loop.time() < give_up, "an item outlives its time to live"


def names_field(error: InvalidArgument, field: str, found: str, limit: str) -> bool:
    """Whether the error names that field alone, with what was found and what is allowed, in text and details."""
    (violation,) = error.violations
    assert (violation.field, found in violation.found, limit in violation.limit) == (field, True, True), violation
    return field in error.message and found in error.message and limit in error.message
