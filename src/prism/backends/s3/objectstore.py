"""ObjectStore in a bucket. What a condition or a range means is the SDK's; here stands what S3 is asked for it."""

from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any, Final

from prism.backends.s3.bucket import Bucket, answered
from prism.backends.s3.errors import S3Error, translate
from prism.backends.s3.listing import page
from prism.backends.s3.presigned import presign
from prism.backends.s3.properties import described, etag, quoted
from prism.backends.s3.transfers.conditional import Condition
from prism.backends.s3.transfers.content import Content
from prism.backends.s3.transfers.parts import MAX_OBJECT
from prism.backends.s3.transfers.pieces import Pieces
from prism.backends.s3.transfers.reader import span, whole_size
from prism.backends.s3.uploads import S3Uploads
from prism.context import Context
from prism.errors import ConditionNotMet, Conflict, Outcome, PrismError
from prism.interfaces import objectstore as os
from prism.interfaces.capabilities.objectstore import ObjectStoreCapabilities
from prism.sdk.deadline import check_time
from prism.sdk.objectstore.chunk_view import ChunkView, chunk_view
from prism.sdk.objectstore.conditions import check_form, check_read
from prism.sdk.objectstore.incoming import Incoming
from prism.sdk.objectstore.keys import check_properties
from prism.sdk.objectstore.ranges import selected
from prism.sdk.objectstore.results import deleted

_TRIES: Final = 5
"""Another object may take the place of the one that a condition was looked at on."""


class S3ObjectStore(S3Uploads, os.ObjectStore):
    """The namespaces of one instance."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._capabilities = ObjectStoreCapabilities()

    def declare(self, capabilities: ObjectStoreCapabilities) -> None:
        """What the manifest declares; the server at hand may have less."""
        self._capabilities = capabilities
        self._bucket.key_rules = capabilities.key_rules

    def decoder(self, method: str) -> Callable[[bytes], Any] | None:
        """Chunks come as views of their requests."""
        return partial(chunk_view, most=self._capabilities.max_item_size) if method in {"put", "put_part"} else None

    async def put(self, requests: AsyncIterator[os.PutRequest], context: Context) -> os.PutResponse:
        bucket = self._bucket
        incoming = Incoming[os.PutHead](requests, bucket.config.objects.idle_timeout)
        head = await incoming.head()
        check_time(context, writes=True)
        key = bucket.key(context, head.key)
        check_properties(head.properties)
        check_form(head.if_none_match)
        condition = Condition(head.if_match, head.if_none_match)
        if condition.created is not None:
            bucket.traits.need("conditional_write", "a condition of Put")
        size = head.size if head.HasField("size") else None
        content = Content(incoming, size, MAX_OBJECT)
        with answered(writes=True):
            stored = await bucket.writer.put(
                key, Pieces(content.pieces()), head.properties, condition, size=size, sha256=content.sha256
            )
        bucket.moved += stored.size
        response = os.PutResponse(
            etag=stored.etag, version=stored.version, size=stored.size, checksum=content.checksum()
        )
        if condition.created is not None:
            response.created = condition.created
        return response

    async def get(self, request: os.GetRequest, context: Context) -> AsyncIterator[os.GetResponse]:
        check_time(context, writes=False)
        key = self._bucket.key(context, request.key)
        if request.version:
            self._bucket.traits.need("versions", "a version of an object")
        with answered(writes=False):
            for _ in range(_TRIES):
                try:
                    head, answer = await self._find(key, request)
                except S3Error as error:
                    if not error.mismatch:
                        raise
                    continue  # another object has taken its place: its conditions are looked at anew
                break
            else:
                raise Conflict("other objects took the place of this one again and again: get it again")
            yield os.GetResponse(head=head)
            size = 0
            if answer is not None:
                async for piece in self._bucket.reader.read(key, answer):
                    size += len(piece)
                    yield _response(piece)
                self._bucket.moved += size
            yield os.GetResponse(end=os.GetEnd(size=size))

    async def _find(self, key: str, request: os.GetRequest) -> tuple[os.GetHead, Mapping[str, Any] | None]:
        """What a Get begins with, and the answer of S3 that its chunks are read from."""
        given: dict[str, Any] = {"VersionId": request.version or None}
        if request.if_match or request.if_none_match or request.WhichOneof("part"):
            found = await self._bucket.head(key, request.version)
            if found is None:
                return os.GetHead(), None
            tag = etag(found)
            if not check_read(request, tag):
                return os.GetHead(found=True, object=described(request.key, found)), None
            part = selected(request, int(found["ContentLength"]), tag)
            given["IfMatch"] = quoted(tag)
            if part is not None:
                given["Range"] = f"bytes={part.offset}-{part.offset + part.length - 1}"
        try:
            answer = await self._bucket.reader.open(key, **given)
        except S3Error as error:
            if error.missing or (request.version and error.code == "InvalidArgument"):
                return os.GetHead(), None
            raise
        head = os.GetHead(found=True, modified=True, object=described(request.key, answer, whole_size(answer)))
        if "Range" in given:
            begin, end = span(answer)
            head.range.CopyFrom(os.Range(offset=begin, length=end - begin))
        return head, answer

    async def head(self, request: os.HeadRequest, context: Context) -> os.HeadResponse:
        check_time(context, writes=False)
        key = self._bucket.key(context, request.key)
        if request.version:
            self._bucket.traits.need("versions", "a version of an object")
        with answered(writes=False):
            found = await self._bucket.head(key, request.version)
        return os.HeadResponse(object=described(request.key, found)) if found else os.HeadResponse()

    async def delete(self, request: os.DeleteRequest, context: Context) -> os.DeleteResponse:
        check_time(context, writes=True)
        key = self._bucket.key(context, request.key)
        bucket = self._bucket
        given: dict[str, Any] = {}
        with answered(writes=True):
            if request.if_match:
                bucket.traits.need("conditional_delete", "if_match of Delete")
                tag = await bucket.conditional.check(key, Condition(if_match=request.if_match))
                given["IfMatch"] = quoted(tag)
            try:
                await bucket.client.ask("delete_object", Key=key, **given)
            except S3Error as error:
                if error.mismatch and not error.doubtful:
                    why = "another object is under this key: read it, and decide anew"
                    raise ConditionNotMet(why, outcome=Outcome.NOT_APPLIED) from error
                if not error.missing:
                    raise
        return os.DeleteResponse()

    async def delete_many(self, request: os.DeleteManyRequest, context: Context) -> os.DeleteManyResponse:
        check_time(context, writes=True)
        errors: dict[str, PrismError] = {}
        keys: dict[str, str] = {}
        for key in request.keys:
            try:
                keys[self._bucket.key(context, key, "keys")] = key
            except PrismError as error:
                errors[key] = error
        with answered(writes=True):
            if keys:
                objects = [{"Key": key} for key in keys]
                answer = await self._bucket.client.ask("delete_objects", Delete={"Objects": objects, "Quiet": True})
                for each in answer.get("Errors", ()):
                    refused = S3Error(str(each.get("Code", "")), status=400)
                    if not refused.missing:
                        errors[keys[each["Key"]]] = translate(refused, writes=True)
        return os.DeleteManyResponse(results=[deleted(key, errors.get(key)) for key in request.keys])

    async def list(self, request: os.ListRequest, context: Context) -> os.ListResponse:
        check_time(context, writes=False)
        with answered(writes=False):
            return await page(self._bucket, request, context)

    async def copy(self, request: os.CopyRequest, context: Context) -> os.CopyResponse:
        check_time(context, writes=True)
        source = self._bucket.key(context, request.from_key, "from_key")
        target = self._bucket.key(context, request.to_key, "to_key")
        check_form(request.if_none_match)
        if request.if_match:
            self._bucket.traits.need("conditional_copy", "if_match of Copy")
        condition = Condition(if_none_match=request.if_none_match)
        if condition.created is not None:
            self._bucket.traits.need("conditional_write", "if_none_match of Copy", "conditional_copy")
        with answered(writes=True):
            made = await self._bucket.copier.copy(source, target, request.if_match, condition)
        return os.CopyResponse(found=True, object=described(request.to_key, made)) if made else os.CopyResponse()

    async def presign(self, request: os.PresignRequest, context: Context) -> os.PresignResponse:
        with answered(writes=False):
            return await presign(self._bucket, request, context)


def _response(piece: bytes) -> Any:
    """A response that is a chunk; protobuf's own would be copied once more."""
    return ChunkView(piece)
