"""ObjectStore as a workload: an object for each number. Its metadata have the number too, so that a Head reads it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

from google.protobuf.message import Message

from prism.acceptance.callers.caller import Caller
from prism.acceptance.stored_numbers import stored_numbers
from prism.acceptance.suites.objectstore.dsl import LONG, Objects, duration
from prism.acceptance.workload import Request, StoringWorkload, Witness
from prism.acceptance.write_ledger import WriteLedger
from prism.interfaces import objectstore as o

_AT_ONCE = 32


class Requests:
    """A stream of requests, which begins anew each time that it is gone through."""

    def __init__(self, *requests: Message) -> None:
        self._requests = requests

    async def __aiter__(self) -> AsyncIterator[Message]:
        for each in self._requests:
            yield each


def _put(key: str, data: bytes = b"x", **head: object) -> Requests:
    first = o.PutHead(key=key, **head)  # type: ignore[arg-type]
    return Requests(o.PutRequest(head=first), o.PutRequest(chunk=data), o.PutRequest(finish=o.Finish(size=len(data))))


_PART = o.PutPartRequest(head=o.PutPartHead(key="o1", upload="none", number=1))
_OF_CAPABILITIES: dict[str, Sequence[Request]] = {
    "ttl": [
        ("Put", _put("o1", ttl=duration(LONG))),
    ],
    "conditional_write": [("Put", _put("o1", if_match="none")), ("Put", _put("o1", if_none_match="*"))],
    "conditional_delete": [("Delete", o.DeleteRequest(key="o1", if_match="none"))],
    "conditional_copy": [
        ("Copy", o.CopyRequest(from_key="o2", to_key="o1", if_match="none")),
        ("Copy", o.CopyRequest(from_key="o2", to_key="o1", if_none_match="*")),
    ],
    "versions": [("Head", o.HeadRequest(key="o1", version="none")), ("Get", o.GetRequest(key="o1", version="none"))],
    "uploads": [
        ("StartUpload", o.StartUploadRequest(key="o1")),
        ("PutPart", Requests(_PART)),
        ("ListUploads", o.ListUploadsRequest()),
    ],
    "direct_presign": [("Presign", o.PresignRequest(key="o1", method=o.Method.OBJECT_STORE_METHOD_GET, direct=True))],
}


class ObjectsWorkload(StoringWorkload):
    """`prism.acceptance.workload.StoringWorkload` of ObjectStore."""

    LANGUAGE = Objects
    WRITE = "Put"
    READ = "Head"
    INVALID = (
        ("Put", Requests(o.PutRequest(head=o.PutHead(key="k" * 1025))), "head.key"),
        ("Head", o.HeadRequest(key="k" * 1025), "key"),
    )

    def __init__(self, caller: Caller, namespace: str | None = None) -> None:
        super().__init__(caller, namespace)
        self._objects = Objects(caller, self.dsl.namespace)

    @staticmethod
    def requests(capability: str) -> Sequence[Request]:
        """See Workload."""
        return _OF_CAPABILITIES.get(capability, ())

    @property
    def durable(self) -> bool:
        """See StoringWorkload."""
        return self.dsl.capabilities.declares("durability")

    def write_request(self, number: int, value: int | None = None) -> Requests:
        """See Workload."""
        text = f"{number if value is None else value}"
        return _put(f"o{number}", text.encode(), properties=o.Properties(metadata={"number": text}))

    def witness(self, ledger: WriteLedger) -> AbstractAsyncContextManager[Witness]:
        """See Workload."""
        return stored_numbers(self, ledger)

    def changes(self, number: int) -> Sequence[Request]:
        """See StoringWorkload."""
        key = f"o{number}"
        return [
            ("Put", _put(key)),
            ("Delete", o.DeleteRequest(key=key)),
            ("DeleteMany", o.DeleteManyRequest(keys=[key])),
        ]

    def read_request(self, number: int) -> o.HeadRequest:
        """See StoringWorkload."""
        return o.HeadRequest(key=f"o{number}")

    async def read(self, number: int, *, via: int | None = None) -> int | None:
        """See StoringWorkload."""
        answer = await self.dsl.call("Head", self.read_request(number), via=via)
        return int(answer.object.properties.metadata["number"]) if answer.HasField("object") else None

    async def found(self, numbers: set[int]) -> set[int]:
        """See StoringWorkload; looks at the contents."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def content(number: int) -> bool:
            async with turns:
                return await self._objects.data(f"o{number}") == b"%d" % number

        ordered = sorted(numbers)
        there = await asyncio.gather(*map(content, ordered))
        return {number for number, found in zip(ordered, there, strict=True) if found}


WORKLOAD = ObjectsWorkload
