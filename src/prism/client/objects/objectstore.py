"""ObjectStore for applications: objects of any size under keys.

What each operation means: docs/contract.md and prism/data/v1/objectstore.proto. Every method may raise a `PrismError`;
what a failed write did to the store is the error's `outcome`. `timeout` is in seconds (or a timedelta), for the call
with all its retries; without it the client's own holds, and for transfers none.
"""

import math
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from google.protobuf.message import Message

from prism.client.arguments import Seconds, duration, in_seconds
from prism.client.headers import NamespaceHeaders
from prism.client.objects.again import Again
from prism.client.objects.download import into_file
from prism.client.objects.info import ObjectInfo, PartInfo, PresignedUrl, StoredObject, UploadInfo, moment
from prism.client.objects.reader import ObjectReader
from prism.client.objects.source import Counted, Data, OnProgress, repeatable, size_of
from prism.client.objects.upload import FileUpload
from prism.client.paging import Page, Pager
from prism.client.retry import RetryPolicy
from prism.client.transport import Transport
from prism.errors import ConditionNotMet, InternalError, Outcome, PrismError
from prism.interfaces import objectstore as messages
from prism.rpc_status import from_status
from prism.wire import Code, Deadline, Status

M = TypeVar("M", bound=Message)

_OPERATIONS = {operation.method: operation for operation in messages.INTERFACE.operations}
_METHODS = {
    "GET": messages.Method.OBJECT_STORE_METHOD_GET,
    "PUT": messages.Method.OBJECT_STORE_METHOD_PUT,
}
_TRIES = 5
_OUTAGE = 60.0
_NONE: Mapping[str, str] = MappingProxyType({})


class ObjectStore:
    """The objects of one namespace; made by `Client.objects`."""

    def __init__(self, transport: Transport, headers: NamespaceHeaders) -> None:
        self._transport = transport
        self._headers = headers

    @property
    def policy(self) -> RetryPolicy:
        """How failed calls are repeated."""
        return self._transport.policy

    # Whole objects.

    async def put(
        self,
        key: str,
        data: Data,
        *,
        content_type: str = "",
        content_encoding: str = "",
        content_disposition: str = "",
        cache_control: str = "",
        metadata: Mapping[str, str] = _NONE,
        ttl: Seconds | None = None,
        if_match: str = "",
        if_none_match: str = "",
        checksum: bool = True,
        on_progress: OnProgress | None = None,
        timeout: Seconds | None = None,
    ) -> StoredObject:
        """Stores an object, whole or not at all.

        Args:
            key: its key.
            data: bytes, a path, an open file, or an async iterator of pieces.
            content_type, content_encoding, content_disposition, cache_control: what is said of it.
            metadata: notes of your own, by names of `[a-z0-9-]`.
            ttl: how long it lives.
            if_match: an etag: only in place of the object that has it; `*`: of any.
            if_none_match: `*`: only where there is none.
            checksum: send a SHA-256 of it, by which the store tells that all came as it was.
            on_progress: called with how many further bytes have passed; fewer than none where it begins again.
            timeout: for all of it; without it there is no limit.

        Raises:
            ConditionNotMet: a condition does not hold.
            ContentMismatch: what came is not what was sent.
        """
        said = _properties(content_type, content_encoding, content_disposition, cache_control, metadata)
        head = messages.PutHead(key=key, properties=said, if_match=if_match, if_none_match=if_none_match)
        if ttl is not None:
            head.ttl.CopyFrom(duration(ttl))
        size = size_of(data)
        if size is not None:
            head.size = size
        deadline = self._deadline(timeout)
        again = Again(self.policy, _OUTAGE)
        while True:
            counted = Counted(data, on_progress, checked=checksum)
            try:
                answer = await self._send("put", _put(head, counted), messages.PutResponse, deadline)
            except PrismError as error:
                if error.outcome is not Outcome.NOT_APPLIED or not repeatable(data):
                    raise
                await again.after(error)
                if on_progress is not None:
                    on_progress(-counted.size)
            else:
                return StoredObject.of(answer)

    def get(
        self,
        key: str,
        *,
        version: str = "",
        offset: int = 0,
        length: int | None = None,
        suffix: int | None = None,
        if_match: str | Sequence[str] = (),
        if_none_match: str | Sequence[str] = (),
        on_progress: OnProgress | None = None,
        outage_timeout: Seconds = _OUTAGE,
        timeout: Seconds | None = None,
    ) -> ObjectReader:
        """The bytes of an object as they come.

            async with objects.get("photos/1.jpg") as reader:
                async for chunk in reader: ...

        Args:
            key: its key.
            version: this one; without it the current one.
            offset, length: a part of it; without `length` to its end.
            suffix: so many bytes of its end, in place of `offset`.
            if_match, if_none_match: etags, or `*`.
            on_progress: called with how many further bytes have passed.
            outage_timeout: how long nothing may come before the error of a broken connection is raised.
            timeout: for all of it; without it there is no limit.

        Raises:
            RangeNotSatisfiable: it has no byte of that part; when the reader is entered.
        """
        asked = messages.GetRequest(
            key=key, version=version, if_match=_tags(if_match), if_none_match=_tags(if_none_match)
        )
        if suffix is not None:
            if offset or length is not None:
                raise ValueError("suffix excludes offset and length; give one of them")
            asked.suffix = suffix
        elif offset or length is not None:
            if length is not None and length < 1:
                raise ValueError(f"length is {length}; give 1 or more")
            asked.range.offset, asked.range.length = offset, length or 0
        again = Again(self.policy, in_seconds(outage_timeout))
        return ObjectReader(self._transport, self._headers, asked, again, on_progress, self._deadline(timeout))

    async def read(self, key: str, *, version: str = "", timeout: Seconds | None = None) -> bytes | None:
        """All bytes of an object at once; None where there is none."""
        async with self.get(key, version=version, timeout=timeout) as reader:
            found = await reader.read()
        return None if reader.info is None else found

    async def head(self, key: str, *, version: str = "", timeout: Seconds | None = None) -> ObjectInfo | None:
        """What is said of an object; None where there is none."""
        asked = messages.HeadRequest(key=key, version=version)
        answer = await self._ask("head", asked, messages.HeadResponse, timeout)
        return ObjectInfo.of(answer.object) if answer.HasField("object") else None

    async def delete(self, key: str, *, if_match: str = "", timeout: Seconds | None = None) -> None:
        """Removes an object. A missing one is no error, unless it is asked for with `if_match`."""
        asked = messages.DeleteRequest(key=key, if_match=if_match)
        await self._ask("delete", asked, messages.DeleteResponse, timeout, keyed=not if_match)

    async def delete_many(
        self, keys: Iterable[str], *, timeout: Seconds | None = None
    ) -> Mapping[str, PrismError | None]:
        """Removes objects, and says of each what went wrong; None where it is gone."""
        if not (asked := list(dict.fromkeys(keys))):
            return {}
        request = messages.DeleteManyRequest(keys=asked)
        answer = await self._ask("delete_many", request, messages.DeleteManyResponse, timeout, keyed=True)
        return {each.key: _error(each) for each in answer.results}

    def list(
        self,
        prefix: str = "",
        *,
        delimiter: Literal["", "/"] = "",
        limit: int | None = None,
        page_size: int = 1000,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[ObjectInfo]:
        """The objects whose keys begin with `prefix`, in byte order; a delimiter merges those that have it behind that.

        `timeout` is for each page.
        """

        async def fetch(cursor: bytes, size: int) -> Page[ObjectInfo]:
            asked = messages.ListRequest(prefix=prefix, delimiter=delimiter, limit=size, cursor=cursor)
            answer = await self._ask("list", asked, messages.ListResponse, timeout)
            return Page(tuple(ObjectInfo.of_entry(each) for each in answer.entries), answer.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    async def copy(
        self,
        from_key: str,
        to_key: str,
        *,
        if_match: str = "",
        if_none_match: str = "",
        timeout: Seconds | None = None,
    ) -> ObjectInfo | None:
        """Stores an object under another key too; None where there is none. `if_match` is of the source,
        `if_none_match` (`*`) of the target."""
        asked = messages.CopyRequest(from_key=from_key, to_key=to_key, if_match=if_match, if_none_match=if_none_match)
        answer = await self._ask("copy", asked, messages.CopyResponse, timeout)
        return ObjectInfo.of(answer.object) if answer.found else None

    async def presign(
        self,
        key: str,
        method: Literal["GET", "PUT"] = "GET",
        *,
        expires: Seconds | None = None,
        max_size: int = 0,
        content_type: str = "",
        direct: bool = False,
        timeout: Seconds | None = None,
    ) -> PresignedUrl:
        """An address: all who have it may get or put one object, over plain HTTP.

        Args:
            key: of the object.
            method: what it is for.
            expires: how long it is good, 7 days at most; 15 minutes unless given.
            max_size: with PUT, most bytes.
            content_type: with PUT, what it must be sent with.
            direct: the store's own address, past the gateway and its rules.
            timeout: for the call.
        """
        if method not in _METHODS:
            raise ValueError(f"method is {method!r}; give one of {', '.join(_METHODS)}")
        asked = messages.PresignRequest(
            key=key, method=_METHODS[method], max_size=max_size, content_type=content_type, direct=direct
        )
        if expires is not None:
            asked.expires.CopyFrom(duration(expires))
        answer = await self._ask("presign", asked, messages.PresignResponse, timeout)
        return PresignedUrl(answer.url, moment(answer.expires_at), dict(answer.headers))

    # Files.

    async def download(
        self,
        key: str,
        path: Path,
        *,
        version: str = "",
        resume: bool = True,
        on_progress: OnProgress | None = None,
        outage_timeout: Seconds = _OUTAGE,
    ) -> ObjectInfo | None:
        """Puts an object into a file, which is there whole or not at all; None where there is no object.

        What has come is kept beside it, as `.NAME.….partial`, and a later call goes on where that ends.

        Args:
            key: of the object.
            path: of the file; it is replaced.
            version: this one; without it the current one.
            resume: go on with what is there.
            on_progress: called with how many further bytes are there.
            outage_timeout: how long nothing may come before the error of a broken connection is raised.

        Raises:
            DataLoss: what came is not what the object's checksum says.
            OSError: the file cannot be written.
        """

        def open_at(info: ObjectInfo, offset: int) -> ObjectReader:
            return self.get(
                key,
                version=version,
                offset=offset,
                if_match=info.etag,
                on_progress=on_progress,
                outage_timeout=outage_timeout,
            )

        for left in reversed(range(_TRIES)):
            info = await self.head(key, version=version)
            if info is None:
                return None
            try:
                await into_file(path, info, open_at, resume=resume, on_progress=on_progress)
            except ConditionNotMet:
                if not left:
                    raise
            else:
                return info
        raise AssertionError("the last try returns or raises")

    async def upload(
        self,
        key: str,
        path: Path,
        *,
        content_type: str = "",
        content_encoding: str = "",
        content_disposition: str = "",
        cache_control: str = "",
        metadata: Mapping[str, str] = _NONE,
        ttl: Seconds | None = None,
        if_match: str = "",
        if_none_match: str = "",
        parallel: int = 4,
        part_size: int | None = None,
        state: Path | None = None,
        on_progress: OnProgress | None = None,
        outage_timeout: Seconds = 300.0,
    ) -> StoredObject:
        """Stores a file by parts, some at a time: a part that fails is sent again, so that an object of any size comes
        through restarts of gateways.

        Args:
            key: of the object.
            path: of the file, which must not change meanwhile.
            content_type, content_encoding, content_disposition, cache_control, metadata, ttl: as of `put`.
            if_match, if_none_match: as of `put`; they are looked at when all has come.
            parallel: parts under way at once.
            part_size: bytes of a part; without it 8 MiB, or as many as the size asks for.
            state: a file that keeps the upload's name until it is complete: a later call with it goes on there.
            on_progress: called with how many further bytes are there; fewer than none where a part begins again.
            outage_timeout: how long nothing may pass before an error is raised; what has come stays.

        Raises:
            ConditionNotMet: a condition does not hold.
            OSError: the file cannot be read.
        """
        if parallel < 1:
            raise ValueError(f"parallel is {parallel}; give 1 or more")
        said = {
            "content_type": content_type,
            "content_encoding": content_encoding,
            "content_disposition": content_disposition,
            "cache_control": cache_control,
            "metadata": metadata,
            "ttl": ttl,
        }
        upload = FileUpload(
            self,
            key,
            path,
            properties=said,
            parallel=parallel,
            part_size=part_size,
            state=state,
            outage=in_seconds(outage_timeout),
            on_progress=on_progress,
        )
        return await upload.run(if_match, if_none_match)

    # Uploads, step by step.

    async def start_upload(
        self,
        key: str,
        *,
        content_type: str = "",
        content_encoding: str = "",
        content_disposition: str = "",
        cache_control: str = "",
        metadata: Mapping[str, str] = _NONE,
        ttl: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> UploadInfo:
        """Begins an upload by parts."""
        said = _properties(content_type, content_encoding, content_disposition, cache_control, metadata)
        asked = messages.StartUploadRequest(key=key, properties=said)
        if ttl is not None:
            asked.ttl.CopyFrom(duration(ttl))
        answer = await self._ask("start_upload", asked, messages.StartUploadResponse, timeout)
        sizes = answer.min_part_size, answer.max_part_size, answer.max_parts
        return UploadInfo(key, answer.upload, moment(answer.expires_at), *sizes)

    async def put_part(
        self,
        key: str,
        upload: str,
        number: int,
        data: Data,
        *,
        size: int | None = None,
        on_progress: OnProgress | None = None,
        timeout: Seconds | None = None,
    ) -> PartInfo:
        """Sends one part; one that is sent again replaces the one before."""
        head = messages.PutPartHead(key=key, upload=upload, number=number)
        known = size_of(data) if size is None else size
        if known is not None:
            head.size = known
        asked = _put_part(head, Counted(data, on_progress))
        answer = await self._send("put_part", asked, messages.PutPartResponse, self._deadline(timeout))
        return PartInfo.of(answer.part)

    async def complete_upload(
        self,
        key: str,
        upload: str,
        parts: Iterable[PartInfo],
        *,
        if_match: str = "",
        if_none_match: str = "",
        timeout: Seconds | None = None,
    ) -> StoredObject:
        """Makes the object of these parts."""
        named = [messages.PartName(number=each.number, etag=each.etag) for each in parts]
        asked = messages.CompleteUploadRequest(
            key=key, upload=upload, parts=named, if_match=if_match, if_none_match=if_none_match
        )
        return StoredObject.of(await self._ask("complete_upload", asked, messages.CompleteUploadResponse, timeout))

    async def abort_upload(self, key: str, upload: str, *, timeout: Seconds | None = None) -> None:
        """Gives an upload up and removes its parts."""
        asked = messages.AbortUploadRequest(key=key, upload=upload)
        await self._ask("abort_upload", asked, messages.AbortUploadResponse, timeout, keyed=True)

    def list_uploads(
        self,
        prefix: str = "",
        *,
        limit: int | None = None,
        page_size: int = 100,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[UploadInfo]:
        """The uploads under way; `timeout` is for each page."""

        async def fetch(cursor: bytes, size: int) -> Page[UploadInfo]:
            asked = messages.ListUploadsRequest(prefix=prefix, limit=size, cursor=cursor)
            answer = await self._ask("list_uploads", asked, messages.ListUploadsResponse, timeout)
            found = tuple(UploadInfo(each.key, each.upload, moment(each.expires_at)) for each in answer.uploads)
            return Page(found, answer.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    def list_parts(
        self,
        key: str,
        upload: str,
        *,
        limit: int | None = None,
        page_size: int = 1000,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[PartInfo]:
        """The parts of an upload that have come; `timeout` is for each page."""

        async def fetch(cursor: bytes, size: int) -> Page[PartInfo]:
            asked = messages.ListPartsRequest(key=key, upload=upload, limit=size, cursor=cursor)
            answer = await self._ask("list_parts", asked, messages.ListPartsResponse, timeout)
            return Page(tuple(map(PartInfo.of, answer.parts)), answer.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    # The way to the gateway.

    async def _ask(
        self, method: str, asked: Message, kind: type[M], timeout: Seconds | None, *, keyed: bool = False
    ) -> M:
        operation = _OPERATIONS[method]
        answer = await self._transport.unary(operation, asked.SerializeToString(), self._headers, timeout, keyed=keyed)
        return kind.FromString(answer)

    async def _send(
        self, method: str, asked: AsyncGenerator[bytes, None], kind: type[M], deadline: Deadline | None
    ) -> M:
        async with aclosing(self._transport.stream(_OPERATIONS[method], asked, self._headers, deadline)) as answers:
            found = [answer async for answer in answers]  # to the end: an error may follow
        if len(found) != 1:
            raise InternalError(f"{method} was answered with {len(found)} messages, where one is expected")
        return kind.FromString(found[0])

    def _deadline(self, timeout: Seconds | None) -> Deadline | None:
        return self._transport.deadline(math.inf if timeout is None else timeout)


def _properties(
    content_type: str,
    content_encoding: str,
    content_disposition: str,
    cache_control: str,
    metadata: Mapping[str, str],
) -> messages.Properties:
    return messages.Properties(
        content_type=content_type,
        content_encoding=content_encoding,
        content_disposition=content_disposition,
        cache_control=cache_control,
        metadata=metadata,
    )


async def _put(head: messages.PutHead, counted: Counted) -> AsyncGenerator[bytes, None]:
    yield messages.PutRequest(head=head).SerializeToString()
    async with aclosing(counted.chunks()) as chunks:
        async for chunk in chunks:
            yield messages.PutRequest(chunk=chunk).SerializeToString()
    yield messages.PutRequest(finish=counted.finish()).SerializeToString()


async def _put_part(head: messages.PutPartHead, counted: Counted) -> AsyncGenerator[bytes, None]:
    yield messages.PutPartRequest(head=head).SerializeToString()
    async with aclosing(counted.chunks()) as chunks:
        async for chunk in chunks:
            yield messages.PutPartRequest(chunk=chunk).SerializeToString()
    yield messages.PutPartRequest(finish=counted.finish()).SerializeToString()


def _tags(given: str | Sequence[str]) -> Sequence[str]:
    return ([given] if given else []) if isinstance(given, str) else given


def _error(result: Any) -> PrismError | None:
    if not result.HasField("error"):
        return None
    status = result.error
    return from_status(Status(Code(status.code), status.message, status.SerializeToString()))
