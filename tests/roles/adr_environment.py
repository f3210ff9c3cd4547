"""The environment of ADR-025, with its names and values; and what its addresses name, as real servers."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest

from gateways import GatewayProcess
from missing import missing
from prism.acceptance.store.held_port import HeldPort

BLOCK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "PRISM_PROXY_ENDPOINT": "localhost:8980",
        "PRISM_NAMESPACE": "production",
        "PRISM_LOG_LEVEL": "info",
        "PRISM_LOG_FORMAT": "json",
        "PRISM_METRICS_PORT": "9090",
        "KAFKA_BROKERS": "localhost:9092,localhost:9093",
        "KAFKA_TOPIC": "events",
        "KAFKA_CONSUMER_GROUP": "prism-consumer",
        "KAFKA_AUTO_OFFSET_RESET": "earliest",
        "KAFKA_COMPRESSION": "snappy",
        "NATS_URL": "nats://localhost:4222",
        "NATS_SUBJECT": "events.>",
        "NATS_QUEUE_GROUP": "prism-consumers",
        "NATS_STREAM": "EVENTS",
        "DATABASE_URL": "postgres://user:pass@localhost/db",
        "DATABASE_POOL_SIZE": "10",
        "DATABASE_TABLE": "events",
        "MAILBOX_TABLE": "mailbox",
        "MAILBOX_POLL_INTERVAL": "1s",
        "MAILBOX_BATCH_SIZE": "100",
    }
)
"""All of "Environment Configuration" but `PRISM_PLUGIN_ROLE` and `PRISM_BACKEND_TYPE`, which say which process it is.

Of an environment that `sides` gives, the addresses are those of the servers that it starts, with their logins; the
subject of a publisher has no wildcard, to which nothing can be published; and a listener has the `MAILBOX_ID` that the
Compose example of ADR-025 gives it.
"""


@contextmanager
def sides(broker: str, role: str, folder: Path) -> Iterator[dict[str, str]]:
    """A gateway and a broker or a database, and the environment of a role that is to find them.

    Args:
        broker: `kafka`, `nats`, or none.
        role: one of `prism role`.
        folder: for files.
    """
    with ExitStack() as stack:
        entry = {"name": "production", "backend": "sqlite", "config": {"path": str(folder / "sides.db")}}
        gateway = GatewayProcess({"namespaces": [entry]}, folder / "gateway")
        gateway.start()
        stack.callback(gateway.stop)
        gateway.wait_until_served("production")
        environment = dict(BLOCK) | {"PRISM_PROXY_ENDPOINT": gateway.data}
        if broker == "nats":
            environment |= _nats(stack, role)
        elif broker == "kafka":
            environment |= _kafka(stack)
        elif role == "listener":
            environment |= {"MAILBOX_ID": "system"}
        else:
            environment |= _tables(stack)
        yield environment


def _nats(stack: ExitStack, role: str) -> dict[str, str]:
    from prism.backends.nats.testing import NatsServer, ServerMissing

    try:
        server = NatsServer("user")
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    stack.callback(server.stop)
    login = server.credentials()
    subject = "events.>" if role == "consumer" else "events"

    async def stream() -> None:
        import nats

        client = await nats.connect(server.url, user=login["username"], password=login["password"])
        await client.jetstream().add_stream(name="EVENTS", subjects=["events", "events.>"])
        await client.close()

    asyncio.run(stream())
    return {
        "NATS_URL": server.url,
        "NATS_SUBJECT": subject,
        "NATS_USERNAME": login["username"],
        "NATS_PASSWORD": login["password"],
    }


def _tables(stack: ExitStack) -> dict[str, str]:
    pytest.importorskip("asyncpg")
    from prism.backends.postgres.testing import PostgresServer, ServerMissing, memory

    try:
        server = PostgresServer(within=memory())
    except ServerMissing as absent:
        missing(str(absent))
    stack.enter_context(server)
    url = server.create_database()
    server.execute("CREATE TABLE events (id bigint PRIMARY KEY, text text)", url=url)
    listen = f"127.0.0.1:{HeldPort()}"
    return {"DATABASE_URL": url, "PRISM_PLUGIN_LISTEN": listen}


def _kafka(stack: ExitStack) -> dict[str, str]:
    from prism.backends.kafka.testing import KafkaServer, ServerMissing

    try:
        server = KafkaServer("scram")
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    stack.callback(server.stop)
    login = server.credentials()
    return {
        "KAFKA_BROKERS": server.address,
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": login["username"],
        "KAFKA_SASL_PASSWORD": login["password"],
    }
