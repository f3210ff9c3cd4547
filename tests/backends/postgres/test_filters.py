"""Filters in PostgreSQL: collations that change nothing, and indexes that serve."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from missing import missing
from prism.backends.postgres.filters import condition
from prism.client.filters import any_of, field
from prism.interfaces.filter import Filter
from prism.interfaces.value import Kind
from prism.sdk.filters import Field, Order, resolve

FIELDS = {
    "name": Field("name", {Kind.STRING: "kept.name"}),
    "folded": Field("folded", {Kind.STRING: "kept.folded"}, Order.STORE),
    "other": Field("other", {Kind.STRING: "kept.other"}, Order.STORE),
    "number": Field("number", {Kind.INT64: "kept.number"}),
    "price": Field("price", {Kind.DECIMAL: "kept.price"}),
    "double": Field("double", {Kind.DOUBLE: "kept.double"}),
}


@pytest.fixture
async def kept(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A table with an index on each column; one takes a and A for one, one is in the database's own order."""
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(
            "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"
        )
    except asyncpg.FeatureNotSupportedError as unable:
        await connection.close()
        missing(f"PostgreSQL has no ICU collations here: {unable}")
    await connection.execute(
        'CREATE TABLE kept (name text COLLATE "C", folded text COLLATE folded, other text COLLATE "en-x-icu", '
        "number int, price numeric, double float8)"
    )
    for column in ("name", "folded", "other text_pattern_ops", "number", "price", "double"):
        await connection.execute(f"CREATE INDEX ON kept ({column})")
    await connection.execute("CREATE INDEX ordered ON kept (other)")
    await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    yield connection
    await connection.close()


async def run(kept: asyncpg.Connection, select: str, made: Filter) -> list[Any]:
    parameters: list[Any] = []
    where = condition(resolve(made, FIELDS), parameters)
    return [row[0] for row in await kept.fetch(f"{select} WHERE {where}", *parameters)]


async def test_strings_are_bytes_whatever_the_collation(kept: asyncpg.Connection) -> None:
    """EQ, NE and IN on a column that takes a and A for one; its own order is the store's."""
    await kept.execute("INSERT INTO kept (folded) VALUES ('a'), ('A'), ('á'), ('b')")
    select = "SELECT folded FROM kept"
    assert await run(kept, select, field("folded").eq("a")) == ["a"]
    assert sorted(await run(kept, select, field("folded").ne("a"))) == ["A", "b", "á"]
    assert sorted(await run(kept, select, field("folded").is_in(["A", "b", "c"]))) == ["A", "b"]
    assert sorted(await run(kept, select, field("folded").le("a"))) == ["A", "a", "á"]


async def test_prefixes_are_bytes_whatever_the_order(kept: asyncpg.Connection) -> None:
    """A column in the order of a language."""
    await kept.execute("INSERT INTO kept (other) VALUES ('a'), ('A'), ('ab'), ('á'), ('b'), ('a\U0010ffff')")
    found = await run(kept, "SELECT other FROM kept", field("other").starts_with("a"))
    assert sorted(found) == ["a", "ab", "a\U0010ffff"]


@pytest.mark.parametrize(
    ("made", "index"),
    [
        (field("name").eq("a"), "kept_name_idx"),
        (field("name").starts_with("a"), "kept_name_idx"),
        (field("name").lt("a"), "kept_name_idx"),
        (field("name").is_in(["a", "b"]), "kept_name_idx"),
        (field("folded").eq("a"), "kept_folded_idx"),
        (field("other").starts_with("a"), "kept_other_idx"),
        (field("other").lt("a"), "ordered"),
        (field("number").le(2.5), "kept_number_idx"),
        (field("price").eq(2), "kept_price_idx"),
        (field("double").gt(2), "kept_double_idx"),
    ],
)
async def test_an_index_serves(kept: asyncpg.Connection, made: Filter, index: str) -> None:
    """Each test looks up the index of its column, of a narrower type too."""
    shown = "\n".join(await run(kept, "EXPLAIN SELECT * FROM kept", made))
    assert f"using {index} on kept" in shown
    assert "Index Cond" in shown


async def test_many_lists_are_one_statement(kept: asyncpg.Connection) -> None:
    """Each IN is one parameter."""
    await kept.execute("INSERT INTO kept (name) VALUES ('x'), ('254/9')")
    every = [field("name").is_in([f"{number}/{place}" for place in range(10)]) for number in range(255)]
    assert await run(kept, "SELECT name FROM kept", any_of(*every)) == ["254/9"]
