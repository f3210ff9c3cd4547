"""`prism reader` against a real server."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cli.command import Done, prism
from client.upstream import Upstream
from readers import reading


@pytest.fixture
async def upstream(tmp_path: Path) -> AsyncIterator[Upstream]:
    """A server that reads the table `city`."""
    async with reading(tmp_path) as upstream:
        yield upstream


async def reader(upstream: Upstream, command: str, *arguments: str) -> Done:
    return await prism("reader", command, "default", *arguments, endpoint=upstream.address)


async def answer(upstream: Upstream, command: str, *arguments: str) -> Any:
    """What it prints as JSON; it ends well."""
    done = await reader(upstream, command, *arguments, "-o", "json")
    assert done.code == 0, done.err
    return json.loads(done.out)


async def test_rows(upstream: Upstream) -> None:
    """Sorted, filtered, as a table and as JSON."""
    done = await reader(upstream, "read", "city", "--sort=-people", "--limit", "2", "-f", "name", "-f", "people")
    assert done.out == "NAME  PEOPLE\nWien  2005760\nGraz  302660\n"
    assert await answer(upstream, "read", "city", "-w", "people>=300000", "-w", "name!=Wien") == [
        {"id": 2, "name": "Graz", "people": 302660}
    ]
    assert [row["id"] for row in await answer(upstream, "read", "city", "-w", "name^=W")] == [1]
    assert [row["id"] for row in await answer(upstream, "read", "city", "-w", "people")] == [1, 2, 3]


async def test_one_row_and_how_many(upstream: Upstream) -> None:
    """By its key; a missing one exits with 1."""
    assert await answer(upstream, "get", "city", "4") == {"id": 4, "name": "Nirgends", "people": None}
    assert (await reader(upstream, "get", "city", "5")).code == 1
    assert await answer(upstream, "count", "city", "--at-most", "3") == {"rows": 3, "exact": False}


async def test_what_there_is(upstream: Upstream) -> None:
    """The collections, and what one is."""
    assert await answer(upstream, "collections") == [{"collection": "city"}]
    assert (await answer(upstream, "describe", "city"))["key"] == ["id"]
    assert "sort: -people, id" in (await reader(upstream, "describe", "city")).out


async def test_refusals(upstream: Upstream) -> None:
    """They say what to do."""
    done = await reader(upstream, "read", "city", "--sort", "name")
    assert (done.code, "no index serves this sort" in done.err) == (6, True)
    assert (await reader(upstream, "read", "nothing")).code == 6
    assert (await reader(upstream, "read", "city", "-w", "=3")).code != 0
