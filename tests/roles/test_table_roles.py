"""The roles of tables as an orchestrator has them: reader, processor and listener, each by its environment alone."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

pytest.importorskip("asyncpg")

from gateways import GatewayProcess
from missing import missing
from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.acceptance.store.held_port import HeldPort
from prism.backends.postgres.testing import PostgresServer, ServerMissing, memory
from prism.client import Client, Mail, insert, update
from prism.errors import CollectionNotFound, FailedPrecondition
from prism.roles.container.settings import Settings
from prism.wire import Channel
from roles.processes import PluginRole, RoleProcess

TABLES = """CREATE SCHEMA app;
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint NOT NULL);
CREATE TABLE app."Notes" (id bigint PRIMARY KEY, text text);
CREATE TABLE hidden (id bigint PRIMARY KEY);
INSERT INTO app."Notes" SELECT n, 'note ' || n FROM generate_series(1, 25) n"""
EACH, KILLS, SAMPLE = 25, 10, 1
"""Messages before each kill; and kills."""


class Stage:
    """A database, the two roles that serve its tables, and a gateway that knows neither the database nor its login.

    Attributes:
        url: of the database.
        reader: of it, and the processor.
        gateway: of both.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        common = {"DATABASE_URL": url, "DATABASE_POOL_SIZE": "9", "MAILBOX_TABLE": "kept"}
        self.reader = PluginRole("reader", DATABASE_TABLE="app.Notes", **common)
        self.processor = PluginRole("processor", DATABASE_TABLE="orders", **common)
        entries = [
            _entry("notes", "reader", self.reader.port), _entry("shop", "transact", self.processor.port),
            {"name": "work", "backend": "sqlite", "abstraction": "queue", "config": {"path": str(folder / "w.db")}},
        ]  # fmt: skip
        self.gateway = GatewayProcess({"gateway": {"listen": f"127.0.0.1:{HeldPort()}"}, "namespaces": entries}, folder)


def _entry(name: str, abstraction: str, port: int) -> dict[str, Any]:
    plugin = {"type": "remote", "endpoint": f"127.0.0.1:{port}"}
    elsewhere = {"connection_string": "postgresql://other@127.0.0.1:1/other", "pool_size": 100}  # settled by the role
    return {"name": name, "abstraction": abstraction, "backend": "postgres", "plugin": plugin, "config": elsewhere}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """All of them started."""
    try:
        server = PostgresServer(within=memory())
    except ServerMissing as absent:
        missing(str(absent))
    with server, ExitStack() as stack:
        url = server.create_database()
        for statement in TABLES.split(";"):
            server.execute(statement, url=url)
        made = Stage(url, tmp_path_factory.mktemp("stage"))
        for each in (made.reader, made.processor):
            stack.callback(each.remove)
            each.start()
        made.gateway.start()
        stack.callback(made.gateway.stop)
        for name in ("notes", "shop", "work"):
            made.gateway.wait_until_served(name)
        yield made


async def test_a_reader_and_a_processor(stage: Stage) -> None:
    """ADR-025: the tables that DATABASE_TABLE names are served, and no other; the gateway has no login of theirs."""
    async with Client(stage.gateway.data) as prism:
        rows = [row async for row in prism.reader("notes").read("Notes", page_size=10)]
        assert [row["id"] for row in rows] == list(range(1, 26))
        assert [each async for each in prism.reader("notes").collections()] == ["Notes"]
        shop = prism.transact("shop")
        await shop.write(insert("orders", {"id": 1, "total": 5}), mail=[Mail("first", b"1", "a")])
        async with shop.transaction() as transaction:
            (row,) = await transaction.read("orders", key={"id": 1}, for_update=True)
            await transaction.write(update("orders", {"total": row["total"] + 1}, key={"id": 1}, expect=1))
        with pytest.raises(CollectionNotFound, match="hidden"):
            await shop.write(insert("hidden", {"id": 1}))
        assert [each.payload async for each in shop.read("first")] == [b"1"]


async def test_what_a_role_says_of_itself(stage: Stage) -> None:
    """ADR-025: probes, metrics and PluginInfoService, with the role."""
    for role in (stage.reader, stage.processor):
        status, said = await asyncio.to_thread(role.ready)
        assert (status, said["status"]) == (200, "ready")
        with await asyncio.to_thread(urlopen, f"http://{role.metrics}/metrics", timeout=20) as answer:
            assert b"prism_plugin" in answer.read()
        async with Channel(f"127.0.0.1:{role.port}") as channel:
            answer = await channel.unary("/prism.plugin.v1.PluginInfoService/GetInfo", b"")
            assert pb.GetInfoResponse.FromString(answer).role == role.name


async def test_listeners_that_are_killed(stage: Stage, often: Callable[[int], int]) -> None:
    """ADR-025: of two listeners one works; killed again and again, each message is in the queue once and in order."""
    count = KILLS if often(KILLS) == KILLS else SAMPLE
    environment = {
        "PRISM_NAMESPACE": "shop", "MAILBOX_ID": "events", "PRISM_TARGET_NAMESPACE": "work", "PRISM_TOPIC": "told",
        "MAILBOX_POLL_INTERVAL": "500ms", "MAILBOX_BATCH_SIZE": "7",
    }  # fmt: skip
    roles = [RoleProcess("listener", stage.gateway, **environment) for _ in range(2)]
    wanted = [b"%d" % number for number in range(EACH * count)]
    try:
        await asyncio.gather(*(asyncio.to_thread(each.start) for each in roles))
        async with Client(stage.gateway.data) as prism:
            shop, found = prism.transact("shop"), []
            for turn in range(count):
                for payload in wanted[turn * EACH : (turn + 1) * EACH]:
                    await shop.write(mail=[Mail("events", payload, "one key")])
                victim = roles[turn % 2]
                await asyncio.to_thread(victim.kill)
                await asyncio.to_thread(victim.start)
            async with asyncio.timeout(120):
                while len(found) < len(wanted):
                    messages = await prism.queue("work").receive("told", group="g", limit=100, wait=5.0)
                    found += [each.payload for each in messages]
                    await prism.queue("work").acknowledge("told", "g", messages)
            assert found == wanted
        assert (await asyncio.to_thread(roles[0].ready))[0] == 200
        assert [await asyncio.to_thread(each.end) for each in roles] == [0, 0]
    finally:
        for each in roles:
            each.remove()


@pytest.mark.parametrize(
    ("role", "environment", "said"),
    [
        ("listener", {}, "MAILBOX_ID is required"),
        ("listener", {"MAILBOX_ID": "m", "MAILBOX_POLL_INTERVAL": "often"}, "MAILBOX_POLL_INTERVAL: give a length"),
        ("reader", {"DATABASE_TABLE": "t"}, "DATABASE_URL is required"),
        ("processor", {"DATABASE_URL": "postgres://u:secret@h/d"}, "DATABASE_TABLE is required"),
        ("reader", {"PRISM_BACKEND_TYPE": "kafka"}, "is postgres"),
        ("publisher", {}, "PRISM_BACKEND_TYPE is required"),
    ],
)
def test_settings_that_are_wrong(role: str, environment: dict[str, str], said: str) -> None:
    """The error names the variable, and shows no value."""
    with pytest.raises(FailedPrecondition, match=said) as caught:
        Settings.load(role, environment)
    assert "secret" not in str(caught.value)
