"""Reader over a store that runs statements: what is the same wherever the rows are."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from prism.errors import CollectionNotFound
from prism.interfaces import reader as r
from prism.interfaces.capabilities.reader import ReaderCapabilities
from prism.sdk.cursor import Query
from prism.sdk.reader.collection import Collection, Column
from prism.sdk.reader.cursors import Cursors
from prism.sdk.reader.paging import Decode, Limits, Oversized, PageWork
from prism.sdk.reader.selecting import columns_of, filter_of, key_of, selection_of
from prism.sdk.reader.statements import Dialect, Statement, count, get

_DEFAULT_NAMES: Final = 100


class Work(Protocol):
    """Statements that are run in one read-only transaction, one after the other."""

    def statement(self) -> Statement | None:
        """The next one; None at the end."""
        ...

    def take(self, raw: Sequence[Any]) -> bool:
        """A row of it; False where no more of them are wanted."""
        ...


W = TypeVar("W", bound=Work)


class Store(Protocol):
    """Where the rows are.

    Attributes:
        dialect: what it says in its own way.
    """

    dialect: Dialect

    async def names(self, context: r.Context) -> Sequence[str]:
        """The names of the collections."""
        ...

    async def describe(self, name: str, context: r.Context) -> Collection:
        """A collection as it is now.

        Raises:
            CollectionNotFound: there is none of that name.
        """
        ...

    async def run(self, name: str, make: Callable[[Collection], W], context: r.Context) -> W:
        """Runs the work that is made for a collection as it is, in one transaction with the call's deadline.

        It is made anew where the collection turns out to have changed. Raises what making it does, and as `describe`.
        """
        ...

    def decode(self, column: Column, raw: Any) -> Any:
        """The value that the driver gave."""
        ...


class StoredReader(r.Reader):
    """Reader over a store."""

    def __init__(self, store: Store, max_scan: int) -> None:
        self._store = store
        self._max_scan = max_scan
        self._payload = ReaderCapabilities().max_payload

    def declare(self, capabilities: ReaderCapabilities) -> None:
        """What the manifest declares."""
        self._payload = capabilities.max_payload

    async def read(self, request: r.ReadRequest, context: r.Context) -> AsyncIterator[r.ReadResponse]:
        """See the .proto: pages, each read when the one before was taken."""
        cursor, given = request.cursor, 0
        while True:
            page = await self._page(request, cursor, context)
            given += len(page.rows)
            cursor = page.next_cursor
            yield r.ReadResponse(page=r.Page(columns=page.columns, rows=page.rows, next_cursor=cursor))
            if not cursor or context.draining.is_set():
                break
        yield r.ReadResponse(end=r.End(complete=not cursor, rows=given, next_cursor=cursor))

    async def read_page(self, request: r.ReadPageRequest, context: r.Context) -> r.ReadPageResponse:
        """See the .proto."""
        return await self._page(request, request.cursor, context)

    async def _page(
        self, request: r.ReadRequest | r.ReadPageRequest, cursor: bytes, context: r.Context
    ) -> r.ReadPageResponse:
        cursors = Cursors(request, context)
        limits = Limits(request.page_size or r.DEFAULT_PAGE_ROWS, self._max_scan, self._payload)
        made: list[tuple[bytes, list[str]]] = []

        def make(collection: Collection) -> PageWork:
            selection = selection_of(request, collection)
            digest = collection.digest(selection.ordering)
            made[:] = [(digest, [each.name for each in selection.columns])]
            position = cursors.position(cursor, digest, len(selection.ordering.fields), collection.name)
            return PageWork(selection, position, limits, self._store.dialect, self._store.decode)

        try:
            work = await self._store.run(request.collection, make, context)
        except Oversized as oversized:
            raise oversized.error(cursors.made(made[0][0], oversized.position)) from None
        ((digest, columns),) = made
        behind = b"" if work.behind is None else cursors.made(digest, work.behind)
        return r.ReadPageResponse(columns=columns, rows=work.rows, next_cursor=behind)

    async def get(self, request: r.GetRequest, context: r.Context) -> r.GetResponse:
        """See the .proto."""

        def make(collection: Collection) -> _Rows:
            columns = columns_of(request.fields, collection)
            tests = [key_of(key, number, collection) for number, key in enumerate(request.keys)]
            dialect = self._store.dialect
            statements = [get(collection, columns, test, dialect) for test in tests]
            return _Rows(columns, statements, self._store.decode)

        work = await self._store.run(request.collection, make, context)
        return r.GetResponse(columns=[each.name for each in work.columns], found=work.found)

    async def count(self, request: r.CountRequest, context: r.Context) -> r.CountResponse:
        """See the .proto."""
        at_most = request.at_most or r.DEFAULT_AT_MOST

        def make(collection: Collection) -> _Single:
            return _Single(count(collection, filter_of(request, collection), at_most, self._store.dialect))

        work = await self._store.run(request.collection, make, context)
        return r.CountResponse(count=min(work.value, at_most), exact=work.value <= at_most)

    async def describe(self, request: r.DescribeRequest, context: r.Context) -> r.DescribeResponse:
        """See the .proto."""
        collection = await self._store.describe(request.collection, context)
        return collection.describe()

    async def list_collections(
        self, request: r.ListCollectionsRequest, context: r.Context
    ) -> r.ListCollectionsResponse:
        """See the .proto."""
        query = Query(request, context)
        after = b"".join(query.position(request.cursor, parts=1))
        limit = request.limit or _DEFAULT_NAMES
        every = sorted(name for name in await self._store.names(context) if name.startswith(request.prefix))
        names = [name for name in every if name.encode() > after]
        cursor = query.cursor(names[limit - 1].encode()) if len(names) > limit else b""
        return r.ListCollectionsResponse(collections=names[:limit], next_cursor=cursor)


class _Rows:
    """Rows by their keys: a statement for each."""

    def __init__(self, columns: Sequence[Column], statements: Sequence[Statement], decode: Decode) -> None:
        self.columns = columns
        self.found: list[r.Found] = []
        self._statements = statements
        self._decode = decode
        self._next = 0

    def statement(self) -> Statement | None:
        """See Work."""
        if self._next == len(self._statements):
            return None
        self._next += 1
        return self._statements[self._next - 1]

    def take(self, raw: Sequence[Any]) -> bool:
        """See Work."""
        values = [self._decode(column, value) for column, value in zip(self.columns, raw, strict=True)]
        self.found.append(r.Found(key=self._next - 1, row=r.Row(values=values)))
        return False


class _Single:
    """A statement that gives one number."""

    def __init__(self, statement: Statement) -> None:
        self.value = 0
        self._statement: Statement | None = statement

    def statement(self) -> Statement | None:
        """See Work."""
        statement, self._statement = self._statement, None
        return statement

    def take(self, raw: Sequence[Any]) -> bool:
        """See Work."""
        (self.value,) = raw
        return False


def not_found(name: str) -> CollectionNotFound:
    """The refusal of a collection."""
    return CollectionNotFound(f"the namespace has no collection {name[:80]!r}; ListCollections gives those that it has")
