"""Reader for applications: rows of tables that are there already, as dicts of plain Python values.

What each operation means: docs/contract.md and prism/data/v1/reader.proto. Every method may raise a `PrismError`.
`timeout` is in seconds (or a timedelta), for the call, or for each page of a list, with all its retries.
"""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from prism.client.arguments import Seconds
from prism.client.headers import NamespaceHeaders
from prism.client.paging import MAX_PAGE_SIZE, Page, Pager
from prism.client.transport import Transport
from prism.client.values import Plain, from_value, to_value
from prism.interfaces import reader as messages
from prism.interfaces.filter import Filter

_OPERATIONS = {operation.method: operation for operation in messages.INTERFACE.operations}

Record = dict[str, Any]
"""A row: its values by the names of their columns."""

Nulls = Literal["first", "last"]
_NULLS = {"first": messages.NULLS_FIRST, "last": messages.NULLS_LAST}


@dataclass(frozen=True, slots=True)
class CollectionColumn:
    """A column of a collection.

    Attributes:
        name: its name.
        kind: of its values, as docs/contract.md, 2, names them; `dynamic` where each row decides.
        store_type: the store's name of its type.
        order: what its strings sort by: `bytes`, or the store's name of a collation; empty where it has none.
        nullable: it may be None.
        generated: the store computes it.
    """

    name: str
    kind: str
    store_type: str
    order: str
    nullable: bool
    generated: bool


@dataclass(frozen=True, slots=True)
class CollectionDescription:
    """What a collection is.

    Attributes:
        columns: in the table's order.
        key: the columns that name a row; empty without a key.
        sorts: the sorts that an index serves, each as `sort` takes it, forwards; it serves the reverse too.
        indexes_only: only these are served.
    """

    columns: tuple[CollectionColumn, ...]
    key: tuple[str, ...]
    sorts: tuple[tuple[str, ...], ...]
    indexes_only: bool


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows there are.

    Attributes:
        rows: so many were counted.
        exact: there are no more.
    """

    rows: int
    exact: bool


class Reader:
    """The collections of one namespace; made by `Client.reader`."""

    def __init__(self, transport: Transport, headers: NamespaceHeaders) -> None:
        self._transport = transport
        self._headers = headers

    def read(
        self,
        collection: str,
        *,
        where: Filter | None = None,
        sort: Sequence[str] | str = (),
        nulls: Mapping[str, Nulls] | None = None,
        fields: Iterable[str] = (),
        limit: int | None = None,
        page_size: int = 100,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[Record]:
        """Rows: `async for row in reader.read("orders", sort="-placed_at")`, or their pages by `.pages()`.

        Args:
            collection: its name.
            where: which rows; see `prism.client.field`.
            sort: the fields to sort by, `-name` for descending; the key completes them. It needs an index.
            nulls: where None comes, by field; where the index has it unless given.
            fields: the columns wanted; all where there are none.
            limit: most rows; None for all.
            page_size: most rows of a page, 1 to 1,000.
            cursor: where an earlier read of the same ended; `Page.next_cursor`.

        Raises:
            ValueError: a number is out of its bounds, or `nulls` is about a field that is not sorted by.
        """
        request = messages.ReadPageRequest(
            collection=collection, fields=fields, filter=where, sort=_sort(sort, nulls or {})
        )

        async def fetch(cursor: bytes, most: int) -> Page[Record]:
            request.cursor, request.page_size = cursor, most
            page = messages.ReadPageResponse.FromString(await self._call("read_page", request, timeout))
            return Page(tuple(_record(page.columns, row) for row in page.rows), page.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    async def get(
        self, collection: str, *key: Plain, fields: Iterable[str] = (), timeout: Seconds | None = None
    ) -> Record | None:
        """The row of a key, whose values come in the key's order; None where there is none."""
        return (await self.get_many(collection, [key], fields=fields, timeout=timeout))[0]

    async def get_many(
        self,
        collection: str,
        keys: Iterable[Sequence[Plain]],
        *,
        fields: Iterable[str] = (),
        timeout: Seconds | None = None,
    ) -> list[Record | None]:
        """The rows of keys, each a list of the key's values; None in the place of one that is missing."""
        rows = [messages.Row(values=[to_value(each) for each in key]) for key in keys]
        if not rows:
            return []
        request = messages.GetRequest(collection=collection, keys=rows, fields=fields)
        answer = messages.GetResponse.FromString(await self._call("get", request, timeout))
        found = {each.key: _record(answer.columns, each.row) for each in answer.found}
        return [found.get(place) for place in range(len(rows))]

    async def count(
        self, collection: str, *, where: Filter | None = None, at_most: int = 100_000, timeout: Seconds | None = None
    ) -> Count:
        """How many rows there are; counting stops at `at_most`."""
        if at_most < 1:
            raise ValueError(f"at_most is {at_most}; give 1 or more")
        request = messages.CountRequest(collection=collection, filter=where, at_most=at_most)
        answer = messages.CountResponse.FromString(await self._call("count", request, timeout))
        return Count(answer.count, answer.exact)

    async def describe(self, collection: str, *, timeout: Seconds | None = None) -> CollectionDescription:
        """The columns, the key and the sorts of a collection."""
        request = messages.DescribeRequest(collection=collection)
        answer = messages.DescribeResponse.FromString(await self._call("describe", request, timeout))
        return CollectionDescription(
            columns=tuple(
                CollectionColumn(each.name, each.kind, each.store_type, each.order, each.nullable, each.generated)
                for each in answer.columns
            ),
            key=tuple(answer.key),
            sorts=tuple(
                tuple(f"{'-' if each.descending else ''}{each.field}" for each in one.sort) for one in answer.sorts
            ),
            indexes_only=answer.indexes_only,
        )

    def collections(
        self,
        *,
        prefix: str = "",
        limit: int | None = None,
        page_size: int = MAX_PAGE_SIZE,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[str]:
        """The names of the collections, in byte order; the arguments are those of `read`."""
        request = messages.ListCollectionsRequest(prefix=prefix)

        async def fetch(cursor: bytes, most: int) -> Page[str]:
            request.cursor, request.limit = cursor, most
            answer = await self._call("list_collections", request, timeout)
            page = messages.ListCollectionsResponse.FromString(answer)
            return Page(tuple(page.collections), page.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    def _call(self, method: str, request: Any, timeout: Seconds | None) -> Awaitable[bytes]:
        return self._transport.unary(_OPERATIONS[method], request.SerializeToString(), self._headers, timeout)


def _record(columns: Sequence[str], row: messages.Row) -> Record:
    return {name: from_value(value) for name, value in zip(columns, row.values, strict=True)}


def _sort(fields: Sequence[str] | str, nulls: Mapping[str, Nulls]) -> list[messages.Sort]:
    given = [fields] if isinstance(fields, str) else list(fields)
    names = [each.removeprefix("-") for each in given]
    if other := [name for name in nulls if name not in names]:
        raise ValueError(f"nulls is about {other[0]!r}, which is not in sort")
    if wrong := [each for each in nulls.values() if each not in _NULLS]:
        raise ValueError(f"nulls are {wrong[0]!r}; give 'first' or 'last'")
    return [
        messages.Sort(
            field=name,
            descending=each.startswith("-"),
            nulls=_NULLS[nulls[name]] if name in nulls else messages.Nulls.READER_NULLS_UNSPECIFIED,
        )
        for name, each in zip(names, given, strict=True)
    ]
