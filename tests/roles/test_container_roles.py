"""Container roles as an orchestrator has them: configured by environment, probed, scaled, killed, ended by SIGTERM."""

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest

pytest.importorskip("nats")

import nats
from nats.aio.client import Client as Nats

import gateways
from gateways import GatewayProcess
from missing import missing
from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.acceptance.store.held_port import HeldPort
from prism.backends.nats.testing import NatsServer, ServerMissing
from prism.client import Client, QueueMessage
from prism.errors import FailedPrecondition
from prism.roles.container.settings import Settings
from roles.processes import RoleProcess

STREAM, SUBJECT = "EVENTS", "events"
KILLS, SAMPLE = 20, 3
FOR_EACH = 30
"""Messages that are published while a process is killed."""


def nats_role(role: str, gateway: GatewayProcess, server: NatsServer, **environment: str) -> RoleProcess:
    """One for NATS."""
    login = server.credentials()
    common = {
        "PRISM_BACKEND_TYPE": "nats",
        "NATS_URL": server.url,
        "NATS_SUBJECT": SUBJECT,
        "NATS_STREAM": STREAM,
        "NATS_USERNAME": login["username"],
        "NATS_PASSWORD": login["password"],
        "NATS_ACK_WAIT": "1",
    }
    return RoleProcess(role, gateway, **{**common, **environment})


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GatewayProcess, NatsServer]]:
    """A gateway on SQLite, and a NATS server."""
    tmp_path = tmp_path_factory.mktemp("stage")
    try:
        server = NatsServer("user")
    except ServerMissing as absent:
        missing(str(absent))
    port = HeldPort()
    # What a killed role had comes again soon, not after the 10 s of the default.
    entry = gateways.namespace(
        "default", "sqlite", "queue", path=str(tmp_path / "data.db"), queue={"resume_window": 0.3}
    )
    gateway = GatewayProcess({"gateway": {"listen": f"127.0.0.1:{port}"}, "namespaces": [entry]}, tmp_path)
    with ExitStack() as stack:
        server.start()
        stack.callback(server.stop)
        gateway.start()
        stack.callback(gateway.stop)
        gateway.wait_until_served("default")
        yield gateway, server


async def connect(server: NatsServer, subject: str = SUBJECT) -> Nats:
    """The stock client, with the stream of a subject, which is called as it is in capitals."""
    login = server.credentials()
    client = await nats.connect(server.url, user=login["username"], password=login["password"])
    await client.jetstream().add_stream(name=subject.upper(), subjects=[subject])
    return client


async def test_each_message_goes_once_through_both_roles_whatever_is_killed(
    stage: tuple[GatewayProcess, NatsServer], often: Callable[[int], int]
) -> None:
    """Two publishers and two consumers, killed again and again: the stream and the last queue have each once."""
    gateway, server = stage
    stock = await connect(server)
    chance = random.Random(1)
    roles = [
        nats_role("publisher", gateway, server, PRISM_TOPIC="out"),
        nats_role("publisher", gateway, server, PRISM_TOPIC="out"),
        nats_role("consumer", gateway, server, PRISM_TOPIC="in"),
        nats_role("consumer", gateway, server, PRISM_TOPIC="in"),
    ]
    kills = KILLS if often(KILLS) == KILLS else SAMPLE
    wanted = [b"%d" % number for number in range(kills * FOR_EACH)]
    found: list[bytes] = []
    complete = asyncio.Event()

    async def count(message: QueueMessage) -> None:
        assert message.attributes == {"kind": "test"}
        found.append(message.payload)
        if len(found) == len(wanted):
            complete.set()

    try:
        await asyncio.gather(*(asyncio.to_thread(each.start) for each in roles))
        async with Client(gateway.data) as prism:
            jobs = prism.queue()
            counting = jobs.worker("in", count, group="counted", concurrency=64)
            running = asyncio.create_task(counting.run())

            async def publish(payloads: list[bytes]) -> None:
                for each in payloads:
                    await jobs.publish("out", each, attributes={"kind": "test"}, idempotency_key=each.decode())

            for number in range(kills):
                one = chance.choice(roles)
                publishing = asyncio.create_task(publish(wanted[number * FOR_EACH : (number + 1) * FOR_EACH]))
                await asyncio.to_thread(one.kill)
                await asyncio.to_thread(one.start)
                await publishing
            async with asyncio.timeout(120):
                await complete.wait()
                while (await jobs.describe_group("out", "prism-publisher")).acknowledged < len(wanted):  # noqa: ASYNC110  # a group tells nothing
                    await asyncio.sleep(0.02)
            assert [await asyncio.to_thread(each.end) for each in roles] == [0, 0, 0, 0]
            counting.stop()
            await running
            described = await jobs.describe_group("in", "counted")
        assert (sorted(found), described.offered, described.dead) == (sorted(wanted), len(wanted), 0)
        info = await stock.jetstream().stream_info(STREAM)
        assert info.state.messages == len(wanted)
    finally:
        for each in roles:
            each.remove()
        await stock.close()


async def test_probes_metrics_and_information(stage: tuple[GatewayProcess, NatsServer]) -> None:
    """Ready with both sides; not ready, and alive, while one is away; metrics and information as ADR-025 has them."""
    gateway, server = stage
    stock = await connect(server, "probed")
    role = nats_role("publisher", gateway, server, NATS_SUBJECT="probed", NATS_STREAM="PROBED")
    try:
        await asyncio.to_thread(role.start)
        await until(role, 200)
        assert (await asyncio.to_thread(role.ready))[1]["dependencies"] == {"broker": "healthy", "proxy": "healthy"}
        async with Client(gateway.data) as prism:
            await prism.queue().publish("probed", b"one")
        subscription = await stock.jetstream().pull_subscribe("probed", "stock", stream="PROBED")
        (message,) = await subscription.fetch(1, timeout=20)
        assert message.data == b"one"
        text = await asyncio.to_thread(page, f"http://{role.metrics}/metrics")
        assert 'prism_role_messages_total{role="publisher",backend="nats"} 1' in text
        async with Client(role.health) as probed:
            info = await probed.call("default", "prism.plugin.v1.PluginInfoService/GetInfo", pb.GetInfoRequest())
            assert (info.role, info.backend, info.name) == ("publisher", "nats", "nats-publisher")
        server.kill()
        await until(role, 503)
        assert json.loads(await asyncio.to_thread(page, f"http://{role.health}/health/live")) == {"status": "alive"}
        server.start()
        await until(role, 200)
        assert await asyncio.to_thread(role.end) == 0
    finally:
        role.remove()
        await stock.close()


async def until(role: RoleProcess, status: int) -> None:
    """Waits until the readiness probe answers so; as an orchestrator does, by asking."""
    found = 0
    async with asyncio.timeout(40):
        while found != status:
            found, _ = await asyncio.to_thread(role.ready)


def page(address: str) -> str:
    """What is at an address."""
    with urlopen(address, timeout=20) as answer:
        return str(answer.read().decode())


_NATS: Mapping[str, str] = {"PRISM_BACKEND_TYPE": "nats", "NATS_SUBJECT": "a", "NATS_STREAM": "A"}


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    """/etc/prism/plugin.yaml, or the file that PRISM_PLUGIN_CONFIG names, has what the environment has not."""
    file = tmp_path / "plugin.yaml"
    file.write_text("PRISM_PLUGIN_ROLE: consumer\nprism_namespace: shop\nNATS_SUBJECT: b\n")
    settings = Settings.load("", {**_NATS, "PRISM_PLUGIN_CONFIG": str(file)})
    assert (settings.prism_plugin_role, settings.prism_namespace, settings.nats_subject) == ("consumer", "shop", "a")


@pytest.mark.parametrize(
    ("role", "changes", "sentence"),
    [
        ("", {}, "PRISM_PLUGIN_ROLE: Field required"),
        ("publisher", {"NATS_SUBJECT": ""}, "NATS_SUBJECT is required"),
        ("consumer", {"NATS_STREAM": ""}, "NATS_STREAM is required for a consumer"),
        ("publisher", {"NATS_SUBJECT": "a.*"}, "must not have wildcards"),
        ("publisher", {"PRISM_METRICS_PORT": "many"}, "PRISM_METRICS_PORT"),
        ("publisher", {"PRISM_PLUGIN_CONFIG": "/missing.yaml"}, "/missing.yaml cannot be read"),
    ],
)
def test_what_is_configured_wrongly_is_named(role: str, changes: Mapping[str, str], sentence: str) -> None:
    """The variable, and what would be right."""
    with pytest.raises(FailedPrecondition, match=sentence):
        Settings.load(role, {**_NATS, **changes})
