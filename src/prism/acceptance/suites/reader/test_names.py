"""Rules 1 and 2: what there is, by its exact name, and what names a row."""

from itertools import pairwise

import pytest

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.reader.dsl import Rows, key, quoted, sort
from prism.client.filters import field
from prism.errors import CollectionNotFound, FailedPrecondition, InvalidArgument
from prism.interfaces import reader as r

NAMES = [
    'quo"te', "semi;colon", "it's", "%s", "{}", "a b", "MixedCase", "select", "é", "$1", "?1", "t", "--", "/*",
]  # fmt: skip
"""Names that are SQL, or need their case."""


async def test_what_is_not_there(rows: Rows) -> None:
    """CONTRACT, Reader 1: what is not named does not exist, whatever the store holds."""
    for name in (
        "nothing",
        "prism_mailbox",
        "sqlite_schema",
        "pg_catalog.pg_class",
        "pg_class",
        "Accounts",
        "ACCOUNTS",
    ):
        await rows.refused(CollectionNotFound, "ReadPage", r.ReadPageRequest(collection=name))
        await rows.refused(CollectionNotFound, "Get", r.GetRequest(collection=name, keys=[key("a")]))
        await rows.refused(CollectionNotFound, "Count", r.CountRequest(collection=name))
        await rows.refused(CollectionNotFound, "Describe", r.DescribeRequest(collection=name))
        await rows.refused(CollectionNotFound, "Read", r.ReadRequest(collection=name))


async def test_collections_are_listed(rows: Rows) -> None:
    """CONTRACT, Reader 1: the names of all collections, in byte order, over pages of any size."""
    await rows.table("id bigint NOT NULL PRIMARY KEY")
    names = await rows.names()
    assert names == sorted(names, key=str.encode)
    assert {"Entries", "accounts", "entries", "owners", "rich", "wealthy"} <= {*names}
    assert [name for name in names if name.startswith(("prism_", "sqlite_", "pg_"))] == []
    assert {"entries"} == {*await rows.names(prefix="entr")}
    assert set(names) <= {*await rows.names(limit=3)}


async def test_a_hidden_column_does_not_exist(rows: Rows) -> None:
    """CONTRACT, Reader 1: a column outside `columns` is not described, read, tested or sorted by."""
    described = await rows.describe("owners")
    assert [each.name for each in described.columns] == ["id", "owner"]
    assert {each.field for sort in described.sorts for each in sort.sort} <= {"id", "owner"}
    hidden = ("fields[0]", {"fields": ["balance"]}), ("filter.test.field", {"filter": field("balance").gt(0)})
    for path, asked in (*hidden, ("sort[0].field", {"sort": sort("balance")})):
        refusal = await rows.refused(InvalidArgument, "ReadPage", r.ReadPageRequest(collection="owners", **asked))
        assert [each.field for each in refusal.violations] == [path]
        assert "balance" not in refusal.violations[0].limit


async def test_names_are_exact(rows: Rows) -> None:
    """CONTRACT, Reader 1: names of columns and tables are what the store has, and nothing of them is SQL."""
    names = NAMES
    columns = ", ".join(f"{quoted(each)} bigint" for each in names)
    table = await rows.table(f"id bigint NOT NULL PRIMARY KEY, {columns}", [range(len(names) + 1)], name='T"; --')
    assert await rows.every(table) == [tuple(range(len(names) + 1))]
    for number, name in enumerate(names, 1):
        assert await rows.every(table, fields=[name], filter=field(name).eq(number)) == [(number,)]
        assert await rows.every(table, fields=[name], filter=field(name).ne(number)) == []
        if name.swapcase() not in {name, *names}:
            asked = r.ReadPageRequest(collection=table, fields=[name.swapcase()])
            await rows.refused(InvalidArgument, "ReadPage", asked)


async def test_a_composite_key(rows: Rows) -> None:
    """CONTRACT, Reader 2: a key of several columns names a row, and completes a sort."""
    values = [(a, b, f"{a}{b}") for a in "xyz" for b in range(20)]
    table = await rows.table('a text NOT NULL, "B" bigint NOT NULL, c text, PRIMARY KEY (a, "B")', values)
    assert (await rows.describe(table)).key == ["a", "B"]
    assert await rows.every(table, page_size=7) == sorted(values)
    assert await rows.get(table, key("y", 3), key("y", 30), key("x", 0), fields=["c"]) == {0: ("y3",), 2: ("x0",)}
    backwards = sorted(values, reverse=True)
    assert await rows.every(table, page_size=7, sort=sort("-a")) == backwards


@UNTYPED
async def test_a_key_that_is_none(rows: Rows) -> None:
    """CONTRACT, Reader 2: a key has a value of its column's kind for each of its columns, and no null."""
    table = await rows.table("a text NOT NULL, b bigint NOT NULL, PRIMARY KEY (a, b)", [("x", 1)])
    for wrong in (key("x"), key("x", 1, 2), key("x", None), key()):
        asked = r.GetRequest(collection=table, keys=[wrong])
        refusal = await rows.refused(InvalidArgument, "Get", asked)
        assert refusal.violations[0].field.startswith("keys[0].values")
    assert await rows.get(table, key("x", 2), key("X", 1)) == {}


async def test_a_key_that_is_vouched_for(rows: Rows) -> None:
    """CONTRACT, Reader 2: a view has the key that its configuration gives it."""
    described = await rows.describe("wealthy")
    assert described.key == ["id"]
    assert not described.indexes_only
    assert await rows.get("wealthy", key("not there")) == {}


async def test_without_a_key_pages_end_with_whole_groups(rows: Rows) -> None:
    """CONTRACT, Reader 2: without a key, a page ends with a whole group of rows that the sort does not tell apart."""
    values = [(group, number) for group in range(12) for number in range(group % 4 + 1)]
    table = await rows.table("g bigint, n bigint", values, indexes=["g"])
    assert list((await rows.describe(table)).key) == []
    pages = await rows.pages(table, sort=sort("g"), page_size=5)
    assert sorted(row for page in pages for row in page) == values
    assert len(pages) > 4
    for page, following in pairwise(pages):
        assert not {row[0] for row in page} & {row[0] for row in following}
    await rows.refused(FailedPrecondition, "Read", r.ReadRequest(collection=table, page_size=3))
    with pytest.raises(FailedPrecondition, match="more rows than fit on a page are alike"):
        await rows.every(table, sort=sort("g"), page_size=3)
