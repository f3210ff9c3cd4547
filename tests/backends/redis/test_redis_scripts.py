"""Scripts and pipelines: loaded once, loaded again where they are forgotten, and many calls in one round trip."""

import asyncio
import threading
from contextlib import closing
from typing import Any

import redis
from backends.redis.conftest import Open
from prism.backends.redis.log.scripts import APPEND
from prism.backends.redis.testing.server import RedisServer
from prism.interfaces import keyvalue


def calls(server: RedisServer, command: str) -> int:
    """How often Redis has run a command."""
    stats: dict[str, Any] = server.command("INFO", "commandstats")
    return int(stats.get(f"cmdstat_{command}", {}).get("calls", 0))


async def test_scripts_are_sent_whole_once(server: RedisServer, open_store: Open) -> None:
    """Of a hundred puts one carries the script's text."""
    store = await open_store(server)
    for number in range(100):
        await store.put("r", b"%d" % number, b"v")
    assert calls(server, "eval") == 1
    assert calls(server, "evalsha") == 100  # the first was not known


async def test_scripts_survive_flushes_without_end(server: RedisServer, open_store: Open) -> None:
    """SCRIPT FLUSH between every two commands of a call, under load: no call fails, and none is applied twice."""
    store = await open_store(server)
    ended = threading.Event()
    flushing = asyncio.create_task(asyncio.to_thread(_flush_until, ended, server))

    async def write(number: int) -> list[bool]:
        key = b"%d" % number
        await store.put("r", key, b"0")
        swapped = []
        for turn in range(20):
            swap = keyvalue.CompareAndSwapRequest(
                id="r", key=key, expected_value=b"%d" % turn, new_value=b"%d" % (turn + 1)
            )
            swapped.append((await store.call("keyvalue.compare_and_swap", swap)).swapped)
        return swapped

    try:
        swapped = await asyncio.gather(*(write(number) for number in range(8)))
    finally:
        ended.set()
        await flushing
    assert swapped == [[True] * 20] * 8
    assert calls(server, "eval") > 1


def _flush_until(ended: threading.Event, server: RedisServer) -> None:
    """Has Redis forget its scripts over and over."""
    with closing(redis.Redis(port=server.port, password=server.own_password)) as client:
        while not ended.is_set():
            with client.pipeline(transaction=False) as pipeline:
                for _ in range(50):
                    pipeline.script_flush("ASYNC")
                pipeline.execute()


async def test_messages_keep_their_order_when_scripts_are_forgotten(server: RedisServer, open_store: Open) -> None:
    """As after a restart under other gateways: what they load in the middle of a batch reorders nothing of it."""
    store = await open_store(server)
    payload = bytes(1 << 15)
    ended = asyncio.Event()

    async def forget_and_load() -> None:
        while not ended.is_set():
            await asyncio.to_thread(server.command, "SCRIPT", "FLUSH")
            await asyncio.to_thread(server.command, "SCRIPT", "LOAD", APPEND.text)

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
