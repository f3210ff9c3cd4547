"""Gremlin Server for the tests of this folder."""

from collections.abc import Iterator

import pytest

from missing import missing

pytest.importorskip("gremlin_python")

from prism.backends.gremlin.testing import GremlinServer, ServerMissing  # needs the driver


@pytest.fixture(scope="package")
def server() -> Iterator[GremlinServer]:
    """A server for all tests of this folder; not to be broken."""
    try:
        server = GremlinServer()
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    yield server
    server.stop()
