"""The nats backend, as its host sees it."""

import asyncio
from collections.abc import Mapping, Sequence

from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.link import Link
from prism.backends.nats.publisher import Publisher
from prism.backends.nats.pubsub import NatsPubSub
from prism.backends.nats.servers import Servers
from prism.backends.nats.subscriber import Subscriber
from prism.sdk import Health, HealthStatus

_STOP_SECONDS = 5.0


class NatsBackend:
    """PubSub under one prefix of one NATS system, which any number of gateways may share."""

    def __init__(self, config: NatsConfig, credentials: NatsCredentials) -> None:
        self._config = config
        servers = Servers(config.servers)
        self._subscriber = Subscriber(config)
        self._incoming = Link(config, credentials, servers, "subscriptions", self._subscriber.on_lost)
        self._subscriber.link = self._incoming
        self._outgoing = Link(config, credentials, servers, "publishing")
        self._publisher = Publisher(self._outgoing)
        self._pubsub = NatsPubSub(config, self._publisher, self._subscriber)

    @property
    def identity(self) -> str:
        """Servers and prefix as configured: known before the first connection, and never another after."""
        return self._config.identity

    @property
    def interfaces(self) -> Sequence[object]:
        return (self._pubsub,)

    async def start(self) -> None:
        await self._outgoing.start()
        await self._incoming.start()

    async def attach(self, namespace: str) -> None:
        """Does nothing: a namespace is a part of subjects."""

    async def holds_data(self, namespace: str) -> bool:  # noqa: ARG002  # the Protocol has it
        """Core NATS keeps nothing."""
        return False

    async def health(self) -> Health:
        problems = await asyncio.gather(self._outgoing.probe(), self._incoming.probe())
        wrong = next(filter(None, problems), "")
        return Health(HealthStatus.UNHEALTHY if wrong else HealthStatus.HEALTHY, wrong, self._details())

    def metrics(self) -> Mapping[str, float]:
        return {
            "subscriptions": len(self._subscriber),
            "pool_connections_open": self._outgoing.up + self._incoming.up,
            "connection_breaks": self._outgoing.breaks + self._incoming.breaks,
        }

    async def stop(self) -> None:
        self._subscriber.stop()
        drain = asyncio.ensure_future(self._publisher.drain())
        await asyncio.wait((drain,), timeout=_STOP_SECONDS)
        await asyncio.gather(self._outgoing.stop(), self._incoming.stop())
        await drain

    def _details(self) -> Mapping[str, str]:
        return {name: f"{value:g}" for name, value in self.metrics().items()}
