"""Defects of the rules of ObjectStore on memory, each breaking one of them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, TypeVar
from unicodedata import normalize

from prism.context import Context
from prism.interfaces import objectstore as o
from prism.sdk.objectstore.conditions import check_write
from prism.sdk.objectstore.stored import StoredObjects
from prism.sdk.objectstore.stored.index import Content, Index, Row

T = TypeVar("T")


class WithIndex(StoredObjects):
    """An ObjectStore whose index is another one.

    Attributes:
        KIND: which.
    """

    KIND: type[Index]

    def __init__(self, blobs: Any, transactions: Any, options: Any) -> None:
        super().__init__(blobs, _Transactions(transactions, self.KIND), options)


class _Transactions:
    def __init__(self, inner: Any, kind: type[Index]) -> None:
        self._inner = inner
        self._kind = kind

    async def write(self, context: Context, work: Callable[[Index], T]) -> T:
        return await self._inner.write(context, lambda index: work(self._changed(index)))  # type: ignore[no-any-return]

    async def read(self, context: Context, work: Callable[[Index], T]) -> T:
        return await self._inner.read(context, lambda index: work(self._changed(index)))  # type: ignore[no-any-return]

    def _changed(self, index: Index) -> Index:
        return self._kind(index._connection, index.now)


class ReadsOneByteTooMany(StoredObjects):
    """A range has a byte more."""

    async def _chunks(self, reader: Any, part: o.Range) -> AsyncIterator[bytes]:
        async for chunk in super()._chunks(reader, o.Range(offset=part.offset, length=part.length + 1)):
            yield chunk


class ChecksBeforeTheWrite(StoredObjects):
    """A condition is looked at before the chunks come, and not with the write."""

    async def put(self, requests: AsyncIterator[o.PutRequest], context: Context) -> o.PutResponse:
        head = await anext(requests)
        if head.head.if_match or head.head.if_none_match:
            row = await self._transactions.read(context, lambda index: index.get(context.namespace, head.head.key))
            check_write(head.head.if_match, head.head.if_none_match, row and row.etag)

        async def unconditional() -> AsyncIterator[o.PutRequest]:
            head.head.if_match = head.head.if_none_match = ""
            yield head
            async for each in requests:
                yield each

        return await super().put(unconditional(), context)


class ShowsTornObjects(StoredObjects):
    """What has come is stored though its `finish` never came."""

    async def put(self, requests: AsyncIterator[o.PutRequest], context: Context) -> o.PutResponse:
        async def finished() -> AsyncIterator[o.PutRequest]:
            size = 0
            async for each in requests:
                if each.HasField("finish"):
                    break
                size += len(each.chunk)
                yield each
            yield o.PutRequest(finish=o.Finish(size=size))

        return await super().put(finished(), context)


class ComparesNoChecksum(StoredObjects):
    """The checksum of `finish` is not looked at."""

    async def put(self, requests: AsyncIterator[o.PutRequest], context: Context) -> o.PutResponse:
        async def trusted() -> AsyncIterator[o.PutRequest]:
            async for each in requests:
                each.finish.ClearField("checksum") if each.HasField("finish") else None
                yield each

        return await super().put(trusted(), context)


class _ByArrival(Index):
    def put(
        self, namespace: str, key: str, content: Content, properties: o.Properties | bytes, expires_at: int | None
    ) -> Row:
        if len(content.pieces) > 1:  # blobs have numbers as they came
            content = replace(content, pieces=sorted(content.pieces, key=lambda each: int(each.blob)))
        return super().put(namespace, key, content, properties, expires_at)


class JoinsPartsByArrival(WithIndex):
    """Parts are joined in the order in which they came."""

    KIND = _ByArrival


class SkipsAtAPage(StoredObjects):
    """The first entry of each page but the first is left out."""

    async def list(self, request: o.ListRequest, context: Context) -> o.ListResponse:
        response = await super().list(request, context)
        if request.cursor and response.entries:
            del response.entries[0]
        return response


class DeletesTheNewerOne(StoredObjects):
    """`if_match` of Delete is not looked at."""

    async def delete(self, request: o.DeleteRequest, context: Context) -> o.DeleteResponse:
        return await super().delete(o.DeleteRequest(key=request.key), context)


class MissesAsMissing(StoredObjects):
    """`if_match` stores where there is no object."""

    async def put(self, requests: AsyncIterator[o.PutRequest], context: Context) -> o.PutResponse:
        head = await anext(requests)
        row = await self._transactions.read(context, lambda index: index.get(context.namespace, head.head.key))
        if row is None:
            head.head.if_match = ""

        async def changed() -> AsyncIterator[o.PutRequest]:
            yield head
            async for each in requests:
                yield each

        return await super().put(changed(), context)


class _Normalizing(Index):
    def get(self, namespace: str, key: str) -> Row | None:
        return super().get(namespace, _folded(key))

    def put(
        self, namespace: str, key: str, content: Content, properties: o.Properties | bytes, expires_at: int | None
    ) -> Row:
        return super().put(namespace, _folded(key), content, properties, expires_at)


def _folded(key: str) -> str:
    return normalize("NFC", key)


class NormalizesKeys(WithIndex):
    """Two keys that look alike are one."""

    KIND = _Normalizing


class _SameVersion(Index):
    def _version(self) -> int:
        return 7


class GivesVersionsAgain(WithIndex):
    """Every object has the same version."""

    KIND = _SameVersion


class RepeatsPrefixes(StoredObjects):
    """A common prefix comes for each of its objects."""

    async def list(self, request: o.ListRequest, context: Context) -> o.ListResponse:
        response = await super().list(request, context)
        found = [each for each in response.entries for _ in range(2 if each.HasField("prefix") else 1)]
        del response.entries[:]
        response.entries.extend(found[: request.limit or 100])
        return response


class LosesMetadata(StoredObjects):
    """Metadata that is not ASCII is lost."""

    async def put(self, requests: AsyncIterator[o.PutRequest], context: Context) -> o.PutResponse:
        async def plain() -> AsyncIterator[o.PutRequest]:
            async for each in requests:
                if each.HasField("head"):
                    metadata = each.head.properties.metadata
                    for name, value in list(metadata.items()):
                        metadata[name] = value.encode("ascii", "ignore").decode()
                yield each

        return await super().put(plain(), context)


class ForgetsParts(StoredObjects):
    """ListParts gives the first part only."""

    async def list_parts(self, request: o.ListPartsRequest, context: Context) -> o.ListPartsResponse:
        response = await super().list_parts(request, context)
        del response.parts[1:]
        return response
