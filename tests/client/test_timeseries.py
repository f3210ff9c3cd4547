"""`Client.timeseries`: events and buckets as plain Python, tails that go on; the same without `await`."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from client.upstream import Fault, Upstream
from prism.client import (
    Appended,
    BackendUnavailable,
    Client,
    Event,
    Outcome,
    StreamNotFound,
    TimeSeries,
    field,
    sync,
    to_arrow,
)
from series import keeping_series

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """An instant."""
    return T0 + timedelta(seconds=seconds)


@pytest.fixture
async def upstream(tmp_path: Path) -> AsyncIterator[Upstream]:
    """A server that keeps streams."""
    async with keeping_series(tmp_path) as upstream:
        yield upstream


@pytest.fixture
async def rides(upstream: Upstream) -> AsyncIterator[TimeSeries]:
    """A client of it, and a stream `rides` with ten events."""
    async with Client(upstream.address) as prism:
        series = prism.timeseries()
        await series.create("rides", {"km": "double", "place": "string", "n": "int64"}, indexed=["place"], dedup=True)
        events = [Event(at(n), {"km": n / 2, "place": "ab"[n % 2], "n": n}, b"p", f"e{n}") for n in range(10)]
        assert await series.append("rides", events) == Appended(10, 0, 0)
        yield series


async def test_events_are_plain(rides: TimeSeries) -> None:
    """They come back equal, by page and by stream, filtered and backwards."""
    first, *_ = found = [each async for each in rides.query("rides", page_size=3)]
    assert len(found) == 10
    assert first == Event(at(0), {"km": 0.0, "place": "a", "n": 0}, b"p", "e0")
    some = rides.stream("rides", begin=at(2), end=at(8), where=field("place").eq("b"), descending=True)
    assert [each.event_id async for each in some] == ["e7", "e5", "e3"]
    assert [each.event_id async for each in rides.stream("rides", limit=2)] == ["e0", "e1"]
    with pytest.raises(ValueError, match="time zone"):
        await rides.append("rides", [Event(datetime(2026, 1, 1))])  # noqa: DTZ001  # that is what is refused


async def test_an_append_with_a_key_is_repeated(rides: TimeSeries, upstream: Upstream) -> None:
    """What is not known of it is settled by the key; without one the application is asked."""
    unknown = Fault(BackendUnavailable("cut", outcome=Outcome.UNKNOWN), applied=True)
    upstream.faults.append(unknown)
    assert await rides.append("rides", [Event(at(20), {}, b"", "k")], idempotency_key="k") == Appended(1, 0, 0)
    upstream.faults.append(unknown)
    with pytest.raises(BackendUnavailable):
        await rides.append("rides", [Event(at(21), {}, b"", "l")])


async def test_a_stream_that_is_cut_keeps_its_limit(rides: TimeSeries, upstream: Upstream) -> None:
    """The limit counts what came before the cut."""
    upstream.faults.append(Fault(BackendUnavailable("cut"), messages=1))
    assert [each.event_id async for each in rides.stream("rides", limit=3)] == ["e0", "e1", "e2"]
    assert upstream.methods().count("Query") == 2


async def test_buckets(rides: TimeSeries) -> None:
    """Functions by their names, windows, groups, and what empty windows have."""
    asked = {"n": "count", "total": ("sum", "n"), "late": ("p95", "km")}
    (whole,) = [each async for each in rides.aggregate("rides", asked)]  # type: ignore[arg-type]
    assert (whole.start, whole.end, whole.values) == (None, None, {"n": 10, "total": Decimal(45), "late": 4.5})
    buckets = rides.aggregate(
        "rides", {"n": "count"}, begin=at(-10), end=at(20), every=10, group_by=["place"], fill=("value", 0)
    )
    assert [(each.start, each.group["place"], each.values["n"]) async for each in buckets] == [
        (at(second), place, 5 if second == 0 else 0) for second in (-10, 0, 10) for place in "ab"
    ]
    days = rides.aggregate("rides", {"n": "count"}, begin=at(0), end=at(86400), calendar="day", zone="Europe/Berlin")
    assert [each.values["n"] async for each in days] == [10]
    with pytest.raises(ValueError, match="not a function"):
        rides.aggregate("rides", {"x": ("median", "n")})


async def test_the_newest_and_what_a_stream_is(rides: TimeSeries) -> None:
    """Latest by group; describe, streams, update, delete."""
    assert [each.event_id async for each in rides.latest("rides", ["place"])] == ["e8", "e9"]
    found = await rides.describe("rides")
    assert (found.first, found.last, found.dedup, found.indexed) == (at(0), at(9), True, {"place"})
    assert found.retention is None
    changed = await rides.update("rides", fields={"more": "bool"}, retention=timedelta(days=36500))
    assert changed.fields == {"km": "double", "place": "string", "n": "int64", "more": "bool"}
    assert [each async for each in rides.streams()] == ["rides"]
    assert await rides.delete_events("rides", begin=at(5)) == 5
    assert await rides.delete("rides")
    with pytest.raises(StreamNotFound):
        await rides.describe("rides")


async def test_a_tail_goes_on(rides: TimeSeries, upstream: Upstream) -> None:
    """What was there, what arrives, and the same behind a position; each event once."""
    seen: list[Event] = []
    arrived = asyncio.Event()

    async def follow(after: bytes, count: int) -> None:
        async for event in rides.tail("rides", after=after):
            seen.append(event)
            arrived.set()
            if len(seen) == count:
                return

    task = asyncio.create_task(follow(b"", 12))
    await arrived.wait()
    await rides.append("rides", [Event(at(100), {}, b"", "x"), Event(at(50), {}, b"", "y")])
    await asyncio.wait_for(task, 20)
    assert [each.event_id for each in seen] == [*(f"e{n}" for n in range(10)), "x", "y"]
    position = seen[-1].position
    assert position
    await rides.append("rides", [Event(at(1), {}, b"", "z")])
    await asyncio.wait_for(follow(position, 13), 20)
    assert seen[-1].event_id == "z"


async def test_without_await(rides: TimeSeries, upstream: Upstream) -> None:
    """The same from a thread without a loop."""
    del rides

    def work() -> tuple[int, list[str]]:
        with sync.Client(upstream.address) as prism:
            series = prism.timeseries()
            return len(list(series.query("rides"))), [each.event_id for each in series.stream("rides", limit=3)]

    assert await asyncio.to_thread(work) == (10, ["e0", "e1", "e2"])


def test_tables() -> None:
    """Columns by name, None where a row is without one."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    table = to_arrow([Event(at(0), {"a": 1}), Event(at(1), {"b": 2.5})])
    assert table.column("a").to_pylist() == [1, None]
    assert table.schema.field("b").type == pa.float64()
