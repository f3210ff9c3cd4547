"""ObjectStore for tests of real gateways and backends, in a few words."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from prism.client import Client
from prism.interfaces import objectstore as o
from prism.interfaces.objectstore import Context

HERE = Context("default")
PUT = "prism.data.v1.ObjectStore/Put"
GET = "prism.data.v1.ObjectStore/Get"


def content(size: int, seed: int = 0) -> bytes:
    """Bytes that differ from seed to seed at every place; more of the same seed begin with fewer."""
    return hashlib.shake_128(b"%d" % seed).digest(size)


async def requests(key: str, data: bytes, chunk: int = 64 << 10, **head: Any) -> AsyncIterator[o.PutRequest]:
    """What a Put sends."""
    yield o.PutRequest(head=o.PutHead(key=key, **head))
    for begin in range(0, len(data), chunk):
        yield o.PutRequest(chunk=data[begin : begin + chunk])
    yield o.PutRequest(finish=o.Finish(size=len(data)))


async def put_through(client: Client, key: str, data: bytes, namespace: str = "default", **head: Any) -> o.PutResponse:
    """Stores an object through a gateway."""
    answer: o.PutResponse = await client.call(namespace, PUT, requests(key, data, **head), timeout=120)
    return answer


async def get_through(client: Client, key: str, namespace: str = "default") -> bytes | None:
    """The content of an object through a gateway; None where there is none."""
    data, found = [], False
    async for response in client.stream(namespace, GET, o.GetRequest(key=key), timeout=120):
        kind = response.WhichOneof("response")
        if kind == "head":
            found = response.head.found
        elif kind == "chunk":
            data.append(response.chunk)
        else:
            return b"".join(data) if found else None
    raise AssertionError("the answer has no end")


async def read(store: o.ObjectStore, key: str, context: Context = HERE) -> bytes | None:
    """The content of an object straight from a backend; None where there is none."""
    data, found = [], False
    async for response in store.get(o.GetRequest(key=key), context):
        if response.HasField("head"):
            found = response.head.found
        data.append(response.chunk)
    return b"".join(data) if found else None
