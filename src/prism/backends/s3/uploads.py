"""Uploads by parts, as S3 has them: they live there, so they survive whatever becomes of a gateway.

A part is named by its etag and, where S3 compares checksums, by the CRC-32 that completing has to repeat.
"""

import base64
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import md5
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from prism.backends.s3.client import S3Client
from prism.backends.s3.errors import S3Error, translate
from prism.backends.s3.properties import etag, timestamp, to_s3, version
from prism.backends.s3.transfers.conditional import Condition, Own
from prism.backends.s3.transfers.content import Content
from prism.backends.s3.transfers.parts import MAX_BUFFERED, MAX_PART, MAX_PARTS
from prism.backends.s3.transfers.pieces import Pieces
from prism.context import Context
from prism.errors import InvalidArgument, Outcome, UploadNotFound, Violation
from prism.interfaces import objectstore as os
from prism.sdk import Query
from prism.sdk.deadline import check_time
from prism.sdk.objectstore.conditions import check_form
from prism.sdk.objectstore.incoming import Incoming
from prism.sdk.objectstore.keys import check_properties
from prism.sdk.objectstore.listing import DEFAULT_LIMIT
from prism.sdk.objectstore.parts import no_upload

if TYPE_CHECKING:
    from prism.backends.s3.bucket import Bucket

MIN_PART: Final = 5 << 20
_WRONG_PARTS: Final = {
    "InvalidPart": "a part was not sent, or is another one than is meant; `ListParts` says which were",
    "InvalidPartOrder": "they are in the order of their numbers, each once",
    "EntityTooSmall": f"every part but the last has at least {MIN_PART} bytes",
}


class S3Uploads(os.Uploads):
    """The operations of uploads."""

    _bucket: "Bucket"

    async def start_upload(self, request: os.StartUploadRequest, context: Context) -> os.StartUploadResponse:
        check_time(context, writes=True)
        key = self._bucket.key(context, request.key)
        check_properties(request.properties)
        with of_upload("", writes=True):
            upload = await self._bucket.multipart.start(key, to_s3(request.properties))
        expires = Timestamp()
        expires.GetCurrentTime()
        expires.seconds += round(self._bucket.config.objects.upload_ttl)
        return os.StartUploadResponse(
            upload=upload, min_part_size=MIN_PART, max_part_size=MAX_PART, max_parts=MAX_PARTS, expires_at=expires
        )

    async def put_part(self, requests: AsyncIterator[os.PutPartRequest], context: Context) -> os.PutPartResponse:
        bucket = self._bucket
        incoming = Incoming[os.PutPartHead](requests, bucket.config.objects.idle_timeout)
        head = await incoming.head()
        check_time(context, writes=True)
        key = bucket.key(context, head.key)
        size = head.size if head.HasField("size") else None
        content = Content(incoming, size, MAX_PART if size is not None else MAX_BUFFERED)
        with of_upload(head.upload, writes=True):
            named = await bucket.writer.put_part(key, head.upload, head.number, Pieces(content.pieces()), size)
        bucket.moved += content.size
        part = os.Part(number=head.number, etag=_name(named), size=content.size, checksum=content.checksum())
        return os.PutPartResponse(part=part)

    async def complete_upload(self, request: os.CompleteUploadRequest, context: Context) -> os.CompleteUploadResponse:
        check_time(context, writes=True)
        bucket = self._bucket
        key = bucket.key(context, request.key)
        check_form(request.if_none_match)
        condition = Condition(request.if_match, request.if_none_match)
        if condition.created is not None:
            bucket.traits.need("conditional_write", "a condition of CompleteUpload")
        parts = _in_order(request.parts)
        with of_upload(request.upload, writes=True):
            try:
                made = await bucket.multipart.complete(key, request.upload, parts, condition, _made_of(parts))
            except S3Error as error:
                if error.code != "NoSuchUpload":
                    raise
                # Completed before, as by a caller who heard nothing.
                found = await bucket.head(key)
                if found is None or not _made_of(parts)(found):
                    raise
                made = found
            found = await bucket.head(key, version(made))
        size = int(found["ContentLength"]) if found else 0
        response = os.CompleteUploadResponse(etag=etag(made), version=version(made), size=size)
        if condition.created is not None:
            response.created = condition.created
        return response

    async def abort_upload(self, request: os.AbortUploadRequest, context: Context) -> os.AbortUploadResponse:
        check_time(context, writes=True)
        key = self._bucket.key(context, request.key)
        with contextlib.suppress(UploadNotFound), of_upload(request.upload, writes=True):
            await self._bucket.client.ask("abort_multipart_upload", Key=key, UploadId=request.upload)
        return os.AbortUploadResponse()

    async def list_uploads(self, request: os.ListUploadsRequest, context: Context) -> os.ListUploadsResponse:
        check_time(context, writes=False)
        self._bucket.traits.need("list_uploads", "a list of uploads", "uploads")
        query = Query(request, context)
        position = [each.decode() for each in query.position(request.cursor, parts=2)]
        within = self._bucket.keys.prefix(context.namespace)
        limit = request.limit or DEFAULT_LIMIT
        last = (within + position[0], position[1]) if position else ("", "")
        with of_upload("", writes=False):
            found = await uploads_after(self._bucket.client, within + request.prefix, last, limit + 1)
        response = os.ListUploadsResponse()
        lifetime = timedelta(seconds=self._bucket.config.objects.upload_ttl)
        for each in found[:limit]:
            began: datetime = each["Initiated"]
            response.uploads.add(
                key=str(each["Key"])[len(within) :],
                upload=each["UploadId"],
                started_at=timestamp(began),
                expires_at=timestamp(began + lifetime),
            )
        if len(found) > limit:
            end = response.uploads[-1]
            response.next_cursor = query.cursor(end.key.encode(), end.upload.encode())
        return response

    async def list_parts(self, request: os.ListPartsRequest, context: Context) -> os.ListPartsResponse:
        check_time(context, writes=False)
        key = self._bucket.key(context, request.key)
        query = Query(request, context)
        position = query.position(request.cursor, parts=1)
        with of_upload(request.upload, writes=False):
            answer = await self._bucket.client.ask(
                "list_parts",
                Key=key,
                UploadId=request.upload,
                MaxParts=request.limit or DEFAULT_LIMIT,
                PartNumberMarker=int(position[0]) if position else None,
            )
        response = os.ListPartsResponse()
        for each in answer.get("Parts", ()):
            response.parts.add(number=each["PartNumber"], etag=_name(each), size=each["Size"])
        if answer.get("IsTruncated") and response.parts:
            response.next_cursor = query.cursor(str(response.parts[-1].number).encode())
        return response


async def uploads_after(client: S3Client, prefix: str, last: tuple[str, str], least: int) -> list[Mapping[str, Any]]:
    """Uploads of keys with a prefix, in the order of key and name, behind one of them: so many, or some more, or all.

    S3's own place in the middle of a key is not used, as servers differ in it: those of a key are asked for together.
    """
    found = [each for each in await _of_key(client, last[0]) if each["UploadId"] > last[1]] if last[0] else []
    marker = last[0]
    while len(found) < least:
        answer = await client.ask("list_multipart_uploads", Prefix=prefix, MaxUploads=least, KeyMarker=marker or None)
        uploads = sorted(answer.get("Uploads", ()), key=_place)
        if not uploads:
            break
        marker = str(uploads[-1]["Key"])
        if not answer.get("IsTruncated"):
            return found + uploads
        found += [each for each in uploads if each["Key"] != marker]
        found += await _of_key(client, marker)
    return found


async def _of_key(client: S3Client, key: str) -> list[Mapping[str, Any]]:
    answer = await client.ask("list_multipart_uploads", Prefix=key)
    return sorted((each for each in answer.get("Uploads", ()) if each["Key"] == key), key=_place)


def _place(upload: Mapping[str, Any]) -> tuple[bytes, str]:
    return str(upload["Key"]).encode(), str(upload["UploadId"])


@contextlib.contextmanager
def of_upload(upload: str, *, writes: bool) -> Iterator[None]:
    """What S3 says against a call about an upload, as callers get it."""
    try:
        yield
    except S3Error as error:
        if error.code in {"NoSuchUpload", "XMinioInvalidResourceName"} and not error.doubtful:
            raise no_upload(upload) from error
        if error.code in _WRONG_PARTS:
            violation = Violation("parts", f"S3 says {error}", _WRONG_PARTS[error.code])
            refused = InvalidArgument(str(violation), violations=[violation], outcome=Outcome.NOT_APPLIED)
            raise refused from error
        raise translate(error, writes=writes) from error


def _name(part: Mapping[str, Any]) -> str:
    """What a part is called towards callers."""
    crc32 = part.get("ChecksumCRC32")
    return f"{etag(part)}.{base64.b64decode(crc32).hex()}" if crc32 else etag(part)


def _in_order(parts: Sequence[os.PartName]) -> list[dict[str, Any]]:
    """What completing names; the order is looked at here, since MinIO takes a part that is named twice.

    Raises:
        InvalidArgument: they are out of order, or one is not a name that a part was given.
    """
    for index, (one, other) in enumerate(pairwise(parts), start=1):
        if one.number >= other.number:
            violation = Violation(f"parts[{index}].number", str(other.number), _WRONG_PARTS["InvalidPartOrder"])
            raise InvalidArgument(str(violation), violations=[violation], outcome=Outcome.NOT_APPLIED)
    return [_named(each, index) for index, each in enumerate(parts)]


def _named(part: os.PartName, index: int) -> dict[str, Any]:
    """What completing names a part by, from what it is called towards callers.

    Raises:
        InvalidArgument: it is not a name that a part was given.
    """
    tag, _, crc32 = part.etag.partition(".")
    named = {"PartNumber": part.number, "ETag": f'"{tag}"'}
    if not crc32:
        return named
    try:
        return {**named, "ChecksumCRC32": base64.b64encode(bytes.fromhex(crc32)).decode()}
    except ValueError as error:
        violation = Violation(f"parts[{index}].etag", part.etag, "give it as PutPart or ListParts did")
        raise InvalidArgument(str(violation), violations=[violation], outcome=Outcome.NOT_APPLIED) from error


def _made_of(parts: Sequence[Mapping[str, Any]]) -> Own:
    """Knows an object that is made of these parts by its etag, at servers that make it as Amazon does."""
    digests = b""
    for each in parts:
        with contextlib.suppress(ValueError):
            digests += bytes.fromhex(each["ETag"].strip('"'))
    tag = f"{md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
    return lambda found: etag(found) == tag
