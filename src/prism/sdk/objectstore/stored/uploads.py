"""Uploads by parts served from blobs and an index."""

import secrets
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from prism.context import Context
from prism.errors import InvalidArgument, Violation
from prism.interfaces import objectstore as o
from prism.interfaces.capabilities.objectstore import ObjectStoreCapabilities
from prism.sdk.cursor import Query
from prism.sdk.deadline import check_time
from prism.sdk.keyvalue import microseconds
from prism.sdk.objectstore.checksums import etag_of, etag_of_parts, known
from prism.sdk.objectstore.chunk_view import chunk_view
from prism.sdk.objectstore.conditions import check_form, check_write
from prism.sdk.objectstore.incoming import Incoming, check_declared
from prism.sdk.objectstore.keys import check_key, check_properties
from prism.sdk.objectstore.listing import DEFAULT_LIMIT, after_prefix
from prism.sdk.objectstore.options import ObjectOptions
from prism.sdk.objectstore.parts import MAX_PARTS, chosen, no_upload
from prism.sdk.objectstore.stored.blobs import Piece
from prism.sdk.objectstore.stored.index import Content, Index, UploadRow
from prism.sdk.objectstore.stored.receiving import Receiving, Transactions


class StoredUploads(o.Uploads):
    """The part of `StoredObjects` that is about uploads; see there."""

    def __init__(self, transactions: Transactions, receiving: Receiving, options: ObjectOptions) -> None:
        self._transactions = transactions
        self._receiving = receiving
        self._options = options
        self._capabilities = ObjectStoreCapabilities()

    def declare(self, capabilities: ObjectStoreCapabilities) -> None:
        """What the manifest says."""
        self._capabilities = capabilities

    def decoder(self, method: str) -> Callable[[bytes], Any] | None:
        """Chunks come as views of their requests."""
        return partial(chunk_view, most=self._capabilities.max_item_size) if method in {"put", "put_part"} else None

    async def start_upload(self, request: o.StartUploadRequest, context: Context) -> o.StartUploadResponse:
        check_time(context, writes=True)
        check_key(request.key, self._capabilities.key_rules)
        check_properties(request.properties)
        upload = secrets.token_hex(16)
        ttl = microseconds(request.ttl) if request.HasField("ttl") else None
        properties = request.properties.SerializeToString(deterministic=True)

        def start(index: Index) -> int:
            expires_at = index.now + int(self._options.upload_ttl * 1e6)
            key = request.key.encode()
            index.start(context.namespace, UploadRow(upload, key, index.now, expires_at, ttl, properties, None, None))
            return expires_at

        expires_at = await self._transactions.write(context, start)
        most = self._capabilities.max_object_size
        response = o.StartUploadResponse(
            upload=upload,
            min_part_size=self._capabilities.min_part_size,
            max_part_size=most,
            max_parts=MAX_PARTS,
        )
        response.expires_at.FromMicroseconds(expires_at)
        return response

    async def put_part(self, requests: AsyncIterator[o.PutPartRequest], context: Context) -> o.PutPartResponse:
        check_time(context, writes=True)
        incoming: Incoming[o.PutPartHead] = Incoming(requests, self._options.idle_timeout)
        head = await incoming.head()
        limit = self._capabilities.max_object_size
        declared = head.size if head.HasField("size") else None
        check_declared(declared or 0, limit)

        def check(index: Index) -> None:
            found = index.upload(context.namespace, head.key, head.upload)
            if found is None or found.answer is not None:
                raise no_upload(head.upload)

        await self._transactions.read(context, check)
        async with self._receiving.received(incoming, declared, limit) as arrived:
            digest = arrived.digest
            sha256 = digest.sha256()
            crc = (
                incoming.finish.checksum.crc32c
                if incoming.finish and incoming.finish.checksum.HasField("crc32c")
                else None
            )
            part = o.Part(number=head.number, etag=etag_of(sha256), size=digest.size, checksum=known(sha256, crc))

            def put(index: Index) -> None:
                check(index)
                index.put_part(head.upload, part, "" if arrived.writer is None else arrived.writer.name)

            await self._receiving.commit(context, put)
        return o.PutPartResponse(part=part)

    async def complete_upload(self, request: o.CompleteUploadRequest, context: Context) -> o.CompleteUploadResponse:
        check_time(context, writes=True)
        check_form(request.if_none_match)
        asked = b"".join(each.SerializeToString(deterministic=True) for each in request.parts)

        def complete(index: Index) -> o.CompleteUploadResponse:
            upload = index.upload(context.namespace, request.key, request.upload)
            if upload is None or (upload.answer is not None and upload.parts != asked):
                raise no_upload(request.upload)
            if upload.answer is not None:
                return o.CompleteUploadResponse.FromString(upload.answer)
            current = index.get(context.namespace, request.key)
            check_write(request.if_match, request.if_none_match, current and current.etag)
            parts = {part.number: (part, blob) for part, blob in index.parts(request.upload)}
            found = chosen(
                request.parts,
                {number: part for number, (part, _) in parts.items()},
                min_part_size=self._capabilities.min_part_size,
                max_size=self._capabilities.max_object_size,
            )
            pieces = [Piece(parts[part.number][1], part.size) for part in found if part.size]
            content = Content(
                pieces, sum(part.size for part in found), etag_of_parts(part.checksum.sha256 for part in found)
            )
            expires_at = None if upload.ttl is None else index.now + upload.ttl
            row = index.put(context.namespace, request.key, content, upload.properties, expires_at)
            answer = o.CompleteUploadResponse(
                etag=row.etag, version=row.version_text, size=row.size, created=current is None
            )
            index.complete(request.upload, [piece.blob for piece in pieces], asked, answer.SerializeToString())
            return answer

        return await self._receiving.settled(context, complete)

    async def abort_upload(self, request: o.AbortUploadRequest, context: Context) -> o.AbortUploadResponse:
        check_time(context, writes=True)

        def abort(index: Index) -> None:
            found = index.upload(context.namespace, request.key, request.upload)
            if found is not None and found.answer is None:
                index.abort(request.upload)

        await self._receiving.settled(context, abort)
        return o.AbortUploadResponse()

    async def list_uploads(self, request: o.ListUploadsRequest, context: Context) -> o.ListUploadsResponse:
        check_time(context, writes=False)
        query, limit = Query(request, context), request.limit or DEFAULT_LIMIT
        prefix = request.prefix.encode()
        before = after_prefix(prefix) if prefix else None
        position = query.position(request.cursor, parts=2)
        begin, after_id = (position[0], position[1].decode("ascii", "replace")) if position else (prefix, "")
        found = await self._transactions.read(
            context, lambda index: index.uploads(context.namespace, begin, before, after_id, limit + 1)
        )
        response = o.ListUploadsResponse(uploads=[each.upload() for each in found[:limit]])
        if len(found) > limit:
            response.next_cursor = query.cursor(found[limit - 1].key, found[limit - 1].id.encode())
        return response

    async def list_parts(self, request: o.ListPartsRequest, context: Context) -> o.ListPartsResponse:
        check_time(context, writes=False)
        query, limit = Query(request, context), request.limit or DEFAULT_LIMIT
        position = query.position(request.cursor, parts=1)
        after = _number(position[0]) if position else 0

        def read(index: Index) -> list[o.Part]:
            upload = index.upload(context.namespace, request.key, request.upload)
            if upload is None or upload.answer is not None:
                raise no_upload(request.upload)
            return [part for part, _ in index.parts(request.upload, after, limit + 1)]

        found = await self._transactions.read(context, read)
        response = o.ListPartsResponse(parts=found[:limit])
        if len(found) > limit:
            response.next_cursor = query.cursor(b"%d" % found[limit - 1].number)
        return response


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > 9:
        violation = Violation("cursor", "not a cursor of this query", "pass next_cursor unchanged")
        raise InvalidArgument(str(violation), violations=[violation])
    return int(text)
