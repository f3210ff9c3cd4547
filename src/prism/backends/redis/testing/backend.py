"""Redis for tests, as the acceptance kit wants it."""

import asyncio
import os
from collections.abc import Mapping

from prism.acceptance.store.backend import SMALL_PUBSUB, Fault
from prism.backends.redis.testing.attached import AttachedServer
from prism.backends.redis.testing.server import ATTACH_VARIABLE, RedisServer, valkey

__all__ = ["ATTACH_VARIABLE", "AttachedServer", "RedisServer", "RedisTestBackend", "ValkeyTestBackend"]

ATTACHED = f"the server that {ATTACH_VARIABLE} names may be shared"
_NO_MEMORY = {"full": ("CONFIG", "SET", "maxmemory", "1")}


class RedisTestBackend:
    """`prism.acceptance.TestBackend`: a prefix for each place on a server of its own, or on one that already runs."""

    def __init__(self) -> None:
        self._server: RedisServer | AttachedServer | None = None

    @property
    def lacks(self) -> Mapping[str, str]:
        """A server that was attached is not broken."""
        lacks = {
            "read_only": "a Redis that takes no writes is a replica, and waits for its failover to end",
            "conflict": "Redis runs one command after another: there is nothing to be in conflict with",
            "damaged": "Redis does not start on damaged data, and does not look at it later",
        }
        if isinstance(self._server, AttachedServer):
            return lacks | dict.fromkeys(("rotate_credentials", "kill", "pause", "disconnect", "full"), ATTACHED)
        return lacks

    async def start(self) -> None:
        """Starts or attaches it; after `kill` on the data that it had.

        Raises:
            StoreMissing: Redis is not installed, and no server was named.
        """
        if self._server is None:
            self._server = self._find()
        await asyncio.to_thread(self._server.start)

    def _find(self) -> RedisServer | AttachedServer:
        url = os.environ.get(ATTACH_VARIABLE)
        return AttachedServer(url) if url else RedisServer()

    async def stop(self) -> None:
        """Ends it; of an attached one only what was stored here."""
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
            self._server = None

    async def reset(self) -> None:
        """Empties it of what was stored here."""
        await asyncio.to_thread(self.server.reset)

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """A prefix of that name."""
        return {
            "addresses": [self.server.address],
            "prefix": f"{self.server.prefix}-{place}",
            "command_timeout": 3.0,
            "pubsub": dict(SMALL_PUBSUB),
            **self.server.config(),
        }

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        host, _, port = self.server.address.rpartition(":")
        return host, int(port)

    async def connection_through(self, port: int, place: str = "main") -> Mapping[str, object]:
        """The prefix of that name, by way of a proxy."""
        return {**await self.connection_config(place), "addresses": [f"127.0.0.1:{port}"]}

    def credentials(self) -> Mapping[str, str]:
        """The account that tests use."""
        return self.server.credentials()

    async def rotate_credentials(self) -> None:
        """Gives the account another password."""
        await asyncio.to_thread(self.own.change_password)

    async def kill(self) -> None:
        """Ends the process at once."""
        await asyncio.to_thread(self.own.kill)

    async def pause(self) -> None:
        """Stops the process by a signal."""
        self.own.pause()

    async def resume(self) -> None:
        """Lets it go on."""
        self.own.resume()

    async def disconnect(self) -> None:
        """Ends every connection but the one that does it."""
        for kind in ("normal", "pubsub"):
            await asyncio.to_thread(self.own.command, "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    async def break_(self, fault: Fault) -> None:
        """Full: there is no memory left for anything."""
        await asyncio.to_thread(self.own.command, *_NO_MEMORY[fault])

    async def mend(self) -> None:
        """Memory without a limit again."""
        await asyncio.to_thread(self.own.command, "CONFIG", "SET", "maxmemory", "0")

    @property
    def server(self) -> RedisServer | AttachedServer:
        """The server itself, for tests of what is Redis' alone."""
        if self._server is None:
            raise RuntimeError("the test store has not been started: call start() first")
        return self._server

    @property
    def own(self) -> RedisServer:
        """The server, where it is this object's own and may be broken."""
        if isinstance(self._server, RedisServer):
            return self._server
        raise RuntimeError(ATTACHED)


class ValkeyTestBackend(RedisTestBackend):
    """The same on Valkey."""

    def _find(self) -> RedisServer:
        return RedisServer(program=valkey())
