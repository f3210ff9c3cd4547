"""Neo4j as the acceptance kit wants it."""

import asyncio
import os
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from neo4j import GraphDatabase, NotificationMinimumSeverity

from prism.backends.opencypher.testing.server import Neo4jServer

ATTACH_VARIABLE: Final = "PRISM_TEST_NEO4J_URL"
ATTACHED: Final = f"the server that {ATTACH_VARIABLE} names may be shared"


class Neo4jTestBackend:
    """`prism.acceptance.TestBackend`: a server of its own, or one that runs already; a place is a prefix of names."""

    def __init__(self) -> None:
        self._url = urlsplit(os.environ.get(ATTACH_VARIABLE, ""))
        self._token = secrets.token_hex(4)
        self._server: Neo4jServer | None = None
        self._resets = 0

    @property
    def lacks(self) -> Mapping[str, str]:
        """A server that was attached is not broken."""
        lacks = {"disconnect": "Neo4j has no command for all connections; the tests cut them by a proxy"}
        if self._url.hostname:
            lacks |= dict.fromkeys(("rotate_credentials", "kill", "pause"), ATTACHED)
        return lacks

    async def start(self) -> None:
        """Starts it; after `kill` on the data that it had.

        Raises:
            ServerMissing: it cannot be had here.
        """
        if self._url.hostname:
            return
        if self._server is None:
            self._server = Neo4jServer()
        await asyncio.to_thread(self._server.start)

    async def stop(self) -> None:
        """Ends it."""
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
            self._server = None

    async def reset(self) -> None:
        """Places begin anew."""
        self._resets += 1

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """The server, and a prefix for that place."""
        host, port = self.address
        prefix = f"{self._token}.{self._resets}.{place}"[:63]
        return {"url": f"bolt://{host}:{port}", "prefix": prefix, "statement_timeout": 20.0}

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        if self._url.hostname:
            return self._url.hostname, self._url.port or 7687
        return "127.0.0.1", self.server.port

    async def connection_through(self, port: int, place: str = "main") -> Mapping[str, object]:
        """The same by way of a proxy."""
        return {**await self.connection_config(place), "url": f"bolt://127.0.0.1:{port}"}

    def credentials(self) -> Mapping[str, str]:
        """What the server lets in."""
        if self._url.hostname:
            return {"username": self._url.username or "neo4j", "password": unquote(self._url.password or "")}
        return {"username": "neo4j", "password": self.server.password}

    async def rotate_credentials(self) -> None:
        """Another password; the one before is refused."""
        await asyncio.to_thread(self._rotate)

    def _rotate(self) -> None:
        server = self.server
        new = secrets.token_hex(8)
        with GraphDatabase.driver(
            server.url,
            auth=("neo4j", server.password),
            notifications_min_severity=NotificationMinimumSeverity.OFF,
        ) as driver:
            driver.execute_query("ALTER CURRENT USER SET PASSWORD FROM $old TO $new", database_="system",
                                 parameters_={"old": server.password, "new": new})  # fmt: skip
        server.password = new

    async def kill(self) -> None:
        """Ends it at once."""
        await asyncio.to_thread(self.server.kill)

    async def pause(self) -> None:
        """Stops it by a signal."""
        self.server.pause()

    async def resume(self) -> None:
        """Lets it go on."""
        self.server.resume()

    @property
    def server(self) -> Neo4jServer:
        """The server itself."""
        if self._server is None:
            raise RuntimeError("the test store has not been started: call start() first")
        return self._server
