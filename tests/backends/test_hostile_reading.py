"""Reader and hostile texts, on both stores: as any text of a request each is itself or refused; no row is harmed."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hostile_texts import made, published
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.client.filters import all_of, field, negated
from prism.client.values import from_value, to_value
from prism.context import Context
from prism.errors import CollectionNotFound, InvalidArgument
from prism.interfaces import reader as r
from prism.sdk import NoCredentials
from prism.sdk.reader import StoredReader

TABLE = "CREATE TABLE kept (id text NOT NULL PRIMARY KEY, v text)"
ROWS = {"one": "first", "two": "second"}


class Store:
    """A store with one table of the rows.

    Attributes:
        reader: of it.
        statement: runs one, as another application would.
    """

    def __init__(self, reader: StoredReader, statement: Callable[..., Any]) -> None:
        self.reader = reader
        self.statement = statement

    def there(self) -> dict[str, str]:
        """The rows, as another application reads them."""
        return dict(self.statement("SELECT id, v FROM kept"))


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Each."""
    options = {"collections": {"kept": {"table": "kept"}}}
    if request.param == "sqlite":
        file = tmp_path / "tables.db"

        def statement(text: str, *values: str) -> Any:
            with closing(sqlite3.connect(file, isolation_level=None)) as connection:
                return connection.execute(text, values).fetchall()

        config = SqliteConfig.model_validate({"path": tmp_path / "p.db", "tables": file, "reader": options})
        backend: Any = SqliteBackend(config, NoCredentials())
    else:
        from prism.backends.postgres.backend import PostgresBackend
        from prism.backends.postgres.config import PostgresConfig, PostgresCredentials

        url, server = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_server")

        def statement(text: str, *values: str) -> Any:
            for number, value in enumerate(values, 1):
                text = text.replace(f"?{number}", "convert_from('\\x" + value.encode().hex() + "', 'UTF8')")
            return server.execute(text, url=url)

        config = PostgresConfig.model_validate({"connection_string": url, "reader": options})
        backend = PostgresBackend(config, PostgresCredentials())
    statement(TABLE)
    for row in ROWS.items():
        statement("INSERT INTO kept VALUES (?1, ?2)", *row)
    await backend.start()
    yield Store(backend._reader, statement)
    await backend.stop()


async def test_hostile_texts(store: Store, often: Callable[[int], int]) -> None:
    """As a name, a field, a sort or a cursor each is refused; as an operand and a key it is the text that it is."""
    texts = [text for text in (*made(), *published()) if text and len(text.encode()) <= 512]  # as the .proto allows
    assert len(texts) >= 500
    assert len(published()) >= 200
    ask = Context("test")

    async def found(**request: Any) -> list[Any]:
        page = await store.reader.read_page(r.ReadPageRequest(collection="kept", **request), ask)
        return [from_value(row.values[0]) for row in page.rows]

    step = len(texts) // often(len(texts))
    for text in texts[:: 10 * step if step > 1 else 1]:
        with pytest.raises((CollectionNotFound, InvalidArgument)):
            await store.reader.read_page(r.ReadPageRequest(collection=text), ask)
        with pytest.raises((CollectionNotFound, InvalidArgument)):
            await store.reader.describe(r.DescribeRequest(collection=text), ask)
        for wrong in (
            {"fields": [text]}, {"sort": [r.Sort(field=text)]}, {"filter": field(text).eq("x")},
            {"filter": negated(field(text).exists())}, {"cursor": text.encode()},
        ):  # fmt: skip
            with pytest.raises(InvalidArgument):
                await found(**wrong)
        for where in (field("v").eq(text), field("v").is_in([text]), all_of(field("id").eq(text), field("v").exists())):
            assert await found(filter=where) == []
        assert await found(filter=field("v").ne(text)) == [*ROWS]
        assert (await found(filter=field("id").starts_with(text))) == [key for key in ROWS if key.startswith(text)]
        counted = await store.reader.count(r.CountRequest(collection="kept", filter=field("v").ge(text)), ask)
        assert counted.count <= len(ROWS)
        store.statement("INSERT INTO kept VALUES (?1, ?1)", text)
        key = r.Row(values=[to_value(text)])
        (row,) = (await store.reader.get(r.GetRequest(collection="kept", keys=[key]), ask)).found
        assert [from_value(each) for each in row.row.values] == [text, text]
        assert await found(filter=field("v").eq(text)) == [text]
        pages, cursor = [], b""
        while True:  # its own text is in a cursor
            asked = r.ReadPageRequest(collection="kept", page_size=1, cursor=cursor)
            page = await store.reader.read_page(asked, ask)
            pages += [from_value(each.values[0]) for each in page.rows]
            if not (cursor := page.next_cursor):
                break
        assert sorted(pages) == sorted([*ROWS, text])
        store.statement("DELETE FROM kept WHERE id = ?1", text)
        assert store.there() == ROWS, text
