"""Rules 6, 7, 8 and 11: pages, their cursors, streams, single rows and counts."""

from base64 import b64decode
from typing import Any

import pytest

from prism.acceptance.suites.reader.dsl import Rows, key, plain, sort
from prism.client.filters import all_of, field
from prism.errors import CallerError, InvalidArgument
from prism.interfaces import reader as r

COLUMNS = "id bigint NOT NULL PRIMARY KEY, kind bigint, word text"
VALUES = [(place, place % 10, f"w{place:03}") for place in range(230)]
SCAN = 50
"""Rows that a page looks at, in the configuration of the test stores."""


async def test_a_stream_is_all_rows(rows: Rows) -> None:
    """CONTRACT, Reader: a stream is the pages of the same read, and ends with `end`."""
    table = await rows.table(COLUMNS, VALUES, indexes=["kind, id"])
    reads: list[dict[str, Any]] = [
        {},
        {"sort": sort("-kind")},
        {"filter": field("kind").eq(3)},
        {"fields": ["word", "id"]},
    ]
    for asked in reads:
        assert await rows.streamed(table, page_size=40, **asked) == await rows.every(table, page_size=17, **asked)
    empty = await rows.table(COLUMNS)
    assert await rows.streamed(empty) == []
    assert await rows.pages(empty) == [[]]


async def test_pages_have_the_columns_asked_for(rows: Rows) -> None:
    """CONTRACT, Reader 1: the columns come in the order of `fields`, else in the table's."""
    table = await rows.table(COLUMNS, VALUES[:3])
    page = await rows.page(table, fields=["word", "id"])
    assert list(page.columns) == ["word", "id"]
    assert [plain(row) for row in page.rows] == [(word, place) for place, _, word in VALUES[:3]]
    assert list((await rows.page(table)).columns) == ["id", "kind", "word"]


async def test_a_filter_that_finds_little(rows: Rows) -> None:
    """CONTRACT, Reader 6: a page looks at `max_scan` rows at most; a short or empty one has a cursor."""
    table = await rows.table(COLUMNS, VALUES)
    pages = await rows.pages(table, filter=field("id").is_in([3, 4, 229]), page_size=2)
    assert [row for page in pages for row in page] == [VALUES[3], VALUES[4], VALUES[229]]
    assert [] in pages
    assert len(VALUES) // SCAN <= len(pages) <= 2 + len(VALUES) // (SCAN * 0.8)
    assert await rows.every(table, filter=field("word").eq("none")) == []
    assert len(await rows.pages(table, filter=field("kind").exists(), page_size=1000)) >= len(VALUES) // SCAN


async def test_a_page_ends_at_a_mebibyte(rows: Rows) -> None:
    """CONTRACT, Reader 6: large rows make small pages, of one row at least."""
    large = "x" * 400_000
    table = await rows.table("id bigint NOT NULL PRIMARY KEY, word text", [(place, large) for place in range(5)])
    await rows.sql(f"INSERT INTO \"{table}\" VALUES (5, '{'y' * 1_500_000}'), (6, 'z')")
    pages = await rows.pages(table)
    assert [len(page) for page in pages] == [2, 2, 1, 1, 1]
    assert [row[0] for page in pages for row in page] == [*range(7)]


async def test_a_row_that_is_too_large(rows: Rows) -> None:
    """CONTRACT, Reader 4.2: it is refused by itself, with a cursor behind it."""
    most = rows.capabilities.max_payload
    table = await rows.table("id bigint NOT NULL PRIMARY KEY, word text", [(1, "a"), (3, "c")])
    await rows.sql(f"INSERT INTO \"{table}\" VALUES (2, '{'y' * (most + 100)}')")
    first = await rows.page(table)
    assert [plain(row) for row in first.rows] == [(1, "a")]
    with pytest.raises(CallerError) as caught:
        await rows.page(table, cursor=first.next_cursor)
    assert caught.value.reason == "ANSWER_TOO_LARGE"
    assert caught.value.metadata["key"] == "2"
    rest = await rows.page(table, cursor=b64decode(caught.value.metadata["cursor"]))
    assert [plain(row) for row in rest.rows] == [(3, "c")]


async def test_a_cursor_belongs_to_its_query(rows: Rows) -> None:
    """CONTRACT, Reader 7: another collection, namespace, filter, sort or fields, and what was changed, are refused."""
    table = await rows.table(COLUMNS, VALUES, indexes=["kind, id"])
    twin = await rows.table(COLUMNS, VALUES, indexes=["kind, id"])
    asked: dict[str, Any] = {"sort": sort("kind"), "filter": field("kind").ge(1), "fields": ["id"], "page_size": 5}
    cursor = (await rows.page(table, **asked)).next_cursor
    changes: list[dict[str, Any]] = [
        {"sort": sort("-kind")},
        {"filter": field("kind").ge(2)},
        {"fields": ["id", "kind"]},
        {"sort": []},
    ]
    for change in changes:
        request = r.ReadPageRequest(collection=table, cursor=cursor, **(asked | change))
        await rows.refused(InvalidArgument, "ReadPage", request)
    for wrong in (cursor[:-1], cursor + b"x", cursor[:20] + b"\0" + cursor[21:], b"x", bytes(reversed(cursor))):
        await rows.refused(InvalidArgument, "ReadPage", r.ReadPageRequest(collection=table, cursor=wrong, **asked))
    await rows.refused(InvalidArgument, "ReadPage", r.ReadPageRequest(collection=twin, cursor=cursor, **asked))
    same = r.ReadPageRequest(collection=table, cursor=cursor, **asked)
    await rows.other().refused(InvalidArgument, "ReadPage", same)
    assert len((await rows.page(table, cursor=cursor, **(asked | {"page_size": 9}))).rows) == 9
    streamed = await rows.streamed(table, cursor=cursor, **asked)
    assert streamed == (await rows.every(table, **asked))[5:]


async def test_unusual_values_page(rows: Rows) -> None:
    """CONTRACT, Reader 7: every value of a sort is a place to go on from."""
    words = ["", " ", "a ", "a", "'", '"', "\\", "%", "_", "\n", "é", "e\u0301", "\U0001f600", "x" * 1500, "A", None]
    numbers = [0.1, 1e300, -1e-300, 2**53, -(2**53), 1.5, 0, -5, None]
    values = [(place, word, number) for place, (word, number) in enumerate((w, n) for w in words for n in numbers)]
    columns = "id bigint NOT NULL PRIMARY KEY, word text, number double precision"
    table = await rows.table(columns, values, indexes=["word, number, id", "number, word, id"])
    for fields in (("word", "number"), ("-number", "-word")):
        got = await rows.every(table, sort=sort(*fields), page_size=1, fields=["id"])
        assert len({*got}) == len(got) == len(values)
        assert got == [row[:1] for row in await rows.every(table, sort=sort(*fields), page_size=1000)]


async def test_rows_by_their_keys(rows: Rows) -> None:
    """CONTRACT, Reader: Get gives the rows that are there, by the place of their keys; one may be asked for twice."""
    table = await rows.table(COLUMNS, VALUES)
    found = await rows.get(table, key(7), key(-1), key(7), key(229), fields=["word"])
    assert found == {0: ("w007",), 2: ("w007",), 3: ("w229",)}
    assert await rows.get(table, key(10**12)) == {}
    assert len(await rows.get(table, *map(key, range(230)))) == 230


async def test_counts_stop(rows: Rows) -> None:
    """CONTRACT, Reader 8: counting stops at `at_most`, and says whether that was all."""
    table = await rows.table(COLUMNS, VALUES)
    assert await rows.count(table) == (230, True)
    assert await rows.count(table, at_most=230) == (230, True)
    assert await rows.count(table, at_most=229) == (229, False)
    assert await rows.count(table, at_most=1) == (1, False)
    assert await rows.count(table, all_of(field("kind").eq(3), field("id").lt(100))) == (10, True)
    assert await rows.count(table, field("kind").eq(11)) == (0, True)


async def test_describe(rows: Rows) -> None:
    """CONTRACT, Reader 2 and 3: columns, key, and the sorts that indexes serve."""
    table = await rows.table(
        "id bigint NOT NULL PRIMARY KEY, word text NOT NULL, n bigint, twice bigint GENERATED ALWAYS AS (n * 2) STORED",
        indexes=["word DESC, n"],
    )
    described = await rows.describe(table)
    assert [(each.name, each.nullable, each.generated) for each in described.columns] == [
        ("id", False, False), ("word", False, False), ("n", True, False), ("twice", True, True),
    ]  # fmt: skip
    kinds = ["int64", "string", "int64", "int64"] if rows.capabilities.kinds == "column" else ["dynamic"] * 4
    assert [each.kind for each in described.columns] == kinds
    assert all(each.store_type for each in described.columns)
    assert list(described.key) == ["id"]
    assert described.indexes_only
    served = [[(each.field, each.descending) for each in one.sort] for one in described.sorts]
    assert [("id", False)] in served
    (by_word,) = (each for each in served if each[0][0] == "word")
    assert by_word[:2] == [("word", True), ("n", False)]
