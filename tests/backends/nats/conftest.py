"""A NATS server for the tests of this folder, and backends on it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from missing import missing

pytest.importorskip("nats")

import nats
from nats.aio.client import Client

from backends.nats.jobs import Jobs, jobs_on  # needs the driver
from backends.nats.listening import Backends  # needs the driver
from prism.backends.nats.testing import NatsServer, ServerMissing  # needs the driver

PATIENCE = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    """A server that asks for user and password; a module's own, to be stopped, killed and paused."""
    try:
        server = NatsServer("user")
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def backends(server: NatsServer) -> AsyncIterator[Backends]:
    """Makes backends on the server, and stops them."""
    server.start()
    async with asyncio.timeout(PATIENCE), Backends(server) as backends:
        yield backends


@pytest.fixture
async def jobs(server: NatsServer, request: pytest.FixtureRequest) -> AsyncIterator[Jobs]:
    """Queues in a namespace of the test's own."""
    server.start()
    async with jobs_on(server, request.node.name) as jobs:
        yield jobs


@pytest.fixture
async def stock(server: NatsServer) -> AsyncIterator[Client]:
    """The stock client."""
    login = server.credentials()
    client = await nats.connect(server.url, user=login["username"], password=login["password"])
    yield client
    await client.close()
