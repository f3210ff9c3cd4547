"""Reader in as few words as possible, for tests: tables of their own, read through Prism and by the store itself."""

import secrets
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import Any

from prism.acceptance.callers.caller import Caller
from prism.acceptance.dsl import Dsl, operations
from prism.acceptance.store.backend import Tabled
from prism.client.values import Plain, from_value, to_value
from prism.interfaces import reader as r
from prism.interfaces.capabilities.reader import ReaderCapabilities
from prism.interfaces.filter import Filter

Row = tuple[Any, ...]


def sort(*fields: str, nulls: dict[str, Any] | None = None) -> list[r.Sort]:
    """A sort: `a` ascending, `-a` descending."""
    asked = nulls or {}
    return [
        r.Sort(
            field=each.removeprefix("-"),
            descending=each.startswith("-"),
            nulls=asked.get(each.removeprefix("-"), r.Nulls.READER_NULLS_UNSPECIFIED),
        )
        for each in fields
    ]


def literal(value: Plain) -> str:
    """A value in SQL."""
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def key(*values: Plain) -> r.Row:
    """A key."""
    return r.Row(values=[to_value(each) for each in values])


def plain(row: r.Row) -> Row:
    """A row as Python has it."""
    return tuple(from_value(each) for each in row.values)


class Rows(Dsl):
    """Reader in one namespace, and the tables that it reads."""

    INTERFACE = r.INTERFACE
    OPERATIONS = operations(r.INTERFACE)
    capabilities: ReaderCapabilities

    def __init__(self, caller: Caller, store: Tabled, place: str, namespace: str | None = None) -> None:
        super().__init__(caller, namespace)
        self._store = store
        self._place = place

    def other(self) -> "Rows":
        """The same tables in another namespace."""
        return Rows(self.caller, self._store, self._place)

    async def sql(self, *statements: str) -> list[Row]:
        """What the store itself answers."""
        return await self._store.execute(self._place, *statements)

    async def table(
        self, columns: str, values: Iterable[Sequence[Plain]] = (), *, name: str = "", indexes: Sequence[str] = ()
    ) -> str:
        """Makes a table with its rows and indexes; its name, which is the test's own."""
        made = f"{name or 'T'}-{secrets.token_hex(4)}"
        named = quoted(made)
        statements = [f"CREATE TABLE {named} ({columns})"]
        statements += [f"INSERT INTO {named} VALUES {self.values(part)}" for part in _parts([*values], 200)]
        statements += [f'CREATE INDEX "{made} {place}" ON {named} ({each})' for place, each in enumerate(indexes)]
        await self.sql(*statements)
        return made

    @staticmethod
    def values(rows: Iterable[Sequence[Plain]]) -> str:
        """Rows in SQL."""
        return ", ".join(f"({', '.join(map(literal, row))})" for row in rows)

    async def page(self, collection: str, *, via: int | None = None, **request: Any) -> r.ReadPageResponse:
        """One page."""
        asked = r.ReadPageRequest(collection=collection, **request)
        answer: r.ReadPageResponse = await self.call("ReadPage", asked, via=via)
        return answer

    async def pages(self, collection: str, *, most: int = 10_000, **request: Any) -> list[list[Row]]:
        """All pages, through one gateway after another."""
        found: list[list[Row]] = []
        cursor = b""
        while True:
            page = await self.page(collection, cursor=cursor, **request)
            assert len(page.rows) <= (request.get("page_size") or r.DEFAULT_PAGE_ROWS)
            found.append([plain(row) for row in page.rows])
            cursor = page.next_cursor
            if not cursor:
                return found
            assert len(found) < most, "the pages do not come to their end"

    async def every(self, collection: str, **request: Any) -> list[Row]:
        """All rows, page by page."""
        return [row for page in await self.pages(collection, **request) for row in page]

    async def streamed(self, collection: str, *, via: int | None = None, **request: Any) -> list[Row]:
        """All rows of a stream, which came to its end."""
        found: list[Row] = []
        end: r.End | None = None
        asked = r.ReadRequest(collection=collection, **request)
        async with aclosing(self.open("Read", asked, via=via)) as responses:  # type: ignore[type-var]
            async for response in responses:
                assert end is None, "nothing follows the end"
                if response.HasField("end"):
                    end = response.end
                else:
                    found += [plain(row) for row in response.page.rows]
        assert end is not None
        assert (end.complete, end.rows, end.next_cursor) == (True, len(found), b"")
        return found

    async def get(self, collection: str, *keys: r.Row, fields: Sequence[str] = ()) -> dict[int, Row]:
        """Rows by their keys, by the place of the key."""
        answer: r.GetResponse = await self.call("Get", r.GetRequest(collection=collection, keys=keys, fields=fields))
        return {found.key: plain(found.row) for found in answer.found}

    async def count(self, collection: str, filter: Filter | None = None, at_most: int = 0) -> tuple[int, bool]:  # noqa: A002
        """How many rows, and whether that is all."""
        answer: r.CountResponse = await self.call(
            "Count", r.CountRequest(collection=collection, filter=filter, at_most=at_most)
        )
        return answer.count, answer.exact

    async def describe(self, collection: str, *, via: int | None = None) -> r.DescribeResponse:
        """What a collection is."""
        answer: r.DescribeResponse = await self.call("Describe", r.DescribeRequest(collection=collection), via=via)
        return answer

    async def names(self, limit: int = 0, prefix: str = "") -> list[str]:
        """The collections, page by page."""
        found: list[str] = []
        cursor = b""
        while True:
            asked = r.ListCollectionsRequest(limit=limit, cursor=cursor, prefix=prefix)
            page = await self.call("ListCollections", asked)
            found += page.collections
            cursor = page.next_cursor
            if not cursor:
                return found


def _parts(values: list[Any], size: int) -> list[list[Any]]:
    return [values[begin : begin + size] for begin in range(0, len(values), size)]
