"""Fixtures of real servers, for every test folder; a server that cannot be had is a named skip.

A fixture of a wider scope than a test's takes `postgres_server.create_database()` instead of `postgres_url`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from missing import missing

if TYPE_CHECKING:
    from prism.backends.gremlin.testing import GremlinServer
    from prism.backends.postgres.testing import PostgresServer, RunningServer


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[RunningServer]:
    """A PostgreSQL server for reading, writing and making databases; not to be broken, others use it too."""
    pytest.importorskip("asyncpg")
    from prism.backends.postgres.testing import ServerMissing, find_server, memory

    try:
        server = find_server(memory())
    except ServerMissing as absent:
        missing(str(absent))
    with server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: RunningServer) -> str:
    """The connection string of an empty database for one test."""
    return postgres_server.create_database()


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for one module, to be stopped, killed and paused."""
    pytest.importorskip("asyncpg")
    from prism.backends.postgres.testing import PostgresServer, ServerMissing, memory

    try:
        server = PostgresServer(within=memory())
    except ServerMissing as absent:
        missing(str(absent))
    with server:
        yield server


@pytest.fixture(scope="session")
def gremlin_server(request: pytest.FixtureRequest) -> Iterator[GremlinServer]:
    """A Gremlin Server whose tests have namespaces of their own; not to be broken, others use it too."""
    pytest.importorskip("gremlin_python")
    if request.config.getoption("--matrix") != "whole":
        pytest.skip("a Gremlin Server takes 10 s of processor: but for the suite of every store it is of whole runs")
    from prism.backends.gremlin.testing import GremlinServer, ServerMissing

    try:
        server = GremlinServer()
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    yield server
    server.stop()
