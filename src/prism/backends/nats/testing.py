"""NATS for tests: the server, and one as the acceptance kit wants it."""

import asyncio
from collections.abc import Mapping

from prism.acceptance.store.backend import SMALL_PUBSUB
from prism.backends.nats.testing_cluster import NatsCluster
from prism.backends.nats.testing_server import Login, NatsServer, ServerMissing

__all__ = ["NatsCluster", "NatsServer", "NatsTestBackend", "ServerMissing"]


class NatsTestBackend:
    """`prism.acceptance.TestBackend`: a server of its own; a place is a prefix of subjects on it."""

    lacks: Mapping[str, str] = {}

    def __init__(self, login: Login = "user") -> None:
        self._login = login
        self._server: NatsServer | None = None
        self._resets = 0

    async def start(self) -> None:
        """Starts it; after `kill` on the port that it had.

        Raises:
            ServerMissing: it is not installed.
        """
        if self._server is None:
            self._server = NatsServer(self._login)
        await asyncio.to_thread(self._server.start)

    async def stop(self) -> None:
        """Ends it."""
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
            self._server = None

    async def reset(self) -> None:
        """Places begin anew; there is nothing to empty."""
        self._resets += 1

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """The server, and a prefix for that place."""
        prefix = f"{place}-{self._resets}"
        return {"servers": [self.server.url], "prefix": prefix, "pubsub": dict(SMALL_PUBSUB)}

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        return "127.0.0.1", self.server.port

    async def connection_through(self, port: int, place: str = "main") -> Mapping[str, object]:
        """The prefix for that place, by way of a proxy."""
        return {**await self.connection_config(place), "servers": [f"nats://127.0.0.1:{port}"]}

    def credentials(self) -> Mapping[str, str]:
        """What the server lets in."""
        return self.server.credentials()

    async def rotate_credentials(self) -> None:
        """Another secret; connections with the one before are ended."""
        await asyncio.to_thread(self.server.change_secret)

    async def kill(self) -> None:
        """Ends it at once."""
        await asyncio.to_thread(self.server.kill)

    async def pause(self) -> None:
        """Stops it by a signal."""
        self.server.pause()

    async def resume(self) -> None:
        """Lets it go on."""
        self.server.resume()

    async def disconnect(self) -> None:
        """RestartBudget it: NATS ends its connections in no other way from outside."""
        await self.kill()
        await self.start()

    @property
    def server(self) -> NatsServer:
        """The server itself."""
        if self._server is None:
            raise RuntimeError("the test store has not been started: call start() first")
        return self._server
