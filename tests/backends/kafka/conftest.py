"""A Kafka server for the tests of this folder, and backends on it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from missing import missing

pytest.importorskip("confluent_kafka")

from backends.kafka.gateways import Gateways  # needs the driver
from prism.backends.kafka.testing import KafkaServer, ServerMissing  # needs the driver

PATIENCE = 60.0


@pytest.fixture(scope="session")
def server() -> Iterator[KafkaServer]:
    """A server for all tests of this folder; not to be broken."""
    try:
        server = KafkaServer()
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def gateways(server: KafkaServer) -> AsyncIterator[Gateways]:
    """Makes backends on the server, and stops them."""
    async with asyncio.timeout(PATIENCE), Gateways(server) as gateways:
        yield gateways
