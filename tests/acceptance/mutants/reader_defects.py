"""Defects of the rules of Reader on SQLite, each breaking one of them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

from prism.context import Context
from prism.interfaces import reader as r
from prism.sdk.reader import Collection, StoredReader


class _Seen:
    """A store whose collections are others."""

    def __init__(self, inner: Any, change: Callable[[Collection], Collection]) -> None:
        self._inner = inner
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def run(self, name: str, make: Callable[[Collection], Any], context: Context) -> Any:
        return await self._inner.run(name, lambda collection: make(self._change(collection)), context)


class _OfOthers(StoredReader):
    def __init__(self, store: Any, max_scan: int) -> None:
        super().__init__(_Seen(store, self.changed), max_scan)

    @staticmethod
    def changed(collection: Collection) -> Collection:
        return collection


class IgnoresCase(StoredReader):
    """A collection is found whatever the case of its name."""

    async def read_page(self, request: r.ReadPageRequest, context: Context) -> r.ReadPageResponse:
        request.collection = request.collection.lower()
        return await super().read_page(request, context)


class LosesTheKey(_OfOthers):
    """The key does not complete a sort, and ties count for nothing."""

    @staticmethod
    def changed(collection: Collection) -> Collection:
        return replace(collection, unique=(frozenset(),))


class PassesNullsBy(_OfOthers):
    """Nulls are no range of their own."""

    @staticmethod
    def changed(collection: Collection) -> Collection:
        columns = {name: replace(each, nullable=False) for name, each in collection.columns.items()}
        return replace(collection, columns=columns)


class SortsByItself(_OfOthers):
    """A sort needs no index."""

    @staticmethod
    def changed(collection: Collection) -> Collection:
        return replace(collection, indexes_only=False)


class LooksAtEveryRow(StoredReader):
    """A page looks at as many rows as it takes."""

    def __init__(self, store: Any, _max_scan: int) -> None:
        super().__init__(store, 10_000_000)


class SkipsAfterACursor(StoredReader):
    """The first row of each page but the first is left out."""

    async def read_page(self, request: r.ReadPageRequest, context: Context) -> r.ReadPageResponse:
        response = await super().read_page(request, context)
        if request.cursor and response.rows:
            del response.rows[0]
        return response


class SharesCursors(StoredReader):
    """A cursor of one namespace is one of all."""

    async def read_page(self, request: r.ReadPageRequest, context: Context) -> r.ReadPageResponse:
        return await super().read_page(request, Context("all", context.deadline))


class CountsAsIfAll(StoredReader):
    """A count that stopped says that it is all."""

    async def count(self, request: r.CountRequest, context: Context) -> r.CountResponse:
        response = await super().count(request, context)
        return r.CountResponse(count=response.count, exact=True)


@dataclass(frozen=True, slots=True)
class _Unchanging(Collection):
    def digest(self, ordering: object) -> bytes:
        return b"the same"


class ForgetsTheSchema(_OfOthers):
    """A cursor goes on in whatever the table is by now."""

    @staticmethod
    def changed(collection: Collection) -> Collection:
        names = [name for name in Collection.__slots__ if name != "fields"]
        return _Unchanging(**{name: getattr(collection, name) for name in names})


class EndsInSilence(StoredReader):
    """A stream ends without saying that all came."""

    async def read(self, request: r.ReadRequest, context: Context) -> AsyncIterator[r.ReadResponse]:
        async for response in super().read(request, context):
            if response.HasField("page"):
                yield response
