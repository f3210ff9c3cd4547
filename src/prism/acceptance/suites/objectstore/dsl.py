"""ObjectStore in as few words as possible, for tests."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from prism.acceptance.callers.caller import TIMEOUT
from prism.acceptance.dsl import BRIEF, EXPIRY_TIMEOUT, LONG, Dsl, duration, operations
from prism.errors import Outcome, PrismError
from prism.interfaces import objectstore as o
from prism.interfaces.capabilities.objectstore import ObjectStoreCapabilities

__all__ = ["BRIEF", "LONG", "Got", "Objects", "duration", "pattern", "reason", "requests", "sha256"]

CHUNK = 64 << 10
Error = TypeVar("Error", bound=PrismError)


def pattern(size: int, seed: int = 0) -> bytes:
    """Bytes that are other ones at every place, and for every seed."""
    block = hashlib.sha256(b"%d" % seed).digest()
    return b"".join(hashlib.sha256(block + b"%d" % each).digest() for each in range(size // 32 + 1))[:size]


def sha256(data: bytes) -> bytes:
    """Of a content."""
    return hashlib.sha256(data).digest()


def reason(error: Status) -> str:
    """Of a partial result; empty where it has no error."""
    info = ErrorInfo()
    return next((info.reason for detail in error.details if detail.Unpack(info)), "")


def chunks(data: bytes, size: int = CHUNK) -> list[bytes]:
    """A content in chunks."""
    return [data[begin : begin + size] for begin in range(0, len(data), size)]


async def requests(*each: Message) -> AsyncIterator[Message]:
    """A stream of them."""
    for request in each:
        yield request


@dataclass(frozen=True, slots=True)
class Got:
    """The answer to a Get, which came to its end."""

    head: o.GetHead
    data: bytes
    chunks: int

    @property
    def object(self) -> o.Object:
        """What is said of the object."""
        return self.head.object


class Objects(Dsl):
    """ObjectStore in one namespace; answers are the contract's own messages unless a method says otherwise."""

    INTERFACE = o.INTERFACE
    OPERATIONS = operations(o.INTERFACE)
    capabilities: ObjectStoreCapabilities

    async def ask(self, method: str, request: Message | AsyncIterator[Message], *, via: int | None = None) -> Any:
        """An operation with one answer."""
        operation = self.OPERATIONS[method]
        return await self.caller.call(operation, request, namespace=self.namespace, via=via, timeout=60.0)

    async def put(
        self,
        key: str,
        data: bytes = b"",
        *,
        via: int | None = None,
        pieces: Sequence[bytes] | None = None,
        finish: o.Finish | None = None,
        **head: Any,
    ) -> o.PutResponse:
        """Stores an object; of `pieces` where they are given, and with another `finish` where that is."""
        first = o.PutRequest(head=o.PutHead(key=key, **head))
        middle = [o.PutRequest(chunk=each) for each in (chunks(data) if pieces is None else pieces)]
        size = len(data) if pieces is None else sum(map(len, pieces))
        last = o.PutRequest(finish=finish or o.Finish(size=size))
        answer: o.PutResponse = await self.ask("Put", requests(first, *middle, last), via=via)
        return answer

    async def get(self, key: str, *, via: int | None = None, **request: Any) -> Got:
        """An object, or what there is of it; every answer has a head and an end."""
        responses = self.caller.stream(
            self.OPERATIONS["Get"], o.GetRequest(key=key, **request), namespace=self.namespace, via=via, timeout=60.0
        )
        head: o.GetHead | None = None
        end: o.GetEnd | None = None
        data: list[bytes] = []
        async for response in responses:
            assert end is None, "nothing follows the end"
            kind = response.WhichOneof("response")
            if kind == "head":
                assert head is None
                assert not data
                head = response.head
            elif kind == "chunk":
                data.append(response.chunk)
            else:
                end = response.end
        assert head is not None
        assert end is not None
        assert end.size == sum(map(len, data))
        return Got(head, b"".join(data), len(data))

    async def data(self, key: str, *, via: int | None = None) -> bytes | None:
        """The content of an object; None where there is none."""
        got = await self.get(key, via=via)
        return got.data if got.head.found else None

    async def head(self, key: str, *, via: int | None = None, **request: Any) -> o.Object | None:
        """What is said of an object; None where there is none."""
        answer = await self.ask("Head", o.HeadRequest(key=key, **request), via=via)
        return answer.object if answer.HasField("object") else None

    async def delete(self, key: str, *, via: int | None = None, **request: Any) -> None:
        """Removes an object."""
        await self.ask("Delete", o.DeleteRequest(key=key, **request), via=via)

    async def page(self, *, via: int | None = None, **request: Any) -> o.ListResponse:
        """One page of a listing."""
        answer: o.ListResponse = await self.ask("List", o.ListRequest(**request), via=via)
        return answer

    async def names(self, limit: int = 0, **request: Any) -> list[str]:
        """All of a listing, page by page: keys, and prefixes as they are."""
        found: list[str] = []
        cursor = b""
        while True:
            page = await self.page(limit=limit, cursor=cursor, **request)
            assert len(page.entries) <= (limit or 100)
            found += [each.object.key if each.HasField("object") else each.prefix for each in page.entries]
            cursor = page.next_cursor
            if not cursor:
                return found

    async def copy(self, source: str, target: str, *, via: int | None = None, **request: Any) -> o.CopyResponse:
        """Copies an object."""
        asked = o.CopyRequest(from_key=source, to_key=target, **request)
        answer: o.CopyResponse = await self.ask("Copy", asked, via=via)
        return answer

    async def start(self, key: str, **request: Any) -> str:
        """Begins an upload; its name."""
        answer = await self.ask("StartUpload", o.StartUploadRequest(key=key, **request))
        assert answer.upload
        assert answer.HasField("expires_at")
        return str(answer.upload)

    async def part(
        self, key: str, upload: str, number: int, data: bytes, *, via: int | None = None, finish: o.Finish | None = None
    ) -> o.Part:
        """Sends a part."""
        first = o.PutPartRequest(head=o.PutPartHead(key=key, upload=upload, number=number))
        middle = [o.PutPartRequest(chunk=each) for each in chunks(data)]
        last = o.PutPartRequest(finish=finish or o.Finish(size=len(data)))
        answer = await self.ask("PutPart", requests(first, *middle, last), via=via)
        part: o.Part = answer.part
        return part

    async def complete(
        self, key: str, upload: str, *parts: o.Part, via: int | None = None, **request: Any
    ) -> o.CompleteUploadResponse:
        """Ends an upload."""
        names = [o.PartName(number=each.number, etag=each.etag) for each in parts]
        asked = o.CompleteUploadRequest(key=key, upload=upload, parts=names, **request)
        answer: o.CompleteUploadResponse = await self.ask("CompleteUpload", asked, via=via)
        return answer

    async def parts(self, key: str, upload: str, limit: int = 0) -> list[o.Part]:
        """The parts of an upload that are there, page by page."""
        found: list[o.Part] = []
        cursor = b""
        while True:
            asked = o.ListPartsRequest(key=key, upload=upload, limit=limit, cursor=cursor)
            page = await self.ask("ListParts", asked)
            found += page.parts
            cursor = page.next_cursor
            if not cursor:
                return found

    async def uploads(self, limit: int = 0, prefix: str = "") -> list[o.Upload]:
        """The uploads under way, page by page."""
        found: list[o.Upload] = []
        cursor = b""
        while True:
            page = await self.ask("ListUploads", o.ListUploadsRequest(prefix=prefix, limit=limit, cursor=cursor))
            found += page.uploads
            cursor = page.next_cursor
            if not cursor:
                return found

    @property
    def least(self) -> int:
        """Bytes of a part that is not the last."""
        return max(self.capabilities.min_part_size, 3)

    async def gone(self, key: str) -> None:
        """Waits until an object has expired."""
        async with asyncio.timeout(EXPIRY_TIMEOUT):
            while await self.head(key) is not None:  # noqa: ASYNC110  # no event says when
                await asyncio.sleep(BRIEF)

    async def refuses(self, kind: type[Error], work: Any, reason: str = "") -> Error:
        """The error of a call that must fail; a write that fails says that nothing was applied."""
        with pytest.raises(kind) as caught:
            async with asyncio.timeout(TIMEOUT):
                await work
        assert type(caught.value) is kind, repr(caught.value)
        if reason:
            assert caught.value.reason == reason
        return caught.value

    async def refuses_write(self, kind: type[Error], work: Any, reason: str = "") -> Error:
        """The same of a write, which says that nothing was applied."""
        error = await self.refuses(kind, work, reason)
        assert error.outcome is Outcome.NOT_APPLIED, f"outcome {error.outcome} of {error!r}"
        return error

    async def same(self, contents: Iterable[tuple[str, bytes]]) -> None:
        """Each key has that content, and says so of itself."""
        for key, data in contents:
            got = await self.get(key)
            assert got.data == data
            assert got.object.size == len(data)
