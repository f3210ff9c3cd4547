"""ObjectStore for applications: objects of any size under keys.

What each operation means: docs/contract.md and prism/data/v1/objectstore.proto. Every method may raise a `PrismError`;
what a failed write did to the store is the error's `outcome`. `timeout` is in seconds (or a timedelta), for the call
with all its retries; without it the client's own holds, and for transfers none.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final, Literal

from prism.client.arguments import Seconds, duration
from prism.client.objects.again import Again
from prism.client.objects.files import ObjectFiles
from prism.client.objects.info import ObjectInfo, PresignedUrl, StoredObject, moment
from prism.client.objects.reads import OUTAGE
from prism.client.objects.requests import NO_METADATA, properties
from prism.client.objects.source import Counted, Data, OnProgress, repeatable, size_of
from prism.client.paging import Page, Pager
from prism.errors import Outcome, PrismError
from prism.interfaces import objectstore as messages
from prism.rpc_status import from_status
from prism.wire import Code, Status

_METHODS: Final = {
    "GET": messages.Method.OBJECT_STORE_METHOD_GET,
    "PUT": messages.Method.OBJECT_STORE_METHOD_PUT,
}


class ObjectStore(ObjectFiles):
    """The objects of one namespace; made by `Client.objects`."""

    async def put(
        self,
        key: str,
        data: Data,
        *,
        content_type: str = "",
        content_encoding: str = "",
        content_disposition: str = "",
        cache_control: str = "",
        metadata: Mapping[str, str] = NO_METADATA,
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
        said = properties(content_type, content_encoding, content_disposition, cache_control, metadata)
        head = messages.PutHead(key=key, properties=said, if_match=if_match, if_none_match=if_none_match)
        if ttl is not None:
            head.ttl.CopyFrom(duration(ttl))
        size = size_of(data)
        if size is not None:
            head.size = size
        deadline = self._deadline(timeout)
        again = Again(self.policy, OUTAGE)
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


async def _put(head: messages.PutHead, counted: Counted) -> AsyncGenerator[bytes, None]:
    yield messages.PutRequest(head=head).SerializeToString()
    async with aclosing(counted.chunks()) as chunks:
        async for chunk in chunks:
            yield messages.PutRequest(chunk=chunk).SerializeToString()
    yield messages.PutRequest(finish=counted.finish()).SerializeToString()


def _error(result: Any) -> PrismError | None:
    if not result.HasField("error"):
        return None
    status = result.error
    return from_status(Status(Code(status.code), status.message, status.SerializeToString()))
