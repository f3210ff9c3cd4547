"""Scripts and pipelines: loaded once, loaded again where they are forgotten, and many calls in one round trip."""

import asyncio
from typing import Any

from backends.redis.conftest import Open
from prism.backends.redis.scripts import PUBLISH
from prism.backends.redis.testing_server import RedisServer


def calls(server: RedisServer, command: str) -> int:
    """How often Redis has run a command."""
    stats: dict[str, Any] = server.command("INFO", "commandstats")
    return int(stats.get(f"cmdstat_{command}", {}).get("calls", 0))


async def test_scripts_are_loaded_once(server: RedisServer, open_store: Open) -> None:
    """A hundred puts load their script once."""
    store = await open_store(server)
    for number in range(100):
        await store.put("r", b"%d" % number, b"v")
    assert calls(server, "script|load") == 1
    assert calls(server, "evalsha") == 101  # the first was not known


async def test_scripts_survive_a_flush(server: RedisServer, open_store: Open) -> None:
    """SCRIPT FLUSH under load: no call fails, and none is applied twice."""
    store = await open_store(server)

    async def write(number: int) -> None:
        for turn in range(20):
            await store.put(f"r{number}", b"%d" % turn, b"v")

    async def flush() -> None:
        for _ in range(10):
            await asyncio.to_thread(server.command, "SCRIPT", "FLUSH")

    await asyncio.gather(flush(), *(write(number) for number in range(8)))
    assert [await store.get(f"r{number}", b"19") for number in range(8)] == [b"v"] * 8


async def test_messages_keep_their_order_when_scripts_are_forgotten(server: RedisServer, open_store: Open) -> None:
    """As after a restart under other gateways: what they load in the middle of a batch reorders nothing of it."""
    store = await open_store(server)
    payload = bytes(1 << 15)
    ended = asyncio.Event()

    async def forget_and_load() -> None:
        while not ended.is_set():
            await asyncio.to_thread(server.command, "SCRIPT", "FLUSH")
            await asyncio.to_thread(server.command, "SCRIPT", "LOAD", PUBLISH)

    async with store.listening("t") as listening:
        forgetting = asyncio.create_task(forget_and_load())
        for _ in range(20):
            await asyncio.gather(*(store.publish("t", b"%d " % number + payload) for number in range(50)))
            heard = [int((await listening.next()).payload.split(b" ")[0]) for _ in range(50)]
            assert heard == list(range(50))
        ended.set()
        await forgetting


async def test_reads_that_wait_together_are_one_command(server: RedisServer, open_store: Open) -> None:
    """Two hundred gets at once are a handful of MGETs."""
    store = await open_store(server)
    await store.put("r", b"k", b"v")
    before = calls(server, "mget")
    assert await asyncio.gather(*(store.get("r", b"k") for _ in range(200))) == [b"v"] * 200
    assert calls(server, "mget") - before <= 5


async def test_writes_that_wait_together_travel_together(server: RedisServer, open_store: Open) -> None:
    """A hundred puts at once are a script each, in a few packets."""
    store = await open_store(server)
    await store.put("r", b"0", b"v")
    before = calls(server, "evalsha"), _reads(server)
    await asyncio.gather(*(store.put("r", b"%d" % number, b"v") for number in range(100)))
    assert calls(server, "evalsha") - before[0] == 100
    assert _reads(server) - before[1] <= 20


def _reads(server: RedisServer) -> int:
    """How often Redis has read from a socket."""
    return int(server.command("INFO", "stats")["total_reads_processed"])
