"""ObjectStore served from blobs and an index: the rules once, for each store that has both."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from prism.context import Context
from prism.errors import DataLoss, InvalidArgument, Outcome, PrismError
from prism.interfaces import objectstore as o
from prism.rpc_status import to_rpc_status
from prism.sdk.deadline import check_time
from prism.sdk.keyvalue import microseconds
from prism.sdk.objectstore.budget import Budget
from prism.sdk.objectstore.checksums import etag_of
from prism.sdk.objectstore.chunk_view import ChunkView
from prism.sdk.objectstore.conditions import check_form, check_read, check_write
from prism.sdk.objectstore.incoming import Incoming, check_declared
from prism.sdk.objectstore.keys import check_key, check_properties, key_violation
from prism.sdk.objectstore.listing import listed
from prism.sdk.objectstore.options import ObjectOptions
from prism.sdk.objectstore.ranges import selected
from prism.sdk.objectstore.stored.blobs import BlobGone, BlobReader, Blobs, Piece
from prism.sdk.objectstore.stored.index import Content, Index, Row
from prism.sdk.objectstore.stored.receiving import Receiving, Transactions
from prism.sdk.objectstore.stored.uploads import StoredUploads

_TRIES = 10
"""How often a Get finds its object replaced between the index and the blob before something is wrong."""


class StoredObjects(StoredUploads, o.ObjectStore):
    """Serves ObjectStore.

    Args:
        blobs: the keeper of bytes.
        transactions: where the index is.
        options: times and sizes.
        inline: most bytes of a content that is kept in the index, without a blob.

    Attributes:
        budget: what transfers hold, and how many there are.
    """

    def __init__(self, blobs: Blobs, transactions: Transactions, options: ObjectOptions, inline: int = 0) -> None:
        self._inline = inline
        self.budget = Budget(int(options.budget))
        super().__init__(transactions, Receiving(blobs, transactions, self.budget), options)
        self._blobs = blobs

    async def sweep(self, limit: int) -> bool:
        """Removes some of what has expired; whether more may be left."""
        return await self._receiving.sweep(limit)

    @property
    def clean(self) -> bool:
        """Whether every blob that was made is named by the index or gone."""
        return self._receiving.clean

    async def stop(self) -> None:
        """Ends what is under way in the background."""
        await self._receiving.stop()

    async def holds_data(self, namespace: str) -> bool:
        """Whether a namespace has an object or an upload."""
        return await self._transactions.read(Context(namespace), lambda index: index.any_in(namespace))

    async def put(self, requests: AsyncIterator[o.PutRequest], context: Context) -> o.PutResponse:
        check_time(context, writes=True)
        incoming: Incoming[o.PutHead] = Incoming(requests, self._options.idle_timeout)
        head = await incoming.head()
        limit = self._capabilities.max_object_size
        declared = head.size if head.HasField("size") else None
        check_key(head.key, self._capabilities.key_rules)
        check_properties(head.properties)
        check_form(head.if_none_match)
        check_declared(declared or 0, limit)

        def check(index: Index) -> Row | None:
            current = index.get(context.namespace, head.key)
            check_write(head.if_match, head.if_none_match, current and current.etag)
            return current

        if head.if_match or head.if_none_match:
            await self._transactions.read(context, check)  # before the chunks; what counts is the look at the commit
        async with self._receiving.received(incoming, declared, limit, self._inline) as arrived:
            digest = arrived.digest
            sha256, finish = digest.sha256(), incoming.finish
            crc = finish.checksum.crc32c if finish and finish.checksum.HasField("crc32c") else None
            content = Content(arrived.pieces, digest.size, etag_of(sha256), sha256, crc)
            ttl = microseconds(head.ttl) if head.HasField("ttl") else None

            def put(index: Index) -> o.PutResponse:
                current = check(index)
                expires_at = None if ttl is None else index.now + ttl
                row = index.put(context.namespace, head.key, content, head.properties, expires_at)
                return o.PutResponse(
                    etag=row.etag,
                    version=row.version_text,
                    size=row.size,
                    created=current is None,
                    checksum=row.object(whole=False).checksum,
                )

            return await self._receiving.commit(context, put)

    async def get(self, request: o.GetRequest, context: Context) -> AsyncIterator[o.GetResponse]:
        check_time(context, writes=False)
        with self.budget.transfer():
            head, reader = await self._opened(request, context)
            try:
                yield o.GetResponse(head=head)
                size = 0
                if reader is not None:
                    part = head.range if head.HasField("range") else o.Range(length=head.object.size)
                    async for chunk in self._chunks(reader, part):
                        size += len(chunk)
                        yield _response(chunk)
                yield o.GetResponse(end=o.GetEnd(size=size))
            finally:
                if reader is not None:
                    reader.close()

    async def _opened(self, request: o.GetRequest, context: Context) -> tuple[o.GetHead, BlobReader | None]:
        """What there is to say of an object, and its blobs, open, where its content is to be given."""
        for _ in range(_TRIES):
            row, pieces = await self._transactions.read(context, lambda index: _found(index, request, context))
            if row is None:
                return o.GetHead(), None
            modified = check_read(request, row.etag)
            head = o.GetHead(found=True, modified=modified, object=row.object())
            if not modified:
                return head, None
            if (part := selected(request, row.size, row.etag)) is not None:
                head.range.CopyFrom(part)
            try:
                return head, await self._blobs.open(pieces)
            except BlobGone:
                continue  # replaced meanwhile: what took its place is in the index
        raise DataLoss(f"the content of the object {request.key[:80]!r} is not in the store: put it anew, or delete it")

    async def _chunks(self, reader: BlobReader, part: o.Range) -> AsyncIterator[bytes]:
        """The bytes of a range; the next batch is read while its reader takes the one before."""
        offset, end = part.offset, part.offset + part.length
        reading: asyncio.Future[Sequence[bytes]] | None = None
        try:
            while offset < end or reading is not None:
                chunks: Sequence[bytes] = () if reading is None else await reading
                reading = None
                if offset < end:
                    size = min(self.budget.batch, end - offset)
                    reading = asyncio.ensure_future(reader.read(offset, size))
                    offset += size
                for chunk in chunks:
                    yield chunk
                    self.budget.moved += len(chunk)
        finally:
            if reading is not None:
                await asyncio.wait([reading])  # a thread may be reading what is closed next
                if not reading.cancelled():
                    reading.exception()

    async def head(self, request: o.HeadRequest, context: Context) -> o.HeadResponse:
        check_time(context, writes=False)
        row = await self._transactions.read(context, lambda index: index.get(context.namespace, request.key))
        if row is None or request.version not in ("", row.version_text):
            return o.HeadResponse()
        return o.HeadResponse(object=row.object())

    async def delete(self, request: o.DeleteRequest, context: Context) -> o.DeleteResponse:
        check_time(context, writes=True)
        check_key(request.key, self._capabilities.key_rules)

        def delete(index: Index) -> None:
            if request.if_match:
                current = index.get(context.namespace, request.key)
                check_write(request.if_match, "", current and current.etag)
            index.delete(context.namespace, request.key.encode())

        await self._receiving.settled(context, delete)
        return o.DeleteResponse()

    async def delete_many(self, request: o.DeleteManyRequest, context: Context) -> o.DeleteManyResponse:
        check_time(context, writes=True)
        response = o.DeleteManyResponse()
        keys: list[bytes] = []
        for key in request.keys:
            result = response.results.add(key=key)
            violation = key_violation(key, self._capabilities.key_rules)
            if violation is None:
                keys.append(key.encode())
            else:
                refusal: PrismError = InvalidArgument(str(violation), violations=[violation])
                refusal.outcome = Outcome.NOT_APPLIED
                result.error.CopyFrom(to_rpc_status(refusal))

        def delete(index: Index) -> None:
            for each in keys:
                index.delete(context.namespace, each)

        await self._receiving.settled(context, delete)
        return response

    async def list(self, request: o.ListRequest, context: Context) -> o.ListResponse:
        check_time(context, writes=False)

        async def fetch(begin: bytes, before: bytes | None, limit: int) -> Sequence[o.Object]:
            rows = await self._transactions.read(
                context, lambda index: index.rows(context.namespace, begin, before, limit)
            )
            return [row.object(whole=False) for row in rows]

        return await listed(request, context, fetch)

    async def copy(self, request: o.CopyRequest, context: Context) -> o.CopyResponse:
        check_time(context, writes=True)
        check_form(request.if_none_match)
        check_key(request.to_key, self._capabilities.key_rules, "to_key")

        def copy(index: Index) -> o.CopyResponse:
            source = index.get(context.namespace, request.from_key)
            check_write(request.if_match, "", source and source.etag)
            if source is None:
                return o.CopyResponse()
            target = index.get(context.namespace, request.to_key)
            check_write("", request.if_none_match, target and target.etag)
            return o.CopyResponse(found=True, object=index.copy(context.namespace, source, request.to_key).object())

        return await self._receiving.settled(context, copy)


def _response(chunk: bytes) -> Any:
    """A response that is a chunk; protobuf's own would be copied once more."""
    return ChunkView(chunk)


def _found(index: Index, request: o.GetRequest, context: Context) -> tuple[Row | None, Sequence[Piece]]:
    row = index.get(context.namespace, request.key)
    if row is None or request.version not in ("", row.version_text):
        return None, ()
    return row, index.pieces(row.content)
