"""The relay in a gateway: from a commit to a consumer, in order, through refusals, and by one of several gateways."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateways import GatewayProcess, serving
from prism.client import Client, Mail, Transact

_TIMEOUT = 30.0


def configured(folder: Path, **relay: Any) -> dict[str, Any]:
    """A shop with a mailbox, and the work that its messages are."""
    section = {"mailbox": "shop/orders", "to": "work/orders", "lease": 1.0, **relay}
    return {
        "namespaces": [
            {"name": "shop", "abstraction": "transact", "backend": "sqlite", "config": {"path": str(folder / "s.db")}},
            {"name": "work", "abstractions": ["queue", "pubsub"], "backend": "sqlite",
             "config": {"path": str(folder / "w.db")}},
        ],
        "relays": [section],
    }  # fmt: skip


@asynccontextmanager
async def shop(folder: Path, **relay: Any) -> AsyncIterator[tuple[GatewayProcess, Client]]:
    """A gateway with that configuration, and a client of it."""
    async with serving(configured(folder, **relay), folder) as gateway, Client(gateway.data) as client:
        yield gateway, client


async def received(client: Client, count: int) -> list[bytes]:
    """What comes out of the queue, acknowledged."""
    found: list[bytes] = []
    async with asyncio.timeout(_TIMEOUT):
        while len(found) < count:
            messages = await client.queue("work").receive("orders", group="g", limit=count - len(found), wait=5.0)
            found += [each.payload for each in messages]
            await client.queue("work").acknowledge("orders", "g", messages)
    return found


async def until(met: Callable[[], Awaitable[bool]]) -> None:
    """Waits until it is so."""
    async with asyncio.timeout(_TIMEOUT):
        while not await met():  # noqa: ASYNC110  # nothing else tells
            await asyncio.sleep(0.02)


async def _caught_up(transact: Transact) -> bool:
    return (await transact.describe_mailbox("orders")).backlog == 0


async def _dead(transact: Transact, count: int) -> bool:
    return len([each async for each in transact.dead("orders", "relay")]) == count


async def test_from_a_commit_to_a_consumer_in_order(tmp_path: Path) -> None:
    """CONTRACT, Transact 5: each message is relayed once, those of one key in the order of their commits."""
    async with shop(tmp_path) as (_, client):
        transact = client.transact("shop")
        for n in range(0, 60, 3):
            await transact.write(mail=[Mail("orders", b"%d" % each, "k") for each in range(n, n + 3)])
        assert await received(client, 60) == [b"%d" % n for n in range(60)]
        await until(lambda: _caught_up(transact))
        (reader,) = (await transact.describe_mailbox("orders")).readers
        assert (reader.name, reader.behind, reader.dead) == ("relay", 0, 0)


async def test_what_is_refused_for_good_is_set_aside(tmp_path: Path) -> None:
    """CONTRACT, Transact 5: what the target refuses for good is dead, and tried again when it is redriven."""
    async with shop(tmp_path, abstraction="pubsub") as (_, client):
        transact = client.transact("shop")
        large = {f"a{n}": "x" * 1000 for n in range(8)}  # within the bounds of a mailbox and of PubSub
        subscription = client.pubsub("work").subscribe("orders")
        async with subscription:
            await transact.write(mail=[Mail("orders", b"1"), Mail("orders", b"2", attributes=large)])
            async with asyncio.timeout(_TIMEOUT):
                assert sorted([(await anext(subscription)).payload for _ in range(2)]) == [b"1", b"2"]
    section = {"to": "work/orders.*"}  # a topic that PubSub refuses: each message of it, for good
    async with shop(tmp_path, abstraction="pubsub", **section) as (_, client):
        transact = client.transact("shop")
        await transact.write(mail=[Mail("orders", b"3")])
        await until(lambda: _dead(transact, 1))
        (dead,) = [each async for each in transact.dead("orders", "relay")]
        assert (dead.message.payload, "INVALID_ARGUMENT" in dead.reason) == (b"3", True)
        for _ in range(2):  # once more it is refused, and it waits for an operator again
            assert await transact.redrive("orders", "relay") == 1
            await until(lambda: _redriven(transact, 0))
        assert await _dead(transact, 1)
        assert await transact.redrive("orders", "relay") == 1
    async with shop(tmp_path) as (_, client):
        assert await received(client, 1) == [b"3"]
        await until(lambda: _dead(client.transact("shop"), 0))


async def _redriven(transact: Transact, count: int) -> bool:
    return len([each async for each in transact.dead("orders", "relay", redriven=True)]) == count


@pytest.mark.slow
async def test_another_gateway_goes_on(tmp_path: Path) -> None:
    """CONTRACT, Transact 5: one relay of a reader works at a time; when its gateway is killed, another one goes on."""
    config = configured(tmp_path)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with (
        serving(config, tmp_path / "one") as one,
        serving(config, tmp_path / "two") as two,
        Client(two.data) as client,
    ):
        transact = client.transact("shop")
        await transact.write(mail=[Mail("orders", b"0", "k")])
        assert await received(client, 1) == [b"0"]
        (reader,) = (await transact.describe_mailbox("orders")).readers
        assert reader.holder
        await asyncio.to_thread(one.kill)
        for n in range(1, 20):
            await transact.write(mail=[Mail("orders", b"%d" % n, "k")])
        assert await received(client, 19) == [b"%d" % n for n in range(1, 20)]
