"""TimeSeries on ClickHouse, where it is ClickHouse's alone: a store that fails under load, its tables, its limits.

What was appended is counted by ledgers of the tests' own.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from missing import missing
from prism.acceptance.store.backend import StoreMissing
from prism.acceptance.suites.timeseries.dsl import BY_ID, at, event, fields, function
from prism.backends.clickhouse.backend import ClickHouseBackend
from prism.backends.clickhouse.config import ClickHouseConfig, ClickHouseCredentials
from prism.backends.clickhouse.testing import Engine
from prism.client.values import to_value
from prism.context import Context
from prism.errors import BackendUnavailable, InvalidArgument, LimitExceeded, Outcome, PrismError
from prism.interfaces import timeseries as t
from prism.interfaces.capabilities.timeseries import TimeSeriesCapabilities
from prism.sdk import Deadline

NUMBERS = itertools.count()
DECLARED = TimeSeriesCapabilities(
    value_kinds=("null", "bool", "int64", "double", "decimal", "string", "bytes", "timestamp", "list", "map", "other"),
    dedup=True,
    aggregate=True,
    latest=True,
)


def here(seconds: float = 60.0) -> Context:
    """The context of a call."""
    return Context("here", Deadline.after(seconds))


@asynccontextmanager
async def running(engine: Engine, database: str = "", **config: Any) -> AsyncIterator[Any]:
    """A backend on a database of its own, and the TimeSeries that it serves."""
    options = {"urls": [engine.url], "database": database or f"d{next(NUMBERS)}", **config}
    backend = ClickHouseBackend(
        ClickHouseConfig.model_validate(options),
        ClickHouseCredentials.model_validate({"username": engine.user, "password": engine.password}),
    )
    series: Any = backend.interfaces[0]
    series.declare(DECLARED)
    try:
        await backend.start()
        yield series
    finally:
        await backend.stop()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine that the tests of this module kill, pause and limit."""
    try:
        engine = Engine()
    except StoreMissing as absent:
        missing(str(absent))
    engine.start()
    yield engine
    engine.stop()


async def append(series: Any, *events: t.Event, stream: str = "s", seconds: float = 60.0) -> t.AppendResponse:
    """An Append."""
    done: t.AppendResponse = await series.append(t.AppendRequest(stream=stream, events=events), here(seconds))
    return done


async def ids(series: Any, stream: str = "s") -> Counter[str]:
    """How often each event is there."""
    found: Counter[str] = Counter()
    async for each in series.query(t.QueryRequest(stream=stream), here()):
        answer = t.QueryResponse.FromString(each.SerializeToString())
        found.update(one.event_id for one in answer.page.events)
    return found


class Ledger:
    """What was said of each event."""

    def __init__(self) -> None:
        self.kept: set[str] = set()
        self.refused: set[str] = set()
        self.unknown: set[str] = set()
        self.changed = asyncio.Event()

    async def load(self, series: Any, caller: int, *, until: asyncio.Event, seconds: float) -> None:
        """Appends batches of five until it is told to stop; each with names of its own."""
        for number in itertools.count():
            if until.is_set():
                return
            names = [f"{caller}-{number}-{each}" for each in range(5)]
            try:
                await append(series, *(event(number % 3600, each, n=1) for each in names), seconds=seconds)
            except PrismError as error:
                (self.refused if error.outcome is Outcome.NOT_APPLIED else self.unknown).update(names)
                await asyncio.sleep(0.01)  # as a caller that tries again a little later
            else:
                self.kept.update(names)
            self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until what was said so far is enough."""
        while not condition():
            self.changed.clear()
            await self.changed.wait()

    def check(self, there: Counter[str]) -> None:
        """Everything acknowledged is there once, nothing that was refused is."""
        assert not self.kept - there.keys()
        assert not self.refused & there.keys()
        assert there.keys() <= self.kept | self.unknown
        assert {*there.values()} <= {1}


@asynccontextmanager
async def loaded(series: Any, ledger: Ledger, *, callers: int = 8, seconds: float = 60.0) -> AsyncIterator[None]:
    """Callers that append meanwhile."""
    config = t.Config(fields=fields({"n": "int64"}), dedup=BY_ID)
    await series.create_stream(t.CreateStreamRequest(stream="s", config=config), here())
    until = asyncio.Event()
    tasks = [asyncio.create_task(ledger.load(series, each, until=until, seconds=seconds)) for each in range(callers)]
    try:
        async with asyncio.timeout(120):
            await ledger.until(lambda: len(ledger.kept) >= 100)
            yield
            kept = len(ledger.kept)
            await ledger.until(lambda: len(ledger.kept) >= kept + 100)
    finally:
        until.set()
        await asyncio.gather(*tasks)


async def counted(series: Any) -> int:
    """What the store counts."""
    request = t.AggregateRequest(stream="s", functions=[function("count", "n")])
    answer = await series.aggregate(request, here())
    return int(answer.buckets[0].values[0].int64)


async def test_killed_under_load(engine: Engine) -> None:
    """What was acknowledged is there once after kills, what was refused is not, and all else was UNKNOWN."""
    ledger = Ledger()
    async with running(engine) as series:
        async with loaded(series, ledger):
            for _ in range(2):
                engine.kill()
                failed = len(ledger.refused) + len(ledger.unknown)
                await ledger.until(lambda failed=failed: len(ledger.refused) + len(ledger.unknown) > failed)  # type: ignore[misc]
                await asyncio.to_thread(engine.start)
                kept = len(ledger.kept)
                await ledger.until(lambda kept=kept: len(ledger.kept) > kept)  # type: ignore[misc]
        there = await ids(series)
        ledger.check(there)
        assert await counted(series) == len(there)
        # Repeating what is UNKNOWN is safe: each is there once afterwards.
        repeated = [event(int(name.split("-")[1]) % 3600, name, n=1) for name in sorted(ledger.unknown)]
        if repeated:
            done = await append(series, *repeated)
            assert done.appended + done.duplicates == len(repeated)
        assert await ids(series) == Counter(ledger.kept | ledger.unknown)


async def test_paused_under_load(engine: Engine) -> None:
    """Calls end by their deadlines, as UNKNOWN; then it goes on."""
    ledger = Ledger()
    async with running(engine) as series:
        async with loaded(series, ledger, seconds=3.0):
            engine.pause()
            try:
                await ledger.until(lambda: bool(ledger.unknown))
            finally:
                engine.resume()
        there = await ids(series)
        ledger.check(there)
        assert await counted(series) == len(there)


async def test_read_only_under_load(engine: Engine) -> None:
    """A user that may not write any more: nothing was applied, and reads go on."""
    ledger = Ledger()
    async with running(engine) as series:
        async with loaded(series, ledger):
            engine.limit(readonly="2")
            try:
                await ledger.until(lambda: len(ledger.refused) > 100)
                assert await counted(series) >= 100
            finally:
                engine.limit()
        assert not ledger.unknown
        there = await ids(series)
        ledger.check(there)
        assert there.keys() == ledger.kept


async def test_out_of_memory_under_load(engine: Engine) -> None:
    """No memory for a statement: it is said, and whether a write was applied is not known."""
    ledger = Ledger()
    async with running(engine) as series:
        async with loaded(series, ledger):
            engine.limit(max_memory_usage="1000", max_untracked_memory="1")
            try:
                await ledger.until(lambda: len(ledger.unknown) + len(ledger.refused) > 100)
                with pytest.raises(LimitExceeded):
                    await ids(series)
            finally:
                engine.limit()
        there = await ids(series)
        ledger.check(there)
        assert await counted(series) == len(there)


async def test_two_that_make_and_change_a_stream(shared_engine: Engine) -> None:
    """Of two gateways one makes it, both add fields, none is lost; a stream made anew gets nothing of the old one."""
    async with running(shared_engine, "shared_by_two") as one, running(shared_engine, "shared_by_two") as other:
        config = t.Config(fields=fields({"n": "int64"}))
        made = await asyncio.gather(
            *(each.create_stream(t.CreateStreamRequest(stream="s", config=config), here()) for each in (one, other))
        )
        assert sum(each.created for each in made) == 1
        await append(one, event(1, "a", n=1))
        await append(other, event(2, "b", n=2))
        await asyncio.gather(
            one.update_stream(t.UpdateStreamRequest(stream="s", fields=fields({"x": "double"})), here()),
            other.update_stream(t.UpdateStreamRequest(stream="s", fields=fields({"y": "string"})), here()),
        )
        answer = await one.describe_stream(t.DescribeStreamRequest(stream="s"), here())
        assert {each.name for each in answer.config.fields} == {"n", "x", "y"}
        for number, each in enumerate((one, other)):
            await append(each, event(3 + number, f"c{number}", n=1, x=0.5, y="z"))
        await one.delete_stream(t.DeleteStreamRequest(stream="s"), here())
        await append(other, event(9, "new"))
        assert await ids(one) == {"new": 1}


async def test_decimals_have_their_bounds(shared_engine: Engine) -> None:
    """A field of decimals keeps 38 digits before the point and 38 behind it; more is refused, and nothing is kept."""
    async with running(shared_engine) as series:
        config = t.Config(fields=fields({"price": "decimal"}))
        await series.create_stream(t.CreateStreamRequest(stream="s", config=config), here())
        widest = "9" * 38 + "." + "9" * 38
        await append(
            series, *(event(1, name, price=Decimal(text)) for name, text in (("a", widest), ("b", f"-{widest}")))
        )
        for wrong in (Decimal(10**38), Decimal("0." + "1" * 39)):
            with pytest.raises(InvalidArgument, match="38"):
                await append(series, event(3, "c"), event(4, "d", price=to_value(wrong)))
        request = t.AggregateRequest(stream="s", functions=[function("max", "price"), function("sum", "price")])
        values = (await series.aggregate(request, here())).buckets[0].values
        assert [each.decimal for each in values] == [widest, "0"]
        assert await ids(series) == {"a": 1, "b": 1}


async def test_partitions_go_with_retention(shared_engine: Engine) -> None:
    """What is beyond retention is in no answer at once; a sweep drops the partitions that hold nothing else."""
    async with running(shared_engine, sweep_interval=0.05) as series:
        day = 86_400.0
        await series.create_stream(t.CreateStreamRequest(stream="s"), here())
        await append(series, *(event(-day * 40 * each, f"e{each}") for each in range(5)))
        update = t.UpdateStreamRequest(stream="s")
        update.retention.FromSeconds(int(day))
        await series.update_stream(update, here())
        assert await ids(series) == {"e0": 1}
        store = series.store
        stream = await store.find(here(), "s")

        async def kept() -> int:
            ((count,),) = await store._statements.rows(f"SELECT toInt64(count()) FROM {stream.table}", here())
            return int(count)

        async with asyncio.timeout(60):
            while await kept() > 2:  # noqa: ASYNC110  # the sweep says nothing when it has been
                await asyncio.sleep(0.05)
        answer = await series.describe_stream(t.DescribeStreamRequest(stream="s"), here())
        assert (answer.first, answer.last) == (at(0), at(0))


async def test_a_server_that_is_away(engine: Engine) -> None:
    """Nothing was applied where no connection was made."""
    async with running(engine) as series:
        await append(series, event(1, "a"))
        engine.kill()
        try:
            with pytest.raises(BackendUnavailable) as caught:
                await append(series, event(2, "b"))
            assert caught.value.outcome is Outcome.NOT_APPLIED
        finally:
            await asyncio.to_thread(engine.start)
        await append(series, event(2, "b"))
        assert await ids(series) == {"a": 1, "b": 1}
