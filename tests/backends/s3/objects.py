"""An S3 backend in the test's process, and calls of it in few words."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from prism.backends.s3.backend import S3Backend
from prism.backends.s3.config import S3Config, S3Credentials
from prism.backends.s3.testing import S3Server, make_bucket
from prism.context import Context
from prism.interfaces import objectstore as os
from prism.interfaces.capabilities.objectstore import ObjectStoreCapabilities
from prism.plugins.discovery import discover

MIB = 1 << 20
PART = 5 * MIB


class Objects:
    """One namespace of a backend.

    Attributes:
        backend: as it was made.
        store: what serves.
    """

    def __init__(self, backend: S3Backend, namespace: str = "default") -> None:
        self.backend = backend
        (self.store,) = backend.interfaces
        self.context = Context(namespace)

    async def put(self, key: str, *chunks: bytes, finish: os.Finish | None = None, **head: Any) -> os.PutResponse:
        """Puts an object whose content comes in these chunks."""
        return await self.store.put(stream(os.PutRequest, os.PutHead(key=key, **head), chunks, finish), self.context)

    async def get(self, key: str, **given: Any) -> bytes | None:
        """What is there under the key, whole; None where there is none."""
        answers = [answer async for answer in self.store.get(os.GetRequest(key=key, **given), self.context)]
        if not answers[0].head.found:
            return None
        assert answers[-1].WhichOneof("response") == "end", "the answer was cut"
        return b"".join(answer.chunk for answer in answers)

    async def head(self, key: str) -> os.Object | None:
        """What is said of an object."""
        answer = await self.store.head(os.HeadRequest(key=key), self.context)
        return answer.object if answer.HasField("object") else None

    async def part(self, key: str, upload: str, number: int, *chunks: bytes, **head: Any) -> os.PartName:
        """Sends one part; what completing names."""
        begin = os.PutPartHead(key=key, upload=upload, number=number, **head)
        answer = await self.store.put_part(stream(os.PutPartRequest, begin, chunks, None), self.context)
        return os.PartName(number=number, etag=answer.part.etag)

    async def uploads(self) -> list[str]:
        """The keys of the uploads that are under way."""
        answer = await self.store.list_uploads(os.ListUploadsRequest(limit=1000), self.context)
        return [upload.key for upload in answer.uploads]


async def stream(kind: Any, head: Any, chunks: Iterable[bytes], finish: os.Finish | None) -> AsyncIterator[Any]:
    """The requests of a put."""
    yield kind(head=head)
    size = 0
    for chunk in chunks:
        size += len(chunk)
        yield kind(chunk=chunk)
    yield kind(finish=finish or os.Finish(size=size))


@asynccontextmanager
async def objects_at(
    endpoint: str, credentials: Mapping[str, str], bucket: str, **config: Any
) -> AsyncIterator[Objects]:
    """A backend on a bucket, started."""
    given = {"endpoint": endpoint, "bucket": bucket, "part_size": PART, "retries": 2, **config}
    backend = S3Backend(S3Config(**given), S3Credentials(**credentials))
    declared = discover().found["s3"].manifest.capabilities.of("objectstore")
    assert isinstance(declared, ObjectStoreCapabilities)
    backend.interfaces[0].declare(declared)  # type: ignore[attr-defined]  # as its host does
    try:
        await backend.start()
        await backend.attach("default")
        yield Objects(backend)
    finally:
        await backend.stop()


@asynccontextmanager
async def objects_on(server: S3Server, bucket: str, **config: Any) -> AsyncIterator[Objects]:
    """The same on a bucket of its own of a server."""
    await make_bucket(server.url, server.credentials(), bucket)
    async with objects_at(server.url, server.credentials(), bucket, **config) as objects:
        yield objects
