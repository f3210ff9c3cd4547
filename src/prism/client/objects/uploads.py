"""Uploads by parts, step by step."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing

from prism.client.arguments import Seconds, duration
from prism.client.objects.info import PartInfo, StoredObject, UploadInfo, moment
from prism.client.objects.requests import NO_METADATA, ObjectRequests, properties
from prism.client.objects.source import Counted, Data, OnProgress, size_of
from prism.client.paging import Page, Pager
from prism.interfaces import objectstore as messages


class ObjectUploads(ObjectRequests):
    """What an upload consists of; `ObjectStore.upload` does it all."""

    async def start_upload(
        self,
        key: str,
        *,
        content_type: str = "",
        content_encoding: str = "",
        content_disposition: str = "",
        cache_control: str = "",
        metadata: Mapping[str, str] = NO_METADATA,
        ttl: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> UploadInfo:
        """Begins an upload by parts."""
        said = properties(content_type, content_encoding, content_disposition, cache_control, metadata)
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


async def _put_part(head: messages.PutPartHead, counted: Counted) -> AsyncGenerator[bytes, None]:
    yield messages.PutPartRequest(head=head).SerializeToString()
    async with aclosing(counted.chunks()) as chunks:
        async for chunk in chunks:
            yield messages.PutPartRequest(chunk=chunk).SerializeToString()
    yield messages.PutPartRequest(finish=counted.finish()).SerializeToString()
