"""Backends on a Gremlin Server, for the tests of this folder."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

pytest.importorskip("gremlin_python")

from prism.backends.gremlin.backend import GremlinBackend  # needs the driver
from prism.backends.gremlin.config import GremlinConfig, GremlinCredentials
from prism.backends.gremlin.testing import GremlinServer
from prism.interfaces.capabilities.graph import GraphCapabilities
from prism.plugins.discovery import discover
from prism.sdk.graph import StoredGraph

PATIENCE = 120.0

Opened = Callable[..., GremlinBackend]


@pytest.fixture(scope="package")
def declared() -> GraphCapabilities:
    """What the manifest says of Graph."""
    found = discover().found["gremlin"].manifest.capabilities.of("graph")
    assert isinstance(found, GraphCapabilities)
    return found


@pytest.fixture
async def opened(declared: GraphCapabilities) -> AsyncIterator[Opened]:
    """Makes a backend on a server, not started yet, and stops it."""
    async with AsyncExitStack() as stack:

        def make(server: GremlinServer, account: dict[str, str] | None = None, **options: object) -> GremlinBackend:
            credentials = GremlinCredentials(**(server.credentials() if account is None else account))
            config = GremlinConfig.model_validate({**server.configuration(), **options})
            backend = GremlinBackend(config, credentials)
            for each in backend.interfaces:
                assert isinstance(each, StoredGraph)
                each.declare(declared)
            stack.push_async_callback(backend.stop)
            return backend

        yield make
