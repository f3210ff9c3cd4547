"""TimeSeries on PostgreSQL: what is its store's alone. What it means is in the acceptance suite."""

import asyncio
import time
from typing import Any

import asyncpg
import pytest

from prism.backends.postgres.sessions import Sessions
from prism.backends.postgres.statements import Statement
from prism.backends.postgres.timeseries import appending, lanes
from prism.backends.postgres.timeseries import store as streams
from prism.backends.postgres.timeseries.appending import Clock
from prism.errors import BackendUnavailable, Outcome
from prism.interfaces import timeseries as t

from .store import Store

DAY = 86_400_000_000
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def test_a_key_is_kept_where_the_clock_is_old(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is remembered by the server's clock, whatever is known of that here: the retry stores nothing."""
    await store.series("CreateStream", stream="s")
    known = iter([time.time_ns() // 1000] + [None] * 9)
    monkeypatch.setattr(Clock, "now", lambda _self: next(known))
    for _ in range(2):
        answer = await store.series("Append", stream="s", events=[t.Event(timestamp=1)], idempotency_key="k")
        assert answer.appended == 1
    assert len((await store.series("QueryPage", stream="s")).events) == 1


@pytest.mark.parametrize("change", ["update", "delete", "partitions", "sweep"])
async def test_who_changes_a_table_takes_it_before_the_row(
    store: Store, postgres_url: str, outsider: asyncpg.Connection, change: str
) -> None:
    """As an append does, so that no two wait for each other: an append that waits for the row has the table."""
    await outsider.execute("ROLLBACK")
    config = {"retention": {"seconds": 86_400}}
    await store.series("CreateStream", stream="s", config=config)
    now = await outsider.fetchval("SELECT prism.series_now()")
    await store.series("Append", stream="s", events=[t.Event(timestamp=now)])
    statement = {
        "update": "SELECT prism.series_update(1, 1, config, retention, width, "
        "ARRAY['ALTER TABLE {table} ADD COLUMN x int']) FROM prism.series_stream",
        "delete": "SELECT prism.series_delete(namespace, name) FROM prism.series_stream",
        "partitions": f"SELECT prism.series_partitions(1, ARRAY[{now - DAY // 2}])",
        "sweep": "SELECT prism.series_sweep(100)",
    }[change]
    if change == "sweep":
        await outsider.execute(f"SELECT prism.series_partitions(1, ARRAY[{now - 3 * DAY}])")
    watching = await asyncpg.connect(postgres_url)
    try:
        # As an append that has begun: the table, and then the row.
        await outsider.execute("BEGIN; LOCK TABLE prism.series_1 IN ROW EXCLUSIVE MODE")
        changing = asyncio.create_task(store.backend._sessions.fetch(Statement(statement, writes=True)))
        async with asyncio.timeout(20):
            while not changing.done() and not await watching.fetchval(_WAITING):  # noqa: ASYNC110  # a store's
                await asyncio.sleep(0.01)
        await outsider.execute("SELECT FROM prism.series_stream FOR UPDATE NOWAIT")
        await outsider.execute("COMMIT")
        await changing
    finally:
        await watching.close()


async def test_a_partition_of_a_stream_that_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that is deleted while its partition is made is not there: the append says so, or makes it anew."""
    await store.series("CreateStream", stream="s", config={"retention": {"seconds": 86_400}})
    fetch = Sessions.fetch

    async def deleting(self: Sessions, statement: Statement, *arguments: Any) -> Any:
        if statement is appending._PARTITIONS:
            await fetch(self, Statement("SELECT prism.series_delete('ns', 's')", writes=True))
        return await fetch(self, statement, *arguments)

    monkeypatch.setattr(Sessions, "fetch", deleting)
    answer = await store.series("Append", stream="s", events=[t.Event(timestamp=time.time_ns() // 1000)])
    assert answer.appended == 1


async def test_a_read_before_a_write_that_fails(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was applied, and the error says that."""
    await store.series("CreateStream", stream="s")
    fetch = Sessions.fetch

    async def failing(self: Sessions, statement: Statement, *arguments: Any) -> Any:
        if statement is refused:
            raise BackendUnavailable("away")
        return await fetch(self, statement, *arguments)

    refused = streams._FIND
    monkeypatch.setattr(Sessions, "fetch", failing)
    events = [t.Event(timestamp=1)]
    for method, fields in (
        ("Append", {"events": events}),
        ("DeleteEvents", {}),
        ("UpdateStream", {"retention": {"seconds": 9}}),
    ):
        with pytest.raises(BackendUnavailable) as error:
            await store.series(method, stream="s", **fields)
        assert error.value.outcome is Outcome.NOT_APPLIED
    refused = appending._NOW
    with pytest.raises(BackendUnavailable) as error:
        await store.series("Append", stream="s", events=events)
    assert error.value.outcome is Outcome.NOT_APPLIED


async def test_who_repeats_an_event(store: Store) -> None:
    """The first repeat makes the statement another one; each call is told its own, and what is there stays."""
    config = {"dedup": t.Dedup.TIME_SERIES_DEDUP_EVENT_ID}
    await store.series("CreateStream", stream="s", config=config)

    async def append(*ids: str) -> tuple[int, int]:
        answer = await store.series("Append", stream="s", events=[t.Event(timestamp=1, event_id=each) for each in ids])
        return answer.appended, answer.duplicates

    assert await append("a", "b") == (2, 0)
    assert await append("a", "b") == (0, 2)
    assert await asyncio.gather(append("a", "c"), append("d"), append("b"), append("e", "e")) == [
        (1, 1), (1, 0), (0, 1), (1, 1),
    ]  # fmt: skip
    store.backend._streams._appender._repeating.clear()
    assert await asyncio.gather(append("f"), append("a", "g")) == [(1, 0), (1, 1)]
    found = await store.series("QueryPage", stream="s")
    assert [each.event_id for each in found.events] == list("abcdefg")


async def test_streams_do_not_wait_for_each_other(store: Store, outsider: asyncpg.Connection) -> None:
    """However many appends wait for one stream, which something holds, another one is appended to."""
    for name in "ab":
        await store.series("CreateStream", stream=name)
    held = [store.series("Append", stream="a", events=[t.Event(timestamp=1)]) for _ in range(3)]
    await outsider.execute("ROLLBACK; BEGIN; SELECT FROM prism.series_stream WHERE name = 'a' FOR UPDATE")
    waiting = []
    for each in held:
        waiting.append(asyncio.create_task(each))
        await store.series("ListStreams")  # it is under way
    async with asyncio.timeout(20):
        assert (await store.series("Append", stream="b", events=[t.Event(timestamp=1)])).appended == 1
    assert not any(each.done() for each in waiting)
    await outsider.execute("COMMIT")
    await asyncio.gather(*waiting, return_exceptions=True)  # on a slow machine they have waited too long for a lock


async def test_lanes_that_stand_still_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no more than are kept, however many streams there were."""
    monkeypatch.setattr(lanes, "KEPT", 2)
    for name in "abcd":
        await store.series("Append", stream=name, events=[t.Event(timestamp=1)])
    assert len(store.backend._streams._appends) == 2
