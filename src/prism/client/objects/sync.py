"""ObjectStore for programs without an event loop; every method is made from its twin, whose documentation holds."""

import functools
from collections.abc import Callable, Iterator
from typing import Concatenate, ParamSpec, Self

from prism.client.blocking import Blocking, LoopThread, pages_of, waits
from prism.client.objects import objectstore, reader
from prism.client.objects.info import ObjectInfo
from prism.client.retry import RetryPolicy

P = ParamSpec("P")


class ObjectReader:
    """The bytes of one object: `with objects.get(key) as reader`, then `for chunk in reader`."""

    def __init__(self, twin: reader.ObjectReader, loop: LoopThread) -> None:
        self._twin = twin
        self._loop = loop

    @property
    def info(self) -> ObjectInfo | None:
        """What is said of the object; None where there is none, or where it is one of `if_none_match`."""
        return self._twin.info

    @property
    def size(self) -> int:
        """Bytes that are to come."""
        return self._twin.size

    def read(self) -> bytes:
        """All that is left, at once."""
        return self._loop.run(self._twin.read())

    def close(self) -> None:
        """Ends it, wherever it is."""
        if not self._loop.stopped:
            self._loop.run(self._twin.aclose())

    def __enter__(self) -> Self:
        self._loop.run(self._twin.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._loop.run(self._next())
        if chunk is None:
            raise StopIteration
        return chunk

    async def _next(self) -> bytes | None:
        return await anext(self._twin, None)


def _reads(
    method: Callable[Concatenate[objectstore.ObjectStore, P], reader.ObjectReader],
) -> Callable[Concatenate[Blocking[objectstore.ObjectStore], P], ObjectReader]:
    def call(self: Blocking[objectstore.ObjectStore], /, *args: P.args, **kwargs: P.kwargs) -> ObjectReader:
        return ObjectReader(method(self._twin, *args, **kwargs), self._loop)

    functools.update_wrapper(call, method)
    return call


class ObjectStore(Blocking[objectstore.ObjectStore]):
    """The objects of one namespace; made by `Client.objects`. `on_progress` is called on the background thread, where
    it must not use this client."""

    put = waits(objectstore.ObjectStore.put)
    get = _reads(objectstore.ObjectStore.get)
    read = waits(objectstore.ObjectStore.read)
    head = waits(objectstore.ObjectStore.head)
    delete = waits(objectstore.ObjectStore.delete)
    delete_many = waits(objectstore.ObjectStore.delete_many)
    list = pages_of(objectstore.ObjectStore.list)
    copy = waits(objectstore.ObjectStore.copy)
    presign = waits(objectstore.ObjectStore.presign)
    download = waits(objectstore.ObjectStore.download)
    upload = waits(objectstore.ObjectStore.upload)
    start_upload = waits(objectstore.ObjectStore.start_upload)
    put_part = waits(objectstore.ObjectStore.put_part)
    complete_upload = waits(objectstore.ObjectStore.complete_upload)
    abort_upload = waits(objectstore.ObjectStore.abort_upload)
    list_uploads = pages_of(objectstore.ObjectStore.list_uploads)
    list_parts = pages_of(objectstore.ObjectStore.list_parts)

    @property
    def policy(self) -> RetryPolicy:
        """How failed calls are repeated."""
        return self._twin.policy
