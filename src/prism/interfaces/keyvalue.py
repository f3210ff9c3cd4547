"""KeyValue: a record `id` holds a sorted map `key -> value`. What each operation means: prism/data/v1/keyvalue.proto.

In this module the abstraction's messages go by their short names: `GetRequest` is `KeyValueGetRequest` on the wire.
The batches are not a backend's work: they are derived here from its single operations, which its coalescer joins again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

from prism._proto.data.v1 import keyvalue_pb2 as pb
from prism._proto.data.v1.keyvalue_pb2 import KeyValueBatchGetRequest as BatchGetRequest
from prism._proto.data.v1.keyvalue_pb2 import KeyValueBatchGetResponse as BatchGetResponse
from prism._proto.data.v1.keyvalue_pb2 import KeyValueBatchPutRequest as BatchPutRequest
from prism._proto.data.v1.keyvalue_pb2 import KeyValueBatchPutResponse as BatchPutResponse
from prism._proto.data.v1.keyvalue_pb2 import KeyValueCompareAndSwapRequest as CompareAndSwapRequest
from prism._proto.data.v1.keyvalue_pb2 import KeyValueCompareAndSwapResponse as CompareAndSwapResponse
from prism._proto.data.v1.keyvalue_pb2 import KeyValueDeleteRequest as DeleteRequest
from prism._proto.data.v1.keyvalue_pb2 import KeyValueDeleteResponse as DeleteResponse
from prism._proto.data.v1.keyvalue_pb2 import KeyValueExistsRequest as ExistsRequest
from prism._proto.data.v1.keyvalue_pb2 import KeyValueExistsResponse as ExistsResponse
from prism._proto.data.v1.keyvalue_pb2 import KeyValueExpireRequest as ExpireRequest
from prism._proto.data.v1.keyvalue_pb2 import KeyValueExpireResponse as ExpireResponse
from prism._proto.data.v1.keyvalue_pb2 import KeyValueGetRequest as GetRequest
from prism._proto.data.v1.keyvalue_pb2 import KeyValueGetResponse as GetResponse
from prism._proto.data.v1.keyvalue_pb2 import KeyValueItem as Item
from prism._proto.data.v1.keyvalue_pb2 import KeyValueListRecordsRequest as ListRecordsRequest
from prism._proto.data.v1.keyvalue_pb2 import KeyValueListRecordsResponse as ListRecordsResponse
from prism._proto.data.v1.keyvalue_pb2 import KeyValuePersistRequest as PersistRequest
from prism._proto.data.v1.keyvalue_pb2 import KeyValuePersistResponse as PersistResponse
from prism._proto.data.v1.keyvalue_pb2 import KeyValuePutItem as PutItem
from prism._proto.data.v1.keyvalue_pb2 import KeyValuePutRequest as PutRequest
from prism._proto.data.v1.keyvalue_pb2 import KeyValuePutResponse as PutResponse
from prism._proto.data.v1.keyvalue_pb2 import KeyValueScanRequest as ScanRequest
from prism._proto.data.v1.keyvalue_pb2 import KeyValueScanResponse as ScanResponse
from prism._proto.data.v1.keyvalue_pb2 import KeyValueScanStreamRequest as ScanStreamRequest
from prism._proto.data.v1.keyvalue_pb2 import KeyValueScanStreamResponse as ScanStreamResponse
from prism.context import Context
from prism.errors import PrismError, answer_too_large
from prism.interfaces.operation import Interface, Invoke
from prism.rpc_status import to_rpc_status

DEFAULT_PAGE_ITEMS = 100
MAX_PAGE_BYTES = 1 << 20
MAX_ANSWER_BYTES = 4 << 20
"""What one answer holds, unless a backend's manifest says less: the most that gRPC's clients take unprepared."""
_FOR_ITEMS = 0.75
"""The part of a batch's answer that is for items; the rest is for the errors of those that did not fit."""
_AT_ONCE = 2000
"""Items of a batch's parts that are carried out in one go: a backend in this process may need some 20 us for each."""

Part = TypeVar("Part", GetRequest, PutRequest)

if TYPE_CHECKING:
    from prism.interfaces.capabilities import Capabilities

__all__ = [
    "DEFAULT_PAGE_ITEMS",
    "INTERFACE",
    "MAX_ANSWER_BYTES",
    "MAX_PAGE_BYTES",
    "BatchGetRequest",
    "BatchGetResponse",
    "BatchPutRequest",
    "BatchPutResponse",
    "CompareAndSwap",
    "CompareAndSwapRequest",
    "CompareAndSwapResponse",
    "Context",
    "DeleteRequest",
    "DeleteResponse",
    "ExistsRequest",
    "ExistsResponse",
    "ExpireRequest",
    "ExpireResponse",
    "GetRequest",
    "GetResponse",
    "Item",
    "KeyValue",
    "ListRecordsRequest",
    "ListRecordsResponse",
    "PersistRequest",
    "PersistResponse",
    "PutItem",
    "PutRequest",
    "PutResponse",
    "Scan",
    "ScanRequest",
    "ScanResponse",
    "ScanStreamRequest",
    "ScanStreamResponse",
    "Ttl",
]


class KeyValue(Protocol):
    """What every backend implements to serve KeyValue; requests arrive valid by the rules in the .proto.

    An implementation subclasses it, and the Protocols below for the capabilities that its manifest declares, so that
    mypy checks it whole.
    """

    async def put(self, request: PutRequest, context: Context) -> PutResponse: ...

    async def get(self, request: GetRequest, context: Context) -> GetResponse: ...

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse: ...

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse: ...


class Scan(Protocol):
    """The capability `scan`."""

    async def scan(self, request: ScanRequest, context: Context) -> ScanResponse: ...

    def scan_stream(self, request: ScanStreamRequest, context: Context) -> AsyncIterator[ScanStreamResponse]: ...

    async def list_records(self, request: ListRecordsRequest, context: Context) -> ListRecordsResponse: ...


class CompareAndSwap(Protocol):
    """The capability `compare_and_swap`."""

    async def compare_and_swap(self, request: CompareAndSwapRequest, context: Context) -> CompareAndSwapResponse: ...


class Ttl(Protocol):
    """The capability `ttl`, beyond the ttl of an item that is put."""

    async def expire(self, request: ExpireRequest, context: Context) -> ExpireResponse: ...

    async def persist(self, request: PersistRequest, context: Context) -> PersistResponse: ...


async def batch_get(invoke: Invoke, request: BatchGetRequest, context: Context, most: int) -> BatchGetResponse:
    """Every read on its own, all at once where they are not very large; a read whose items no longer fit into the
    answer is refused.
    """
    size = 0
    room = int(min(most, MAX_ANSWER_BYTES) * _FOR_ITEMS)

    async def one(read: GetRequest) -> BatchGetResponse.Result:
        nonlocal size
        try:
            answer: GetResponse = await invoke("get", read, context)
            own = answer.ByteSize()
            if size + own > room:
                raise answer_too_large(size + own, room)
        except PrismError as error:
            return BatchGetResponse.Result(id=read.id, error=to_rpc_status(error))
        size += own
        return BatchGetResponse.Result(id=read.id, items=answer.items)

    results: list[BatchGetResponse.Result] = []
    for portion in _portions(request.reads, lambda read: len(read.keys)):
        results += await asyncio.gather(*map(one, portion))
    return BatchGetResponse(results=results)


async def batch_put(invoke: Invoke, request: BatchPutRequest, context: Context, _most: int) -> BatchPutResponse:
    """Every write on its own, all at once where they are not very large."""

    async def one(write: PutRequest) -> BatchPutResponse.Result:
        try:
            answer: PutResponse = await invoke("put", write, context)
        except PrismError as error:
            return BatchPutResponse.Result(id=write.id, error=to_rpc_status(error))
        return BatchPutResponse.Result(id=write.id, versions=answer.versions)

    results: list[BatchPutResponse.Result] = []
    for portion in _portions(request.writes, lambda write: len(write.items)):
        results += await asyncio.gather(*map(one, portion))
    return BatchPutResponse(results=results)


def _portions(parts: Iterable[Part], size: Callable[[Part], int]) -> Iterator[list[Part]]:
    """As many at once as have `_AT_ONCE` items: the event loop has other callers."""
    portion: list[Part] = []
    items = 0
    for part in parts:
        own = max(size(part), 1)
        if portion and items + own > _AT_ONCE:
            yield portion
            portion, items = [], 0
        portion.append(part)
        items += own
    if portion:
        yield portion


def _capabilities() -> "type[Capabilities]":
    from prism.interfaces.capabilities.keyvalue import KeyValueCapabilities

    return KeyValueCapabilities


INTERFACE = Interface.of(
    KeyValue,
    pb.DESCRIPTOR.services_by_name["KeyValue"],
    capabilities=_capabilities,
    optional={"scan": Scan, "compare_and_swap": CompareAndSwap, "ttl": Ttl},
    derived={"batch_get": batch_get, "batch_put": batch_put},
)
