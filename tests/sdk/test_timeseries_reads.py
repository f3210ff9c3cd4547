"""How often a store is asked for what one call reads."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from prism.backends.memory.timeseries.store import MemorySeries
from prism.context import Context
from prism.errors import LimitExceeded
from prism.interfaces import timeseries as t
from prism.sdk.timeseries import Events, Group, SeriesOptions, StoredTimeSeries
from prism.sdk.timeseries import stored_series as module

CONTEXT = Context("n")


class Counting(MemorySeries):
    """A store that notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__(lambda: 10**15)
        self.pages = self.groupings = 0
        self.held = asyncio.Event()
        self.held.set()

    async def query(self, *arguments: Any, **more: Any) -> Events:
        """Counts, and waits where it is held."""
        self.pages += 1
        await self.held.wait()
        return await super().query(*arguments, **more)

    async def groups(self, *arguments: Any) -> list[Group]:
        """Counts."""
        self.groupings += 1
        return [*await super().groups(*arguments)]


async def _filled(store: MemorySeries, groups: int, options: SeriesOptions | None = None) -> StoredTimeSeries:
    series = StoredTimeSeries(store, options or SeriesOptions())
    series.declare(series.capabilities.model_copy(update={"value_kinds": ("int64",), "aggregate": True}))
    config = t.Config(fields=[t.Field(name="n", kind="int64")])
    await series.create_stream(t.CreateStreamRequest(stream="s", config=config), CONTEXT)
    events = [t.Event(timestamp=number, attributes={"n": {"int64": number % groups}}) for number in range(30)]
    await series.append(t.AppendRequest(stream="s", events=events), CONTEXT)
    return series


async def test_a_page_is_read_while_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """One ahead and no more; what is read when its caller leaves is given up."""
    monkeypatch.setattr(module, "_PAGE_EVENTS", 10)
    store = Counting()
    series = await _filled(store, 1)
    async with aclosing(series.query(t.QueryRequest(stream="s"), CONTEXT)) as responses:
        assert len((await anext(responses)).SerializeToString()) > 0
        await asyncio.sleep(0)
        assert store.pages == 2
        store.held.clear()
        await anext(responses)
        await asyncio.sleep(0)
        assert store.pages == 3
    store.held.set()
    found = [each async for each in series.query(t.QueryRequest(stream="s", limit=10), CONTEXT)]
    assert (store.pages, len(found)) == (4, 2)


async def test_groups_are_counted_where_the_first_page_does_not_say() -> None:
    """A page that has all buckets has all groups; else the store is asked how many there are, once."""
    store = Counting()
    series = await _filled(store, 10)
    asked = t.AggregateRequest(
        stream="s", group_by=["n"],
        functions=[t.Function(**{"function": t.FunctionName.TIME_SERIES_FUNCTION_NAME_COUNT, "as": "n"})],
    )  # fmt: skip
    assert len((await series.aggregate(asked, CONTEXT)).buckets) == 10
    assert store.groupings == 0
    asked.limit = 4
    first = await series.aggregate(asked, CONTEXT)
    assert (len(first.buckets), store.groupings) == (4, 1)
    asked.cursor = first.next_cursor
    assert len((await series.aggregate(asked, CONTEXT)).buckets) == 4
    assert store.groupings == 1


@pytest.mark.parametrize("limit", [0, 4])
async def test_too_many_groups(limit: int) -> None:
    """They are refused, whether a page has all of them or not."""
    series = await _filled(Counting(), 10, SeriesOptions(max_groups=9))
    asked = t.AggregateRequest(stream="s", group_by=["n"], limit=limit)
    asked.functions.add(function=t.FunctionName.TIME_SERIES_FUNCTION_NAME_COUNT)
    with pytest.raises(LimitExceeded, match="more than 9 groups"):
        await series.aggregate(asked, CONTEXT)
