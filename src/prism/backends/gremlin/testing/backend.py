"""Gremlin Server as the acceptance kit wants it."""

import asyncio
from collections.abc import Mapping

from prism.backends.gremlin.testing.server import GremlinServer


class GremlinTestBackend:
    """`prism.acceptance.TestBackend`: a server of its own; a place is a prefix of ids in its graph."""

    lacks: Mapping[str, str] = {
        "rotate_credentials": "the server reads its accounts when it starts, and would start with an empty graph",
        "kill": "the graph is in the server's memory, and ends with it",
        "disconnect": "the server ends its connections in no other way than by its own end",
        "break_": "a graph in memory is never full, read-only or damaged",
    }

    def __init__(self) -> None:
        self._server: GremlinServer | None = None
        self._resets = 0

    async def start(self) -> None:
        """Starts it.

        Raises:
            ServerMissing: it cannot be had here.
        """
        if self._server is None:
            self._server = GremlinServer()
        await asyncio.to_thread(self._server.start)

    async def stop(self) -> None:
        """Ends it."""
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
            self._server = None

    async def reset(self) -> None:
        """Places begin anew, in a graph that is empty."""
        self._resets += 1
        await self.server.empty()

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """The server, and a prefix for that place."""
        return self._config(self.server.url, place)

    async def connection_through(self, port: int, place: str = "main") -> Mapping[str, object]:
        """The same by way of a port."""
        return self._config(f"ws://127.0.0.1:{port}/gremlin", place)

    def _config(self, url: str, place: str) -> Mapping[str, object]:
        prefix = f"{''.join(filter(str.isalnum, place))}.{self._resets}"
        return {"url": url, "prefix": prefix, "connect_timeout": 2.0, "keepalive": 2.0}

    def credentials(self) -> Mapping[str, str]:
        """It asks for none."""
        return {}

    async def pause(self) -> None:
        """Stops it by a signal."""
        self.server.process.pause()

    async def resume(self) -> None:
        """Lets it go on."""
        self.server.process.resume()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.server.port

    @property
    def server(self) -> GremlinServer:
        """The server itself."""
        if self._server is None:
            raise RuntimeError("the test store has not been started: call start() first")
        return self._server
