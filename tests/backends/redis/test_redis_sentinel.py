"""Redis behind sentinels: a failover under load, seen by the backend as a pause with honest outcomes."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

pytest.importorskip("redis")

from backends.redis.conftest import Open
from backends.redis.store import Store
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.polling import until
from prism.acceptance.store.server_process import ServerProcess
from prism.backends.redis.backend import server_and_locator
from prism.backends.redis.commands.server import OneServer
from prism.backends.redis.config import RedisConfig, RedisCredentials
from prism.backends.redis.testing.cluster import in_step
from prism.backends.redis.testing.server import USER, RedisServer, binary
from prism.errors import BackendUnavailable, MessagesLost, Outcome, PrismError
from redis import ConnectionError as NotYet
from redis import Redis

SERVICE = "main"
OUTSIDER = "outsider"
PATIENCE = 30.0


@pytest.fixture
def replica(server: RedisServer) -> Iterator[RedisServer]:
    """The replica of `server`."""
    own = server.own_password
    options = {"replicaof": f"127.0.0.1 {server.port}", "masterauth": own}
    server.command("CONFIG", "SET", "masterauth", own)
    with RedisServer(options, password=server.password, own_password=own) as replica:
        yield replica


@pytest.fixture
def sentinel(tmp_path: Path, server: RedisServer, replica: RedisServer) -> Iterator[str]:
    """One sentinel over a primary, `server`, and its replica; its address."""
    with watching(server, tmp_path) as address:
        yield address


@pytest.fixture
def hasty(tmp_path: Path, server: RedisServer, replica: RedisServer) -> Iterator[str]:
    """The same, soon convinced; it and the replica come by an account that the primary may shut out."""
    for node in (server, replica):
        node.command("ACL", "SETUSER", OUTSIDER, "on", f">{server.own_password}", "~*", "&*", "+@all")
        node.command("CONFIG", "SET", "masteruser", OUTSIDER)
    server.command("CLIENT", "KILL", "TYPE", "replica")
    until(lambda: in_step(server), "the replica did not come back")
    with watching(server, tmp_path, f"sentinel auth-user {SERVICE} {OUTSIDER}") as address:
        with closing(Redis(port=int(address.rpartition(":")[2]))) as client:
            client.execute_command("SENTINEL", "DEBUG", "INFO-PERIOD", "200", "PUBLISH-PERIOD", "100")
        yield address


@contextmanager
def watching(server: RedisServer, folder: Path, *more: str, knows: str = "REPLICAS") -> Iterator[str]:
    """A sentinel over a primary, which knows its replicas, or what else is asked of it; its address."""
    held = HeldPort()
    port = held.number
    settings = [
        f"port {port}",
        f"dir {folder}",
        f"sentinel monitor {SERVICE} 127.0.0.1 {server.port} 1",
        f"sentinel auth-pass {SERVICE} {server.own_password}",
        f"sentinel down-after-milliseconds {SERVICE} 500",
        f"sentinel failover-timeout {SERVICE} 3000",
        *more,
    ]
    file = folder / f"sentinel-{port}.conf"
    file.write_text("\n".join(settings) + "\n")
    with ServerProcess("sentinel", folder) as process:
        process.launch([binary(), file, "--sentinel"], "Sentinel ID is")
        until(lambda: _knows(port, knows), f"the sentinel knows its {knows}: it looks every second, and does not tell")
        yield f"127.0.0.1:{port}"


def _knows(port: int, what: str) -> bool:
    with closing(Redis(port=port)) as client:
        try:
            return bool(client.execute_command("SENTINEL", what, SERVICE))
        except NotYet:
            return False


async def test_a_failover_is_survived(
    server: RedisServer, replica: RedisServer, sentinel: str, open_store: Open
) -> None:
    """The primary is killed: calls fail honestly, then go on at the replica with what it had; subscribers are told."""
    store = await open_store(server, addresses=[sentinel], mode="sentinel", sentinel_service=SERVICE)
    await store.put("before", b"k", b"v")
    async with asyncio.timeout(PATIENCE):
        while not replica.command("EXISTS", b"prism:{n\0before}\0k"):  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.01)
    async with store.listening() as listening:
        await store.publish("before")
        assert (await listening.next()).topic == "before"
        server.kill()
        _, gap = await listening.rest()
    assert isinstance(gap, MessagesLost)
    failures: list[PrismError] = []
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await store.put("after", b"k", b"v")
                break
            except PrismError as error:
                failures.append(error)
                await asyncio.sleep(0.05)
    async with store.listening() as listening:
        await store.publish("after")
        assert (await listening.next()).topic == "after"
    assert failures
    assert all(error.outcome is not None for error in failures)
    assert await store.get("before", b"k") == b"v"
    assert await store.get("after", b"k") == b"v"


class Writing:
    """One writer after another, of a new item each; what became of them."""

    def __init__(self, store: Store) -> None:
        self.acknowledged: list[str] = []
        self.failures: list[PrismError] = []
        self._store = store
        self._number = 0

    async def once(self) -> bool:
        """Whether it was acknowledged."""
        self._number += 1
        try:
            await self._store.put(f"w{self._number}", b"k", b"v")
        except PrismError as error:
            self.failures.append(error)
            await asyncio.sleep(0.01)
            return False
        self.acknowledged.append(f"w{self._number}")
        return True

    async def until_there(self, server: RedisServer) -> None:
        """Writes until one of its items is on that server."""
        async with asyncio.timeout(PATIENCE):
            while not (await self.once() and on(server, self.acknowledged[-1])):  # noqa: ASYNC110  # nothing tells when
                await asyncio.sleep(0.005)

    async def lost(self) -> list[str]:
        """Those that were acknowledged and are not there."""
        return [each for each in self.acknowledged if await self._store.get(each, b"k") is None]


async def test_a_primary_that_does_not_know_that_it_is_none(
    server: RedisServer, replica: RedisServer, hasty: str, open_store: Open, tmp_path: Path
) -> None:
    """Cut off from sentinel and replica it takes writes, which are lost when it comes back; the gateway leaves it for
    the new one as soon as there is one, and its subscribers are told. A sentinel that knows no better has no say."""
    options = {"addresses": [hasty], "mode": "sentinel", "sentinel_service": SERVICE, "ping_interval": 0.1}
    store = await open_store(server, **options)
    writing = Writing(store)
    async with store.listening() as listening:
        await writing.until_there(replica)
        cut_off(server)
        await writing.until_there(replica)
        _, gap = await listening.rest()
    assert isinstance(gap, MessagesLost)
    assert server.command("ROLE")[0] == replica.command("ROLE")[0] == b"master"
    with watching(server, tmp_path, knows="GET-MASTER-ADDR-BY-NAME") as ignorant:
        late = await open_store(server, **{**options, "addresses": [ignorant, hasty]})
        await late.put("late", b"k", b"v")
    assert on(replica, "late")
    lost = await writing.lost()
    assert lost
    assert all(on(server, each) for each in lost)
    let_in(server)
    async with asyncio.timeout(PATIENCE):
        while server.command("ROLE")[0] != b"slave" or not on(server, writing.acknowledged[-1]):
            assert await writing.once()
    assert await writing.lost() == lost
    assert not any(on(server, each) for each in lost)


async def test_a_primary_that_wants_a_replica(
    server: RedisServer, replica: RedisServer, hasty: str, open_store: Open
) -> None:
    """With min-replicas-to-write one that is cut off refuses writes, and the gateway asks who else: nothing is lost."""
    server.command("CONFIG", "SET", "min-replicas-to-write", "1")
    options = {"addresses": [hasty], "mode": "sentinel", "sentinel_service": SERVICE, "ping_interval": 3600.0}
    writing = Writing(await open_store(server, **options))
    await writing.until_there(replica)
    cut_off(server)
    await writing.until_there(replica)
    assert server.command("ROLE")[0] == b"master"
    assert any("min-replicas-to-write" in error.message for error in writing.failures)
    assert {type(error) for error in writing.failures} == {BackendUnavailable}
    assert {error.outcome for error in writing.failures} == {Outcome.NOT_APPLIED}
    assert await writing.lost() == []


def cut_off(server: RedisServer) -> None:
    """Sentinel and replica come to it no more; who has another account does."""
    server.command("ACL", "SETUSER", OUTSIDER, "off")
    server.command("CLIENT", "KILL", "USER", OUTSIDER)


def let_in(server: RedisServer) -> None:
    """Sentinel and replica come again, with their password, when what they were refused over is gone."""
    server.command("ACL", "SETUSER", OUTSIDER, "on")
    for kind in ("normal", "pubsub"):
        server.command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


def on(server: RedisServer, record: str) -> bool:
    """Whether the item of a record is there."""
    return bool(server.command("EXISTS", b"prism:{n\0%b}\0ik" % record.encode()))


async def test_a_server_is_left_though_none_of_its_connections_waits(server: RedisServer) -> None:
    """Under load all may be in use whenever the sentinels are asked; what they do is answered first."""
    credentials = RedisCredentials(username=USER, password=SecretStr(server.password))
    one, _, _ = server_and_locator(RedisConfig(addresses=[server.address]), credentials)
    assert isinstance(one, OneServer)
    busy = asyncio.create_task(one.run([(b"BLPOP", b"prism:list", 0)], writes=True))
    blocked = "nobody waits for the list"
    await asyncio.to_thread(until, lambda: server.command("INFO", "clients")["blocked_clients"] == 1, blocked)
    await one.stay_with(("127.0.0.1", server.port + 1))
    server.command("LPUSH", "prism:list", "element")
    assert await busy == [[b"prism:list", b"element"]]
    assert (one.open, one.idle) == (0, 0)
    await one.close()
