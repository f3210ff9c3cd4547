"""The server stops, crashes or freezes: calls are answered in time and honestly, and go on when it is back."""

import asyncio
from collections.abc import Iterator

import pytest

from prism.backends.postgres.testing import PostgresServer
from prism.errors import BackendUnavailable, DeadlineExceeded, Outcome, PrismError
from prism.sdk import HealthStatus

from .store import OpenStore, Store
from .writers import Writers


@pytest.fixture
def database(own_postgres: PostgresServer) -> Iterator[str]:
    """A database on the server that may be broken; the server is well again afterwards."""
    yield own_postgres.create_database()
    own_postgres.kill()
    own_postgres.start()


def end_sessions(server: PostgresServer) -> None:
    """Terminates every session of a gateway; returns when they are gone."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prism'"
    while server.execute(end):
        pass


async def test_acknowledged_puts_survive_crashes(own_postgres: PostgresServer, database: str, open_store: OpenStore):
    """Killed amid puts, again and again: what was acknowledged is there, what was said to be not applied is not."""
    store = await open_store(database)
    writers = Writers(store)
    writers.start(32)
    for _ in range(3):
        writers.up.set()
        await writers.acknowledge(300)
        own_postgres.kill()
        writers.up.clear()
        await asyncio.to_thread(own_postgres.start)
    await writers.stop()
    await writers.check()


async def test_calls_go_on_after_a_restart(own_postgres: PostgresServer, database: str, open_store: OpenStore):
    """The first read and the first write after a restart find new sessions; nobody restarts the gateway."""
    store = await open_store(database)
    await store.put("r", {b"k": b"v"})
    await asyncio.gather(*(store.get("r", b"k") for _ in range(500)))
    await asyncio.to_thread(own_postgres.restart)
    assert await store.get("r", b"k") == {b"k": b"v"}
    await store.put("r", {b"k": b"w"})
    assert await store.get("r", b"k") == {b"k": b"w"}
    assert (await store.backend.health()).status is HealthStatus.HEALTHY


async def test_sessions_ended_by_an_operator_are_replaced(
    own_postgres: PostgresServer, database: str, open_store: OpenStore
):
    """Idle sessions that were terminated cost no call."""
    store = await open_store(database)
    await store.put("r", {b"k": b"v"})
    for _ in range(5):
        await asyncio.to_thread(end_sessions, own_postgres)
        await store.put("r", {b"k": b"v"})
        await asyncio.to_thread(end_sessions, own_postgres)
        assert await store.get("r", b"k") == {b"k": b"v"}


async def test_a_server_that_is_down_is_unavailable_at_once(
    own_postgres: PostgresServer, database: str, open_store: OpenStore
):
    """Reads, writes, batches and health say so, writes with NOT_APPLIED; a start fails and may be tried again."""
    store = await open_store(database)
    late = await open_store(database, start=False)
    own_postgres.shut_down()
    for method, fields in (
        ("Get", {"keys": [b"k"]}),
        ("Scan", {}),
        ("Exists", {"keys": [b"k"]}),
    ):
        with pytest.raises(BackendUnavailable, match="does not answer") as caught:
            await store.call(method, id="r", **fields)
        assert caught.value.outcome is None
        assert caught.value.retry_after
    results = await asyncio.gather(
        *(store.put(f"r{n}", {b"k": b"v"}) for n in range(50)),
        store.call("Delete", id="r"),
        store.call("CompareAndSwap", id="r", key=b"k", expected_absent={}, new_value=b"v"),
        store.call("Put", id="r", items=[{"key": b"k"}], idempotency_key="i"),
        return_exceptions=True,
    )
    assert {(type(each), each.outcome) for each in results if isinstance(each, PrismError)} == {
        (BackendUnavailable, Outcome.NOT_APPLIED)
    }
    assert len([each for each in results if isinstance(each, PrismError)]) == len(results)
    health = await store.backend.health()
    assert health.status is HealthStatus.UNHEALTHY
    assert "does not answer" in health.message
    with pytest.raises(BackendUnavailable):
        await late.backend.start()
    await asyncio.to_thread(own_postgres.start)
    await late.backend.start()
    await late.put("r", {b"k": b"v"})
    assert await store.get("r", b"k") == {b"k": b"v"}


async def test_a_frozen_server_holds_nobody_beyond_the_deadline(
    own_postgres: PostgresServer, database: str, open_store: OpenStore
):
    """Calls in flight and calls in the queue end at their deadlines; only what was sent may have been applied."""
    store = await open_store(database)
    await asyncio.gather(*(store.put(f"r{n}", {b"k": b"v"}) for n in range(500)))
    own_postgres.pause()
    reads = [store.get("r", b"k", timeout=1.0) for _ in range(20)]
    swaps = [
        store.call("CompareAndSwap", id=f"s{n}", key=b"k", expected_absent={}, new_value=b"v", timeout=1.0)
        for n in range(20)
    ]
    answers = await asyncio.gather(*reads, *swaps, return_exceptions=True)
    assert {type(answer) for answer in answers} == {DeadlineExceeded}
    outcomes = [answer.outcome for answer in answers[20:] if isinstance(answer, PrismError)]
    assert set(outcomes) == {Outcome.UNKNOWN, Outcome.NOT_APPLIED}
    assert (await store.backend.health()).status is HealthStatus.UNHEALTHY
    own_postgres.resume()
    for n, outcome in enumerate(outcomes):
        if outcome is Outcome.NOT_APPLIED:
            assert await store.get(f"s{n}", b"k") == {}
    await store.put("r", {b"k": b"w"})
    assert (await store.backend.health()).status is HealthStatus.HEALTHY


async def test_a_passed_deadline_sends_nothing(store: Store):
    """A write that comes too late is not applied."""
    with pytest.raises(DeadlineExceeded) as caught:
        await store.put("r", {b"k": b"v"}, timeout=0)
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert await store.get("r", b"k") == {}


async def test_a_frozen_server_does_not_hold_a_stop(
    own_postgres: PostgresServer, database: str, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
):
    """A stop gives calls in flight some time, then ends their sessions; they hear that the outcome is unknown."""
    monkeypatch.setattr("prism.backends.postgres.backend._STOP_SECONDS", 0.1)
    store = await open_store(database)
    await store.put("r", {b"k": b"v"})
    own_postgres.pause()
    put = asyncio.create_task(store.put("r", {b"k": b"w"}))
    await asyncio.sleep(0)
    await store.backend.stop()
    with pytest.raises(BackendUnavailable) as caught:
        await put
    assert caught.value.outcome is Outcome.UNKNOWN
    with pytest.raises(BackendUnavailable) as caught:
        await store.put("r", {b"k": b"x"})
    assert caught.value.outcome is Outcome.NOT_APPLIED
