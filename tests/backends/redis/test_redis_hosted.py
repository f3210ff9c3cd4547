"""A Redis as hosting services have it: without commands that only advise the gateway, it is served all the same."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from backends.redis.conftest import Make, Open
from backends.redis.store import Store
from missing import missing
from prism.acceptance.store.backend import StoreMissing
from prism.backends.redis.testing.cluster import RedisCluster
from prism.backends.redis.testing.server import USER, RedisServer
from prism.errors import BackendCredentials, FailedPrecondition
from prism.sdk import HealthStatus

ADVISORY = ("CONFIG", "INFO", "CLIENT", "COMMAND", "ROLE", "PING")
"""What is asked, and can be done without."""


def without(commands: Sequence[str]) -> str:
    """The option that takes commands away."""
    return "\nrename-command ".join(f'{command} ""' for command in commands)


async def check_served(store: Store) -> None:
    """It stores, reads, passes messages on and is well."""
    await store.put("r", b"k", b"v")
    assert await store.get("r", b"k") == b"v"
    async with store.listening("a.*") as listening:
        await store.publish("a.b")
        assert (await listening.next()).topic == "a.b"
    health = await store.backend.health()
    assert health.status is HealthStatus.HEALTHY, health.message


@pytest.mark.parametrize("commands", [*((each,) for each in ADVISORY), ADVISORY], ids="-".join)
async def test_a_command_that_was_taken_away(make_server: Make, open_store: Open, commands: Sequence[str]) -> None:
    """rename-command to nothing: the server answers "unknown command"."""
    await check_served(await open_store(make_server(rename_command=without(commands))))


async def test_a_command_that_the_user_may_not_run(server: RedisServer, open_store: Open) -> None:
    """An ACL without them: the server answers NOPERM."""
    server.command("ACL", "SETUSER", USER, *(f"-{each.lower()}" for each in ADVISORY))
    await check_served(await open_store(server))


@pytest.mark.parametrize("said", [b"$0\r\n\r\n", b"*0\r\n", b"$-1\r\n", b"+OK\r\n", b":1\r\n"])
async def test_an_empty_answer(server: RedisServer, open_store: Open, said: bytes) -> None:
    """A proxy that answers these questions itself, with nothing of what was asked."""
    async with answering(server, (b"CONFIG", b"CONFIG GET", b"INFO", b"ROLE"), said) as address:
        store = await open_store(server, addresses=[address])
        await check_served(store)
        await store.backend.stop()


async def test_a_cluster_without_them(open_store: Open) -> None:
    """Each of its nodes lacks them."""
    try:
        cluster = RedisCluster(options={"rename-command": without(ADVISORY)})
    except StoreMissing as absent:
        missing(str(absent))
    try:
        cluster.start()
        await check_served(await open_store(cluster.nodes[0], mode="cluster"))
    finally:
        cluster.stop()


async def test_eviction_is_seen_without_config(make_server: Make, open_store: Open) -> None:
    """How Redis evicts stands in its INFO, too: the warning comes."""
    store = await open_store(make_server(rename_command=without(["CONFIG"]), maxmemory_policy="allkeys-lru"))
    health = await store.backend.health()
    assert health.status is HealthStatus.DEGRADED
    assert "allkeys-lru" in health.message


async def test_synced_is_refused_where_it_cannot_be_seen(make_server: Make, open_store: Open) -> None:
    """durability synced promises what only CONFIG shows; the error says what is missing and what to set."""
    store = await open_store(make_server(rename_command=without(["CONFIG"])), start=False, durability="synced")
    with pytest.raises(FailedPrecondition, match=r"durability: store .*it has no CONFIG"):
        await store.backend.start()


async def test_a_command_that_is_needed_is_named(make_server: Make, open_store: Open) -> None:
    """Without EVAL no item is stored: the operator's matter, with the name of the command."""
    store = await open_store(make_server(rename_command=without(["EVALSHA"])))
    with pytest.raises(FailedPrecondition, match=r"lacks a command that the gateway needs.*EVALSHA"):
        await store.put("r", b"k", b"v")


async def test_a_wrong_login_is_no_missing_command(server: RedisServer, open_store: Open) -> None:
    """What is forgiven is a refused question, not a refused login."""
    for login in ({"username": USER, "password": "wrong"}, {}):
        store = await open_store(server, start=False, login=login)
        with pytest.raises(BackendCredentials):
            await store.backend.start()


@asynccontextmanager
async def answering(server: RedisServer, names: Sequence[bytes], said: bytes) -> AsyncIterator[str]:
    """The address of a relay to the server that answers some commands itself."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", server.port)
        back = asyncio.create_task(pass_on(theirs, writer))
        while words := await command(reader):
            if words[0].upper() in names:
                writer.write(said)
            else:
                ours.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words))
        ours.close()
        await back

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
        writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(serve(reader, writer)))

    relay = await asyncio.start_server(begin, "127.0.0.1", 0)
    async with relay:
        yield f"127.0.0.1:{relay.sockets[0].getsockname()[1]}"
        await asyncio.gather(*tasks)


async def command(reader: asyncio.StreamReader) -> list[bytes]:
    """The next command; nothing at the end."""
    head = await reader.readline()
    words = []
    for _ in range(int(head[1:] or b"0")):
        size = int((await reader.readline())[1:])
        words.append((await reader.readexactly(size + 2))[:-2])
    return words
