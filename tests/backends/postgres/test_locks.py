"""Others hold locks: writes wait no longer than they may, and hold up nobody else."""

import asyncio

import asyncpg
import pytest

from prism.backends.postgres.testing import RunningServer
from prism.errors import BackendUnavailable, Conflict, DeadlineExceeded, Outcome, PrismError

from .locking import lock, waiting
from .store import OpenStore, Store


async def test_a_lock_held_too_long_fails_its_own_put_only(
    postgres_url: str, open_store: OpenStore, outsider: asyncpg.Connection
):
    """Of a batch, the put of the locked item is a conflict and not applied; the others are acknowledged."""
    store = await open_store(postgres_url, lock_timeout=0.2)
    await store.put("r", {b"k": b"v"})
    await lock(outsider, "r", b"k")
    puts = [store.put(f"r{n}" if n else "r", {b"k": b"w"}) for n in range(10)]
    first, *others = await asyncio.gather(*puts, return_exceptions=True)
    assert isinstance(first, Conflict)
    assert first.outcome is Outcome.NOT_APPLIED
    assert not [each for each in others if isinstance(each, Exception)]
    assert await store.get("r", b"k") == {b"k": b"v"}
    assert await store.get("r9", b"k") == {b"k": b"w"}


async def test_a_statement_that_takes_too_long_is_ended(
    postgres_url: str, open_store: OpenStore, outsider: asyncpg.Connection
):
    """With the whole table locked, reads and writes end by statement_timeout, and nothing is applied."""
    store = await open_store(postgres_url, statement_timeout=0.5)
    await outsider.execute("LOCK TABLE prism.items")
    with pytest.raises(BackendUnavailable, match="raise statement_timeout"):
        await store.get("r", b"k")
    with pytest.raises(BackendUnavailable, match="raise statement_timeout") as caught:
        await store.put("r", {b"k": b"v"})
    assert caught.value.outcome is Outcome.NOT_APPLIED
    await outsider.execute("ROLLBACK")
    assert await store.get("r", b"k") == {}


async def test_blocked_writes_hold_up_no_reads(store: Store, outsider: asyncpg.Connection):
    """With every write lane stuck, reads are served, later writes hear at their deadline that they were not sent."""
    await store.put("r", {b"k": b"v"})
    await lock(outsider, "r", b"k")
    swap = {"id": "r", "key": b"k", "expected_value": b"v", "new_value": b"w"}
    stuck = [asyncio.create_task(store.call("CompareAndSwap", **swap)) for _ in range(8)]
    stuck += [asyncio.create_task(store.put("r", {b"k": b"x"})) for _ in range(8)]
    await waiting(outsider, 4)
    with pytest.raises(DeadlineExceeded) as caught:
        await store.call("Delete", id="other", timeout=0.1)
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert await store.get("r", b"k") == {b"k": b"v"}
    assert (await store.call("Scan", id="r")).items[0].value == b"v"
    await outsider.execute("ROLLBACK")
    answers = await asyncio.gather(*stuck)
    assert sum(getattr(each, "swapped", False) for each in answers) <= 1
    assert store.backend.metrics()["pool_connections_open"] <= 12


async def test_a_caller_who_leaves_takes_nobody_along(store: Store, outsider: asyncpg.Connection):
    """A put cancelled while its batch is under way leaves the batch and the other callers alone."""
    await store.put("r", {b"k": b"v"})
    await lock(outsider, "r", b"k")
    leaver = asyncio.create_task(store.put("r", {b"k": b"w"}))
    stayer = asyncio.create_task(store.put("s", {b"k": b"w"}))
    await waiting(outsider, 1)
    leaver.cancel()
    await outsider.execute("ROLLBACK")
    await stayer
    with pytest.raises(asyncio.CancelledError):
        await leaver
    assert await store.get("s", b"k") == {b"k": b"w"}


async def test_a_get_alone_on_its_way_ends_with_its_deadline_or_its_caller(store: Store, outsider: asyncpg.Connection):
    """The express get is broken off at its deadline or when its caller leaves, and the next one is served."""
    await store.put("r", {b"k": b"v"})
    assert await store.get("r", b"k", timeout=10) == {b"k": b"v"}
    await outsider.execute("LOCK TABLE prism.items")
    with pytest.raises(DeadlineExceeded) as caught:
        await store.get("r", b"k", timeout=0.1)
    assert caught.value.outcome is None
    leaver = asyncio.create_task(store.get("r", b"k", timeout=10))
    stayers = [asyncio.create_task(store.get("r", b"k", timeout=10)) for _ in range(3)]
    await waiting(outsider, 2)
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    await outsider.execute("ROLLBACK")
    assert await asyncio.gather(*stayers) == [{b"k": b"v"}] * 3
    assert await store.get("r", b"k") == {b"k": b"v"}


async def test_a_session_ended_amid_a_write_leaves_its_outcome_open(
    store: Store, outsider: asyncpg.Connection, postgres_server: RunningServer
):
    """Whoever was in flight on a terminated session hears UNKNOWN."""
    await store.put("r", {b"k": b"v"})
    await lock(outsider, "r", b"k")
    put = asyncio.create_task(store.put("r", {b"k": b"w"}))
    await waiting(outsider, 1)
    await outsider.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prism' "
        "AND wait_event_type = 'Lock' AND datname = current_database()"
    )
    with pytest.raises(PrismError) as caught:
        await put
    assert (type(caught.value), caught.value.outcome) == (BackendUnavailable, Outcome.UNKNOWN)
