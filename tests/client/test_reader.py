"""`Client.reader`: rows as dicts, their pages, single rows, counts; the same without `await`."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from client.upstream import Fault, Upstream
from prism.client import (
    BackendUnavailable,
    Client,
    CollectionNotFound,
    Count,
    IndexMissing,
    Reader,
    all_of,
    field,
    sync,
)
from readers import reading


@pytest.fixture
async def upstream(tmp_path: Path) -> AsyncIterator[Upstream]:
    """A server that reads the table `city`."""
    async with reading(tmp_path) as upstream:
        yield upstream


@pytest.fixture
async def cities(upstream: Upstream) -> AsyncIterator[Reader]:
    """A client of it."""
    async with Client(upstream.address) as prism:
        yield prism.reader()


async def test_rows_are_dicts(cities: Reader) -> None:
    """Sorted and filtered; None where a column is null."""
    assert [row async for row in cities.read("city", limit=2)] == [
        {"id": 1, "name": "Wien", "people": 2_005_760},
        {"id": 2, "name": "Graz", "people": 302_660},
    ]
    names = [row["name"] async for row in cities.read("city", sort="people", nulls={"people": "last"})]
    assert names == ["Linz", "Graz", "Wien", "Nirgends"]
    where = all_of(field("people").exists(), field("name").ne("Wien"))
    assert [row async for row in cities.read("city", where=where, sort=["-people"], fields=["name"])] == [
        {"name": "Graz"}, {"name": "Linz"},
    ]  # fmt: skip


async def test_pages_go_on_from_a_cursor(cities: Reader, upstream: Upstream) -> None:
    """A page that fails is fetched again; its cursor begins the rest."""
    upstream.faults.append(Fault(BackendUnavailable("not now", retry_after=0.01)))
    pages = cities.read("city", page_size=3).pages()
    first = await anext(pages)
    await pages.aclose()
    assert [row["id"] for row in first.elements] == [1, 2, 3]
    rest = [row["id"] async for row in cities.read("city", page_size=3, cursor=first.next_cursor)]
    assert rest == [4]
    assert upstream.methods() == ["ReadPage"] * 3


async def test_rows_by_key_and_counts(cities: Reader) -> None:
    """None in the place of a row that is missing."""
    assert await cities.get("city", 2, fields=["name"]) == {"name": "Graz"}
    assert await cities.get("city", 9) is None
    assert await cities.get_many("city", [[3], [9], [1]], fields=["id"]) == [{"id": 3}, None, {"id": 1}]
    assert await cities.get_many("city", []) == []
    assert await cities.count("city") == Count(4, exact=True)
    assert await cities.count("city", where=field("people").exists(), at_most=2) == Count(2, exact=False)


async def test_what_there_is(cities: Reader) -> None:
    """The names of collections; of one, its columns, key and sorts."""
    assert [name async for name in cities.collections()] == ["city"]
    found = await cities.describe("city")
    assert [(each.name, each.kind, each.nullable) for each in found.columns] == [
        ("id", "dynamic", False), ("name", "dynamic", False), ("people", "dynamic", True),
    ]  # fmt: skip
    assert (found.key, found.indexes_only) == (("id",), True)
    assert ("-people", "id") in found.sorts


async def test_refusals(cities: Reader) -> None:
    """Each has a class of its own; what cannot be asked is refused before it is sent."""
    with pytest.raises(CollectionNotFound):
        await cities.count("nothing")
    with pytest.raises(IndexMissing, match="name"):
        await anext(aiter(cities.read("city", sort="name")))
    with pytest.raises(ValueError, match="which is not in sort"):
        cities.read("city", sort="-people", nulls={"name": "last"})
    with pytest.raises(ValueError, match="give 'first' or 'last'"):
        cities.read("city", sort="people", nulls={"people": "middle"})  # type: ignore[dict-item]


async def test_without_await(upstream: Upstream) -> None:
    """Every method."""

    def work() -> None:
        with sync.Client(upstream.address) as prism:
            reader = prism.reader()
            assert [row["id"] for row in reader.read("city", sort="-people", page_size=1)] == [1, 2, 3, 4]
            assert reader.get("city", 1, fields=["name"]) == {"name": "Wien"}
            assert reader.get_many("city", [[1]], fields=["id"]) == [{"id": 1}]
            assert reader.count("city").rows == 4
            assert reader.describe("city").key == ("id",)
            assert list(reader.collections()) == ["city"]

    await asyncio.to_thread(work)
