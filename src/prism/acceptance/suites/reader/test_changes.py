"""Rules 7 and 10: rows and tables that change while they are read."""

import random
from typing import Any

from prism.acceptance.suites.reader.dsl import Row, Rows, literal, plain, sort
from prism.client.filters import field
from prism.errors import CollectionNotFound, SchemaChanged
from prism.interfaces import reader as r

COLUMNS = "id bigint NOT NULL PRIMARY KEY, a bigint, b text"
SORTS = (("a", "b"), ("-a", "b"), ("-a", "-b"), ())


async def test_rows_come_and_go_between_pages(rows: Rows) -> None:
    """CONTRACT, Reader 7: rows that are added or deleted between pages cause no other to be skipped or repeated."""
    choice = random.Random(7)

    def fresh(number: int) -> Row:
        return number, choice.choice([None, 1, 2, 3]), choice.choice([None, "x", "y", "z"])

    for fields in SORTS:
        there = {number: fresh(number) for number in range(60)}
        lasting, following = set(there), 60
        table = await rows.table(COLUMNS, there.values(), indexes=["a, b, id", "a DESC, b, id"])
        got: list[Row] = []
        cursor = b""
        while True:
            asked: dict[str, Any] = {
                "sort": sort(*fields),
                "page_size": choice.randint(1, 9),
                "filter": field("id").ge(0),
            }
            page = await rows.page(table, cursor=cursor, **asked)
            got += [plain(row) for row in page.rows]
            cursor = page.next_cursor
            if not cursor:
                break
            gone = choice.sample(sorted(there), 2)
            last = [got[-1][0]] if choice.random() < 0.3 and got[-1][0] in there else []
            added = [fresh(following), fresh(following + 1)]
            following += 2
            for number in {*gone, *last}:
                del there[number]
            there |= {row[0]: row for row in added}
            lasting -= {*gone, *last}
            await rows.sql(
                f'DELETE FROM "{table}" WHERE id IN ({", ".join(map(literal, [*gone, *last]))})',
                f'INSERT INTO "{table}" VALUES {rows.values(added)}',
            )
        numbers = [row[0] for row in got]
        assert len({*numbers}) == len(numbers), f"a row came twice by {fields}"
        assert lasting <= {*numbers}, f"a row was skipped by {fields}"


async def test_a_schema_that_changes_under_a_cursor(rows: Rows) -> None:
    """CONTRACT, Reader 10: the cursor is refused, never used for other rows; without one the new table is read."""
    values = [(place, place % 3, str(place)) for place in range(20)]
    changes = [
        'ALTER TABLE "{0}" ADD COLUMN c bigint',
        'ALTER TABLE "{0}" RENAME COLUMN b TO renamed',
        'DROP TABLE "{0}"; CREATE TABLE "{0}" (a bigint, b text, id text NOT NULL PRIMARY KEY)',
    ]
    for change in changes:
        table = await rows.table(COLUMNS, values, indexes=["a, id"])
        first = await rows.page(table, page_size=5)
        assert len(first.rows) == 5
        await rows.sql(*change.format(table).split("; "))
        for via in range(rows.caller.gateways):
            asked = r.ReadPageRequest(collection=table, page_size=5, cursor=first.next_cursor)
            await rows.refused(SchemaChanged, "ReadPage", asked, via=via)
            described = [each.name for each in (await rows.describe(table, via=via)).columns]
            assert list((await rows.page(table, via=via)).columns) == described


async def test_an_index_that_goes(rows: Rows) -> None:
    """CONTRACT, Reader 10: a cursor goes on only by an index that sorts as the one that it was made by."""
    values = [(place, place % 3 or None, str(place)) for place in range(20)]
    table = await rows.table(COLUMNS, values, indexes=["a, id"])
    first = await rows.page(table, page_size=5, sort=sort("a"))
    await rows.sql(f'DROP INDEX "{table} 0"', f'CREATE INDEX "{table} 1" ON "{table}" (a, id DESC)')
    asked = r.ReadPageRequest(collection=table, page_size=5, sort=sort("a"), cursor=first.next_cursor)
    await rows.refused(SchemaChanged, "ReadPage", asked)
    assert len(await rows.every(table, sort=sort("a"))) == 20


async def test_a_table_that_comes_and_goes(rows: Rows) -> None:
    """CONTRACT, Reader 1: a table is there as soon as it is made, and not any more once it is dropped."""
    table = await rows.table(COLUMNS, [(1, None, None)])
    assert await rows.every(table) == [(1, None, None)]
    await rows.sql(f'DROP TABLE "{table}"')
    for via in range(rows.caller.gateways):
        await rows.refused(CollectionNotFound, "ReadPage", r.ReadPageRequest(collection=table), via=via)
