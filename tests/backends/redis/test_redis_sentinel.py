"""Redis behind sentinels: a failover under load, seen by the backend as a pause with honest outcomes."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backends.redis.conftest import Open
from prism.acceptance.held_port import HeldPort
from prism.backends.redis.testing_server import RedisServer, binary
from prism.errors import MessagesLost, PrismError

SERVICE = "main"
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
    yield from _watching(server, tmp_path)


def _watching(server: RedisServer, folder: Path) -> Iterator[str]:
    held = HeldPort()
    port = held.number
    settings = [
        f"port {port}",
        f"dir {folder}",
        f"sentinel monitor {SERVICE} 127.0.0.1 {server.port} 1",
        f"sentinel auth-pass {SERVICE} {server.own_password}",
        f"sentinel down-after-milliseconds {SERVICE} 500",
        f"sentinel failover-timeout {SERVICE} 3000",
    ]
    file = folder / "sentinel.conf"
    file.write_text("\n".join(settings) + "\n")
    process = subprocess.Popen([binary(), str(file), "--sentinel"], stdout=subprocess.DEVNULL)
    try:
        _until_it_knows_the_replica(port)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _until_it_knows_the_replica(port: int) -> None:
    from redis import ConnectionError as NotYet
    from redis import Redis

    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with closing(Redis(port=port)) as client:
            try:
                if client.execute_command("SENTINEL", "REPLICAS", SERVICE):
                    return
            except NotYet:
                pass
        time.sleep(0.05)  # a sentinel looks every second, and tells nobody
    raise RuntimeError("the sentinel found no replica")


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
