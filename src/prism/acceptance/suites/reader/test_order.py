"""Rules 3, 4 and 5: how rows are sorted, by which indexes."""

import itertools
from typing import Any

import pytest

from prism.acceptance.suites.reader.dsl import Rows, literal, sort
from prism.client.filters import all_of, any_of, field
from prism.errors import IndexMissing, InvalidArgument
from prism.interfaces import reader as r

WORDS = [None, "a", "A", "b", "B", "ab", "é", "", "Z", "z", "_", "-1"]
NUMBERS = [None, 1, 2, -3, 0, 2**40]
VALUES = [(place, *each) for place, each in enumerate(itertools.product(WORDS, NUMBERS))]
COLUMNS = "id bigint NOT NULL PRIMARY KEY, word text, number bigint"


def order(*fields: str, nulls: dict[str, Any] | None = None, usual: str = "") -> str:
    """The same sort in SQL, where nulls are small unless said otherwise."""
    parts = []
    for each in fields:
        name, descending = each.removeprefix("-"), each.startswith("-")
        first = (nulls or {}).get(name, r.NULLS_LAST if descending else r.NULLS_FIRST) == r.NULLS_FIRST
        parts.append(f"{name} {'DESC' if descending else 'ASC'} NULLS {'FIRST' if first else 'LAST'}")
    return f" ORDER BY {', '.join(parts)}" + usual


async def usual_nulls(rows: Rows, table: str, sort_of: list[r.Sort]) -> dict[str, Any]:
    """Where the indexes of the table have nulls, for a sort that they serve."""
    described = await rows.describe(table)
    for served in described.sorts:
        names = [(each.field, each.descending) for each in served.sort]
        for backwards in (False, True):
            asked = [(each.field, each.descending != backwards) for each in sort_of]
            if names[: len(asked)] == asked:
                nulls = {each.field: each.nulls for each in served.sort if each.nulls}
                swap = {r.NULLS_FIRST: r.NULLS_LAST, r.NULLS_LAST: r.NULLS_FIRST}
                return {name: swap[each] if backwards else each for name, each in nulls.items()}
    raise AssertionError("no index serves the sort")


@pytest.mark.parametrize("page_size", [1, 7, 100])
@pytest.mark.parametrize(
    "fields", [("word", "number"), ("-word", "-number"), ("word", "-number"), ("-word", "number"), ()]
)
async def test_every_direction(rows: Rows, fields: tuple[str, ...], page_size: int) -> None:
    """CONTRACT, Reader 3: rows come in the column's own order, nulls where the index has them, ties by the key."""
    indexes = ["word, number, id", "word, number DESC, id"]
    table = await rows.table(COLUMNS, VALUES, indexes=indexes)
    nulls = await usual_nulls(rows, table, sort(*fields)) if fields else {}
    got = await rows.every(table, sort=sort(*fields), page_size=page_size)
    assert len(got) == len(VALUES)
    key = "-id" if fields[:1] == ("-word",) else "id"
    expected = await rows.sql(f'SELECT id, word, number FROM "{table}"' + order(*fields, key, nulls=nulls))
    assert got == expected


async def test_nulls_where_they_are_asked_for(rows: Rows) -> None:
    """CONTRACT, Reader 3: nulls of the first field come first or last, as the sort asks, whatever the index has."""
    table = await rows.table(COLUMNS, VALUES, indexes=["number, id"])
    for descending, nulls in itertools.product(("", "-"), (r.NULLS_FIRST, r.NULLS_LAST)):
        asked = {"number": nulls}
        by = f"{descending}number"
        got = await rows.every(table, sort=sort(by, nulls=asked), page_size=5)
        expected = await rows.sql(f'SELECT id, word, number FROM "{table}"' + order(by, f"{descending}id", nulls=asked))
        assert got == expected, by


async def test_few_distinct_values(rows: Rows) -> None:
    """CONTRACT, Reader 4: a sort of few distinct values pages through each of them, in mixed directions."""
    values = [(place, place % 2, place % 3 or None) for place in range(90)]
    columns = "id bigint NOT NULL PRIMARY KEY, a bigint NOT NULL, b bigint"
    table = await rows.table(columns, values, indexes=["a DESC, b, id DESC"])
    nulls = await usual_nulls(rows, table, sort("-a", "b"))
    for page_size in (1, 4, 89, 90):
        got = await rows.every(table, sort=sort("-a", "b"), page_size=page_size)
        assert got == await rows.sql(f'SELECT id, a, b FROM "{table}"' + order("-a", "b", "-id", nulls=nulls))


async def test_a_sort_without_an_index(rows: Rows) -> None:
    """CONTRACT, Reader 5: it is refused, and the refusal says which index would serve; with one it is served."""
    table = await rows.table(COLUMNS, VALUES, indexes=["word, number, id"])
    for fields in (("number",), ("number", "word"), ("word", "-number")):
        asked = r.ReadPageRequest(collection=table, sort=sort(*fields))
        refusal = await rows.refused(IndexMissing, "ReadPage", asked)
        assert f'"{fields[0]}"' in refusal.message
    made = refusal.message.partition(" ON ")[2].partition("), ")[0] + ")"
    await rows.sql(f'CREATE INDEX "{table} made" ON {made}')
    assert len(await rows.every(table, sort=asked.sort)) == len(VALUES)


async def test_sorts_without_an_index_where_they_are_allowed(rows: Rows) -> None:
    """CONTRACT, Reader 5: `indexes_only: false` lets the store sort by itself."""
    names = [f"s{place:02}" for place in range(30)]
    prefix = "order-"
    await rows.sql(
        f"DELETE FROM \"Entries\" WHERE account LIKE '{prefix}%'",
        f"DELETE FROM accounts WHERE id LIKE '{prefix}%'",
        f"INSERT INTO accounts (id, owner) VALUES {rows.values((prefix + each, 'o') for each in names)}",
        'INSERT INTO "Entries" (account, "Amount", note) VALUES '
        + rows.values((prefix + each, place % 4, str(place)) for place, each in enumerate(names)),
    )
    mine = field("account").starts_with(prefix)
    got = await rows.every("entries", filter=mine, sort=sort("-Amount", "note"), fields=["account"], page_size=4)
    expected = await rows.sql(
        f'SELECT account FROM "Entries" WHERE account LIKE {literal(prefix + "%")} ORDER BY "Amount" DESC, note, number'
    )
    assert got == expected


async def test_equal_tests_are_the_first_columns_of_an_index(rows: Rows) -> None:
    """CONTRACT, Reader 5: EQ tests at the top of the filter leave the rest of an index to sort by."""
    values = [(place, place % 3, "ab"[place % 2], place // 6) for place in range(60)]
    columns = "id bigint NOT NULL PRIMARY KEY, tenant bigint NOT NULL, state text NOT NULL, made bigint NOT NULL"
    table = await rows.table(columns, values, indexes=["tenant, state, made DESC, id"])
    both = all_of(field("tenant").eq(1), all_of(field("state").eq("b")))
    got = await rows.every(table, filter=both, sort=sort("-made"), page_size=3)
    assert got == sorted((row for row in values if row[1:3] == (1, "b")), key=lambda row: (-row[3], row[0]))
    within = all_of(both, field("made").lt(6), field("made").ge(2))
    assert await rows.every(table, filter=within, sort=sort("-made"), page_size=2) == [
        row for row in got if 2 <= row[3] < 6
    ]
    for unserved in (field("tenant").eq(1), any_of(both), all_of(field("tenant").ge(1), field("state").eq("b"))):
        asked = r.ReadPageRequest(collection=table, filter=unserved, sort=sort("-made"))
        await rows.refused(IndexMissing, "ReadPage", asked)


async def test_indexes_that_do_not_count(rows: Rows) -> None:
    """CONTRACT, Reader 5: partial indexes and those of expressions serve no sort, and are not described."""
    table = await rows.table(COLUMNS, VALUES, indexes=["number, id) WHERE (number > 0", "lower(word), id"])
    described = await rows.describe(table)
    assert [[each.field for each in served.sort] for served in described.sorts] == [["id"]]
    await rows.refused(IndexMissing, "ReadPage", r.ReadPageRequest(collection=table, sort=sort("number")))


async def test_a_sort_that_is_wrong(rows: Rows) -> None:
    """CONTRACT, Reader 3: an unknown field, and one that is named twice."""
    table = await rows.table(COLUMNS, indexes=["word, id"])
    for wrong in (("nothing",), ("word", "word"), ("word", "-word")):
        asked = r.ReadPageRequest(collection=table, sort=sort(*wrong))
        refusal = await rows.refused(InvalidArgument, "ReadPage", asked)
        assert refusal.violations[0].field == f"sort[{len(wrong) - 1}].field"
