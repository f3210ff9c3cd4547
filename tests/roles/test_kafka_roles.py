"""Container roles for Kafka: by environment alone, killed again and again; and what is configured wrongly."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("confluent_kafka")

from confluent_kafka.admin import AdminClient, NewTopic

import gateways
from gateways import GatewayProcess
from missing import missing
from prism.acceptance.store.held_port import HeldPort
from prism.backends.kafka.testing import KafkaServer, ServerMissing
from prism.client import Client, QueueMessage
from prism.errors import FailedPrecondition
from prism.roles.container.kafka import KafkaSink
from prism.roles.container.settings import Settings
from roles.processes import RoleProcess

TOPIC = "events"
KILLS, FOR_EACH = 20, 30


@pytest.fixture
def server(whole: bool) -> Iterator[KafkaServer]:
    """A Kafka of the test's own."""
    if not whole:
        pytest.skip("Kafka takes long to start: roles for it are of `make acceptance` and of whole runs")
    try:
        server = KafkaServer("scram")
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway on SQLite, which lets go soon of what a killed role had."""
    entry = gateways.namespace("default", "sqlite", "queue", path=str(tmp_path / "q.db"), queue={"resume_window": 0.3})
    gateway = GatewayProcess({"gateway": {"listen": f"127.0.0.1:{HeldPort()}"}, "namespaces": [entry]}, tmp_path)
    gateway.start()
    gateway.wait_until_served("default")
    yield gateway
    gateway.stop()


@pytest.mark.slow
async def test_each_message_goes_once_through_both_roles_whatever_is_killed(
    server: KafkaServer, gateway: GatewayProcess
) -> None:
    """Two publishers and two consumers, killed again and again: the last queue has each once, though Kafka may have one
    twice that was sent again."""
    login = server.credentials()
    admin = AdminClient({"bootstrap.servers": server.address, **sasl(login)})
    admin.create_topics([NewTopic(TOPIC, 4, 1)])[TOPIC].result()
    environment = {
        "PRISM_BACKEND_TYPE": "kafka",
        "KAFKA_BROKERS": server.address,
        "KAFKA_TOPIC": TOPIC,
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": login["username"],
        "KAFKA_SASL_PASSWORD": login["password"],
    }
    roles = [RoleProcess("publisher", gateway, PRISM_TOPIC="out", **environment) for _ in range(2)]
    roles += [RoleProcess("consumer", gateway, PRISM_TOPIC="in", **environment) for _ in range(2)]
    chance, found, complete = random.Random(1), [], asyncio.Event()
    wanted = [b"%d" % number for number in range(KILLS * FOR_EACH)]

    async def count(message: QueueMessage) -> None:
        assert message.attributes == {"kind": "test"}
        found.append(message.payload)
        if len(found) >= len(wanted):
            complete.set()

    try:
        await asyncio.gather(*(asyncio.to_thread(each.start) for each in roles))
        async with Client(gateway.data) as prism:
            jobs = prism.queue()
            counting = jobs.worker("in", count, group="counted", concurrency=64)
            running = asyncio.create_task(counting.run())
            for number in range(KILLS):
                one = chance.choice(roles)
                for each in wanted[number * FOR_EACH : (number + 1) * FOR_EACH]:
                    await jobs.publish("out", each, attributes={"kind": "test"}, idempotency_key=each.decode())
                await asyncio.to_thread(one.kill)
                await asyncio.to_thread(one.start)
            async with asyncio.timeout(240):
                await complete.wait()
                while (await jobs.describe_group("out", "prism-publisher")).acknowledged < len(wanted):  # noqa: ASYNC110  # a group tells nothing
                    await asyncio.sleep(0.02)
            assert [await asyncio.to_thread(each.end) for each in roles] == [0, 0, 0, 0]
            counting.stop()
            await running
            described = await jobs.describe_group("in", "counted")
        assert (sorted(found), described.offered, described.dead) == (sorted(wanted), len(wanted), 0)
    finally:
        for each in roles:
            each.remove()


def sasl(login: dict[str, str]) -> dict[str, str]:
    """How the stock client logs in."""
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": login["username"],
        "sasl.password": login["password"],
    }


def test_a_wrong_login_shows_no_secret() -> None:
    """The setting is named."""
    settings = Settings.model_validate(
        {"prism_plugin_role": "publisher", "prism_backend_type": "kafka", "kafka_topic": "t",
         "kafka_brokers": "hush-hush", "kafka_sasl_password": "hush-hush"}
    )  # fmt: skip
    with pytest.raises(FailedPrecondition, match="KAFKA_BROKERS") as caught:
        KafkaSink(settings)
    assert "hush-hush" not in str(caught.value)


def test_a_topic_is_required() -> None:
    """For both roles."""
    with pytest.raises(FailedPrecondition, match="KAFKA_TOPIC is required"):
        Settings.load("consumer", {"PRISM_BACKEND_TYPE": "kafka"})
