"""Redis killed, paused, cut off, out of memory, demoted: what was acknowledged stays, and failures are honest."""

import asyncio

import pytest

from backends.redis.conftest import Make, Open
from backends.redis.store import Store
from prism.backends.redis.testing.server import USER, RedisServer
from prism.errors import BackendCredentials, BackendUnavailable, Outcome, PrismError, StoreFull
from prism.sdk import HealthStatus

WRITERS = 16
DOCUMENTED = (BackendUnavailable,)


class Load:
    """Callers that put, each its own counter, and remember what was acknowledged and what may have been applied."""

    def __init__(self, store: Store) -> None:
        self.acknowledged: dict[str, int] = {}
        self.possible: dict[str, int] = {}
        self.failures: list[PrismError] = []
        self._store = store
        self._tasks = [asyncio.create_task(self._write(f"w{number}")) for number in range(WRITERS)]
        self._ending = False

    async def _write(self, record: str) -> None:
        number = 0
        while not self._ending:
            number += 1
            try:
                await self._store.put(record, b"k", b"%d" % number)
            except PrismError as error:
                self.failures.append(error)
                if error.outcome is Outcome.UNKNOWN:
                    self.possible[record] = number
                await asyncio.sleep(0.01)
            else:
                self.acknowledged[record] = number

    async def until(self, count: int) -> None:
        """Waits until so many more puts of each caller are acknowledged."""
        before = dict(self.acknowledged)
        async with asyncio.timeout(30):
            while any(  # noqa: ASYNC110  # nothing tells when
                self.acknowledged.get(f"w{each}", 0) < before.get(f"w{each}", 0) + count for each in range(WRITERS)
            ):
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        """Stops the callers."""
        self._ending = True
        await asyncio.gather(*self._tasks)

    async def check(self) -> None:
        """Every counter is where it was acknowledged, or where an honest UNKNOWN says that it may be."""
        for record, number in self.acknowledged.items():
            found = int(await self._store.get(record, b"k") or b"0")
            assert found == number or found == self.possible.get(record), (record, found, number)
        assert all(isinstance(each, DOCUMENTED) and each.outcome is not None for each in self.failures)


async def test_nothing_acknowledged_is_lost_when_redis_is_killed(server: RedisServer, open_store: Open) -> None:
    """Killed and started three times under load, with appendfsync always: every acknowledged put is there."""
    store = await open_store(server, durability="synced")
    load = Load(store)
    for _ in range(3):
        await load.until(20)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    await load.until(5)
    await load.end()
    await load.check()
    assert load.failures
    assert (await store.backend.health()).status is HealthStatus.HEALTHY


async def test_a_pause_is_unknown_and_passes(server: RedisServer, open_store: Open) -> None:
    """Paused beyond command_timeout under load: writes in flight are UNKNOWN, and all goes on afterwards."""
    store = await open_store(server, command_timeout=0.5)
    load = Load(store)
    await load.until(5)
    server.pause()
    async with asyncio.timeout(20):
        while not any(each.outcome is Outcome.UNKNOWN for each in load.failures):  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.01)
    assert (await store.backend.health()).status is HealthStatus.UNHEALTHY
    server.resume()
    await load.until(5)
    await load.end()
    await load.check()


async def test_cut_connections_are_made_anew(server: RedisServer, open_store: Open) -> None:
    """Every connection cut under load, ten times: honest outcomes, nothing lost."""
    store = await open_store(server)
    load = Load(store)
    for _ in range(10):
        await load.until(3)
        await asyncio.to_thread(server.command, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await load.until(3)
    await load.end()
    await load.check()


async def test_a_server_that_is_down_applies_nothing(server: RedisServer, open_store: Open) -> None:
    """A call that cannot even connect says NOT_APPLIED."""
    store = await open_store(server)
    await store.put("r", b"k", b"1")
    await asyncio.to_thread(server.kill)
    with pytest.raises(BackendUnavailable) as caught:
        await store.put("r", b"k", b"2")
    assert caught.value.outcome is Outcome.NOT_APPLIED
    await asyncio.to_thread(server.start)
    assert await store.get("r", b"k") == b"1"


async def test_no_memory_left_is_store_full(server: RedisServer, open_store: Open) -> None:
    """Over maxmemory with noeviction: a put is refused as a whole, reads go on."""
    store = await open_store(server)
    await store.put("r", b"k", b"1")
    server.command("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreFull) as caught:
        await store.put("r", b"k", b"2")
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert await store.get("r", b"k") == b"1"
    server.command("CONFIG", "SET", "maxmemory", "0")
    await store.put("r", b"k", b"2")


async def test_a_replica_takes_no_writes(server: RedisServer, make_server: Make, open_store: Open) -> None:
    """READONLY, as after a failover: UNAVAILABLE and NOT_APPLIED; when it is the primary again, all is well."""
    store = await open_store(server)
    await store.put("r", b"k", b"1")
    primary = make_server(requirepass="")
    server.command("REPLICAOF", "127.0.0.1", str(primary.port))
    with pytest.raises(BackendUnavailable) as caught:
        await store.put("r", b"k", b"2")
    assert caught.value.outcome is Outcome.NOT_APPLIED
    server.command("REPLICAOF", "NO", "ONE")
    await store.put("r", b"k", b"3")
    assert await store.get("r", b"k") == b"3"


async def test_a_script_that_blocks_redis_is_not_ready(server: RedisServer, open_store: Open) -> None:
    """BUSY: refused by Redis, so nothing was applied."""
    server.command("CONFIG", "SET", "busy-reply-threshold", "1")
    store = await open_store(server, command_timeout=10.0)
    endless = asyncio.create_task(asyncio.to_thread(_spin, server))
    refused: PrismError | None = None
    async with asyncio.timeout(20):
        while refused is None:
            try:
                await store.put("r", b"k", b"1")
            except PrismError as error:
                refused = error
    assert isinstance(refused, BackendUnavailable)
    assert refused.outcome is Outcome.NOT_APPLIED
    server.command("SCRIPT", "KILL")
    await endless


def _spin(server: RedisServer) -> None:
    import redis

    with pytest.raises(redis.exceptions.ResponseError, match="killed"):
        server.command("EVAL", "while true do end", "0")


async def test_wrong_credentials_are_the_operators(server: RedisServer, open_store: Open) -> None:
    """WRONGPASS at start, NOPERM at run time: BACKEND_CREDENTIALS, nothing applied."""
    store = await open_store(server)
    server.command("ACL", "SETUSER", USER, "-evalsha")
    with pytest.raises(BackendCredentials) as caught:
        await store.put("r", b"k", b"1")
    assert caught.value.outcome is Outcome.NOT_APPLIED
    late = await open_store(server, start=False)
    server.change_password()
    with pytest.raises(BackendCredentials):
        await late.backend.start()


async def test_a_server_that_says_nothing_to_a_new_connection(server: RedisServer, open_store: Open) -> None:
    """Frozen, it still takes connections: a call waits for its greeting no longer than for an answer."""
    store = await open_store(server, start=False, connect_timeout=1.0, command_timeout=1.0)
    server.pause()
    with pytest.raises(BackendUnavailable) as caught:
        await store.put("r", b"k", b"1")
    assert caught.value.outcome is Outcome.NOT_APPLIED
    server.resume()
    await store.put("r", b"k", b"1")


async def test_a_server_that_loads_is_not_ready(make_server: Make, open_store: Open) -> None:
    """LOADING, as after a restart with much data: UNAVAILABLE and NOT_APPLIED, health says why, and it passes."""
    server = make_server(key_load_delay="30", loading_process_events_interval_bytes="1024")
    store = await open_store(server)
    await store.put("r", b"k", b"1")
    server.command("EVAL", "for i = 1, 30000 do redis.call('SET', 'filler' .. i, 'x') end", "0")
    server.kill()
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    refusals: list[PrismError] = []
    unhealthy: list[str] = []
    while not starting.done():
        try:
            await store.put("r", b"k", b"2")
        except PrismError as error:
            refusals.append(error)
        unhealthy.append((await store.backend.health()).message)
        await asyncio.sleep(0.01)
    await starting
    loading = [each for each in refusals if "is loading" in each.message]
    assert loading
    assert all(type(each) is BackendUnavailable and each.outcome is Outcome.NOT_APPLIED for each in loading)
    assert any("is loading" in message for message in unhealthy)
    await store.put("r", b"k", b"3")
    assert await store.get("r", b"k") == b"3"
