"""Serialization failures and deadlocks, for real: tried again where that helps, told honestly where it does not."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from prism.backends.postgres.sessions import ATTEMPTS
from prism.backends.postgres.testing import RunningServer
from prism.errors import Conflict, Outcome

from .locking import lock, waiting
from .store import OpenStore, Store

STRICT = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ"

WRITES: dict[str, dict[str, Any]] = {
    "Put": {"items": [{"key": b"k", "value": b"w"}]},
    "Put once": {"items": [{"key": b"k", "value": b"w"}], "idempotency_key": "i"},
    "CompareAndSwap": {"key": b"k", "expected_value": b"v", "new_value": b"w"},
    "Expire": {"keys": [b"k"], "ttl": {"seconds": 100}},
    "Delete": {"keys": [b"k"]},
}


async def counted(what: str, store: Store, outsider: asyncpg.Connection) -> int:
    """What the server has counted so far in this database, which the gateway's sessions would tell it later."""
    for session in store.backend._sessions._open:
        await session.connection.execute("SELECT pg_stat_force_next_flush()")
    await outsider.execute("SELECT pg_stat_clear_snapshot()")
    count: int = await outsider.fetchval(f"SELECT {what} FROM pg_stat_database WHERE datname = current_database()")
    return count


@pytest.mark.parametrize("write", WRITES)
async def test_a_serialization_failure_is_tried_again(
    store: Store, outsider: asyncpg.Connection, postgres_url: str, write: str
):
    """A row that changed under a stricter transaction is 40001 at the server, and its caller does not notice."""
    await store.put("r", {b"k": b"v"})
    for session in store.backend._sessions._open:
        await session.connection.execute(STRICT)
    await outsider.execute("UPDATE prism.items SET metadata = metadata")
    writing = asyncio.create_task(store.call(write.partition(" ")[0], id="r", **WRITES[write]))
    await waiting(outsider, 1)
    await outsider.execute("COMMIT")
    answer = await writing
    assert getattr(answer, "swapped", True)
    expected = {} if write == "Delete" else {b"k": b"v" if write == "Expire" else b"w"}
    assert await store.get("r", b"k") == expected
    assert await counted("xact_rollback", store, outsider) == 1


@pytest.fixture
def conflict(postgres_server: RunningServer, postgres_url: str) -> Callable[[str], None]:
    """Lets every write of an item end with an error of that class, and counts them."""

    def begin(state: str) -> None:
        for statement in (
            "CREATE SEQUENCE prism.tries",
            f"""CREATE FUNCTION prism.conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM nextval('prism.tries'); RAISE EXCEPTION 'in conflict' USING ERRCODE = '{state}'; END $$""",
            "CREATE TRIGGER conflict BEFORE INSERT OR UPDATE ON prism.items EXECUTE FUNCTION prism.conflict()",
        ):
            postgres_server.execute(statement, url=postgres_url)

    return begin


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_a_conflict_that_lasts_is_told(
    store: Store, conflict: Callable[[str], None], postgres_server: RunningServer, postgres_url: str, state: str
):
    """After so many attempts, with what a caller may do: it is a conflict, nothing was applied, and reads go on."""
    await store.put("r", {b"k": b"v"})
    conflict(state)
    with pytest.raises(Conflict, match="try again") as caught:
        await store.put("r", {b"k": b"w"})
    assert (caught.value.outcome, caught.value.retry_after) == (Outcome.NOT_APPLIED, 0.1)
    assert postgres_server.execute("SELECT last_value FROM prism.tries", url=postgres_url)[0][0] == ATTEMPTS
    assert await store.get("r", b"k") == {b"k": b"v"}
    postgres_server.execute("DROP TRIGGER conflict ON prism.items", url=postgres_url)
    await store.put("r", {b"k": b"w"})


async def test_a_deadlock_with_an_outsider_is_tried_again(
    postgres_url: str, postgres_server: RunningServer, open_store: OpenStore, outsider: asyncpg.Connection
):
    """The gateway's transaction is the victim, 40P01 at the server; its caller does not notice."""
    name = postgres_url.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '100ms'")
    await outsider.execute("SET deadlock_timeout = '60s'")
    store = await open_store(postgres_url)
    await store.put("r", {b"a": b"v", b"b": b"v"})
    await lock(outsider, "r", b"b")
    put = asyncio.create_task(store.put("r", {b"a": b"w", b"b": b"w"}))
    await waiting(outsider, 1)
    await lock(outsider, "r", b"a")
    await outsider.execute("COMMIT")
    await put
    assert await store.get("r", b"a", b"b") == {b"a": b"w", b"b": b"w"}
    assert await counted("deadlocks", store, outsider) == 1
