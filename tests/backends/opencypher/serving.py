"""A backend on a server of these tests, and what the server itself says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from neo4j import GraphDatabase

from prism.backends.opencypher.backend import OpenCypherBackend
from prism.backends.opencypher.config import OpenCypherConfig, OpenCypherCredentials
from prism.backends.opencypher.link import Link
from prism.backends.opencypher.testing import Neo4jServer

FOR_EVER = "UNWIND range(1, 1000000000000) AS each RETURN count(each)"


@asynccontextmanager
async def serving(server: Neo4jServer, prefix: str, **config: Any) -> AsyncIterator[OpenCypherBackend]:
    """A backend on the server, for the length of a block."""
    login = config.pop("credentials", {"password": server.password})
    made = OpenCypherConfig(**{"url": server.url, "prefix": prefix, **config})
    backend = OpenCypherBackend(made, OpenCypherCredentials(**login))
    try:
        await backend.start()
        yield backend
    finally:
        await backend.stop()


@asynccontextmanager
async def linked(server: Neo4jServer) -> AsyncIterator[Link]:
    """A link to the server."""
    link = Link(OpenCypherConfig(url=server.url), "neo4j", server.password)
    link.start()
    try:
        yield link
    finally:
        await link.stop()


async def asked(server: Neo4jServer, statement: str, **parameters: Any) -> tuple[list[Any], Any]:
    """What the server itself answers, and the plan of how."""

    def ask() -> tuple[list[Any], Any]:
        with GraphDatabase.driver(server.url, auth=("neo4j", server.password)) as driver, driver.session() as session:
            result = session.run(statement, parameters)
            rows = [each.values() for each in result]
            return rows, result.consume().profile

    return await asyncio.to_thread(ask)


async def running(server: Neo4jServer, what: str) -> bool:
    """Whether the server runs a statement."""
    rows, _ = await asked(server, "SHOW TRANSACTIONS YIELD currentQuery RETURN collect(currentQuery)")
    return any(what in each for each in rows[0][0])


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Returns when it is so."""
    async with asyncio.timeout(120):
        while not await condition():  # noqa: ASYNC110  # what ends is in the server
            await asyncio.sleep(0.05)
