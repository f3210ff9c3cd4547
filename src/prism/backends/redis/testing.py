"""Redis for tests, as the acceptance kit wants it."""

import asyncio
from collections.abc import Mapping

from prism.backends.redis.testing_server import USER, RedisServer

__all__ = ["RedisServer", "RedisTestBackend"]


class RedisTestBackend:
    """`prism.acceptance.TestBackend`: a server of its own, and a prefix for each place."""

    lacks: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._server: RedisServer | None = None

    @property
    def server(self) -> RedisServer:
        """The server itself, for tests of what is Redis' alone."""
        if self._server is None:
            raise RuntimeError("the store has not been started")
        return self._server

    async def start(self) -> None:
        """Starts it; after `kill` on the data that it had.

        Raises:
            StoreMissing: Redis is not installed.
        """
        if self._server is None:
            self._server = RedisServer()
        await asyncio.to_thread(self._server.start)

    async def stop(self) -> None:
        """Ends it; nothing is left."""
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
            self._server = None

    async def reset(self) -> None:
        """Empties it."""
        await asyncio.to_thread(self.server.command, "FLUSHALL")

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """A prefix of that name."""
        return {"addresses": [self.server.address], "prefix": f"test-{place}", "command_timeout": 3.0}

    def credentials(self) -> Mapping[str, str]:
        """The account that tests use."""
        return {"username": USER, "password": self.server.password}

    async def rotate_credentials(self) -> None:
        """Gives the account another password."""
        await asyncio.to_thread(self.server.change_password)

    async def kill(self) -> None:
        """Ends the process at once."""
        await asyncio.to_thread(self.server.kill)

    async def pause(self) -> None:
        """Stops the process by a signal."""
        self.server.pause()

    async def resume(self) -> None:
        """Lets it go on."""
        self.server.resume()

    async def disconnect(self) -> None:
        """Ends every connection but the one that does it."""
        await asyncio.to_thread(self.server.command, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
