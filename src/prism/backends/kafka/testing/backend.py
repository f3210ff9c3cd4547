"""Kafka as the acceptance kit wants it."""

import asyncio
from collections.abc import Mapping

from prism.acceptance.store.backend import SMALL_PUBSUB
from prism.backends.kafka.testing.server import KafkaServer, Login


class KafkaTestBackend:
    """`prism.acceptance.TestBackend`: a server of its own; a place is a prefix of names on it."""

    lacks: Mapping[str, str] = {
        "rotate_credentials": "the server of these tests has no accounts; tests of the backend's own rotate them",
        "disconnect": "Kafka ends its connections in no other way than by its own end, which `kill` is",
        "connection_through": "clients of Kafka go to the address that the broker tells them",
    }

    def __init__(self, login: Login = "none") -> None:
        self._login = login
        self._server: KafkaServer | None = None
        self._resets = 0

    async def start(self) -> None:
        """Starts it; after `kill` on the data that it had.

        Raises:
            ServerMissing: it cannot be had here.
        """
        if self._server is None:
            self._server = KafkaServer(self._login)
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
        prefix = f"{''.join(filter(str.isalnum, place))}.{self._resets}"
        return {
            "addresses": [self.server.address],
            "prefix": prefix,
            "request_timeout": 5.0,
            "publish_timeout": 5.0,
            "session_timeout": 6.0,
            "pubsub": dict(SMALL_PUBSUB),
            "queue": {"linger": 0.2, "handover": 1.0},
        }

    def credentials(self) -> Mapping[str, str]:
        """What the server lets in."""
        return self.server.credentials()

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
    def server(self) -> KafkaServer:
        """The server itself."""
        if self._server is None:
            raise RuntimeError("the test store has not been started: call start() first")
        return self._server
