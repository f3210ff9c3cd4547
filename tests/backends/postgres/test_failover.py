"""A primary with a streaming standby: found among several hosts, lost, replaced, and what replication promises."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
import pytest

from prism.backends.postgres import statements
from prism.backends.postgres.sessions import Session, Sessions
from prism.backends.postgres.testing import PostgresServer, StandbyServer
from prism.errors import BackendUnavailable, Outcome, StoreFull
from prism.sdk import HealthStatus

from .store import OpenStore
from .writers import Writers


@dataclass(frozen=True)
class Pair:
    """A primary and its standby.

    Attributes:
        alone: the connection string of an empty database on the primary.
    """

    primary: PostgresServer
    standby: StandbyServer
    alone: str

    @property
    def url(self) -> str:
        """The connection string of both, the primary first."""
        start, _, database = self.alone.rpartition("/")
        return f"{start},127.0.0.1:{self.standby.port}/{database}"

    @property
    def standby_url(self) -> str:
        """The connection string of the standby."""
        return self.alone.replace(f":{self.primary.port}/", f":{self.standby.port}/")

    def synchronise(self) -> None:
        """Makes the standby's disk a part of each acknowledgement, from when this returns."""
        self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.execute("SELECT pg_reload_conf()")
        while not self.primary.execute("SELECT FROM pg_stat_replication WHERE sync_state = 'sync'"):
            pass

    def catch_up(self) -> None:
        """Returns when the standby shows all that is on the primary's disk."""
        ((end,),) = self.primary.execute("SELECT pg_current_wal_flush_lsn()::text")
        while self.standby.execute("SELECT pg_last_wal_replay_lsn() < $1::text::pg_lsn", end)[0][0]:
            pass

    def stored(self, server: PostgresServer, value: str) -> int:
        """How many items on that server have this value."""
        url = self.alone if server is self.primary else self.standby_url
        count: int = server.execute("SELECT count(*) FROM prism.items WHERE value = $1", value.encode(), url=url)[0][0]
        return count


@pytest.fixture
def pair(own_postgres: PostgresServer) -> Iterator[Pair]:
    """The module's server, and a standby of the test's own; the server is well again afterwards."""
    url = own_postgres.create_database()
    with StandbyServer(own_postgres) as standby:
        yield Pair(own_postgres, standby, url)
    own_postgres.kill()
    own_postgres.start()
    own_postgres.execute("ALTER SYSTEM RESET synchronous_standby_names")
    own_postgres.execute("SELECT pg_reload_conf()")


async def test_a_failover_under_load_loses_nothing_acknowledged(pair: Pair, open_store: OpenStore):
    """The primary is killed amid puts and its synchronous standby promoted: the same gateway goes on there by itself,
    with all that it acknowledged and nothing that it said was not applied."""
    pair.synchronise()
    store = await open_store(pair.url)
    writers = Writers(store)
    writers.start(32)
    await writers.acknowledge(300)
    pair.primary.kill()
    writers.up.clear()
    await asyncio.to_thread(pair.standby.promote)
    writers.up.set()
    await writers.acknowledge(300)
    await writers.stop()
    await writers.check()
    assert (await store.backend.health()).status is HealthStatus.HEALTHY


async def test_what_the_standby_lacks_is_not_acknowledged(pair: Pair, open_store: OpenStore):
    """While a synchronous standby is frozen a put waits, and hears at its deadline that nobody knows."""
    pair.synchronise()
    store = await open_store(pair.url)
    await store.put("r", {b"k": b"v"})
    pair.standby.pause()
    with pytest.raises(Exception, match="read before trying again") as caught:
        await store.put("r", {b"k": b"w"}, timeout=1.0)
    assert getattr(caught.value, "outcome", None) is Outcome.UNKNOWN
    pair.standby.resume()


async def test_an_asynchronous_standby_is_warned_of(
    pair: Pair, open_store: OpenStore, caplog: pytest.LogCaptureFixture
):
    """`synced` is the primary's disk: a standby that was behind lacks the write after a failover, as a warning said."""
    store = await open_store(pair.url)
    assert "a failover may lose acknowledged writes; set synchronous_standby_names" in caplog.text
    caplog.clear()
    await store.put("r", {b"k": b"before"})
    pair.catch_up()
    pair.standby.kill()
    await store.put("r", {b"k": b"after"})
    pair.primary.kill()
    await asyncio.to_thread(pair.standby.start)
    await asyncio.to_thread(pair.standby.promote)
    assert await store.get("r", b"k") == {b"k": b"before"}
    pair.standby.execute("ALTER SYSTEM SET synchronous_standby_names = 'next'")
    pair.standby.execute("SELECT pg_reload_conf()")
    await open_store(pair.url)
    assert "failover" not in caplog.text


async def test_a_standby_is_read_and_written_only_once_promoted(pair: Pair, open_store: OpenStore):
    """A start on a standby says that it is none to serve from, and succeeds when it has been promoted."""
    store = await open_store(pair.standby_url, start=False)
    with pytest.raises(BackendUnavailable, match="none of the hosts is a primary: wait for the failover"):
        await store.backend.start()
    pair.primary.shut_down()
    both = await open_store(pair.url, start=False)
    with pytest.raises(BackendUnavailable, match="none of the hosts is a primary: wait for the failover"):
        await both.backend.start()
    await asyncio.to_thread(pair.standby.promote)
    for each in (store, both):
        await each.backend.start()
        await each.put("r", {b"k": b"v"})


async def test_a_write_that_meets_a_standby_is_not_applied(pair: Pair, open_store: OpenStore):
    """What a hot standby answers to a write is STORE_FULL's read-only, NOT_APPLIED, and its session is given up."""
    await open_store(pair.alone)
    pair.catch_up()

    async def on_the_standby() -> Session:
        return Session(await asyncpg.connect(pair.standby_url), "prism")

    sessions = Sessions(on_the_standby)
    await sessions.start()
    item = ([b"ns"], [b"r"], [b"k"], [b"v"], [b""], [None], False)
    with pytest.raises(StoreFull, match="read-only: end its recovery") as caught:
        await sessions.fetch(statements.PUT, *item)
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert sessions.open == 0
    assert await sessions.fetch(statements.GET_ONE, b"ns", b"r", b"k") == []
    await sessions.stop()


async def test_a_host_that_is_gone_without_a_word_hides_no_other(pair: Pair, open_store: OpenStore):
    """A first host that takes connections and never answers costs its connect_timeout, and the next one serves."""
    pair.primary.pause()
    await asyncio.to_thread(pair.standby.promote)
    store = await open_store(pair.url, connect_timeout=1.0)
    await store.put("r", {b"k": b"v"})
    assert pair.stored(pair.standby, "v") == 1
    pair.primary.resume()


async def test_a_primary_that_comes_back_is_not_returned_to(pair: Pair, open_store: OpenStore):
    """After a failover, a former primary that starts as one again gets none of the gateway's new sessions."""
    store = await open_store(pair.url)
    await store.put("r", {b"k": b"v"})
    pair.primary.kill()
    await asyncio.to_thread(pair.standby.promote)
    await store.put("r", {b"k": b"promoted"})
    await asyncio.to_thread(pair.primary.start)
    pair.standby.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename <> '' AND pid <> pg_backend_pid()"
    )
    await asyncio.gather(*(store.put(f"r{n}", {b"k": b"later"}) for n in range(20)))
    assert await store.get("r", b"k") == {b"k": b"promoted"}
    assert (pair.stored(pair.primary, "later"), pair.stored(pair.standby, "later")) == (0, 20)
