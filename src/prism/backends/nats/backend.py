"""The nats backend, as its host sees it."""

import asyncio
from collections.abc import Mapping, Sequence

from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.jetstream.api import JetStream
from prism.backends.nats.link import Link
from prism.backends.nats.log.message_log import NatsLog
from prism.backends.nats.publisher import Publisher
from prism.backends.nats.pubsub import NatsPubSub
from prism.backends.nats.queue.store import NatsQueues
from prism.backends.nats.servers import Servers
from prism.backends.nats.subscriber import Subscriber
from prism.errors import BackendCredentials, FailedPrecondition
from prism.sdk import Health, HealthStatus
from prism.sdk.queue import StoredQueue

_STOP_SECONDS = 5.0


class NatsBackend:
    """PubSub and Queue under one prefix of one NATS system, which any number of gateways may share."""

    def __init__(self, config: NatsConfig, credentials: NatsCredentials) -> None:
        self._config = config
        servers = Servers(config.servers)
        self._subscriber = Subscriber(config)
        self._incoming = Link(config, credentials, servers, "subscriptions", self._subscriber.on_lost)
        self._subscriber.link = self._incoming
        self._outgoing = Link(config, credentials, servers, "publishing")
        self._publisher = Publisher(self._outgoing)
        self._stored = Link(config, credentials, servers, "jetstream")
        jetstream = JetStream(self._stored, config.answer_timeout)
        self._log = NatsLog(jetstream, config)
        self._pubsub = NatsPubSub(config, self._publisher, self._subscriber, self._log)
        self._queues = NatsQueues(jetstream, config)
        self._queue = StoredQueue(self._queues, config.queue)

    @property
    def identity(self) -> str:
        """Servers and prefix as configured: known before the first connection, and never another after."""
        return self._config.identity

    @property
    def interfaces(self) -> Sequence[object]:
        return (self._pubsub, self._queue)

    async def start(self) -> None:
        await self._outgoing.start()
        await self._incoming.start()
        await self._stored.start()

    async def attach(self, namespace: str) -> None:
        """Does nothing: a namespace is a part of subjects."""

    async def holds_data(self, namespace: str) -> bool:
        """Whether JetStream has a topic of a queue."""
        try:
            return await self._queues.holds_topics(namespace)
        except (FailedPrecondition, BackendCredentials):  # no JetStream, or none for this user
            return False

    async def health(self) -> Health:
        links = (self._outgoing, self._incoming, self._stored)
        problems = await asyncio.gather(*(each.probe() for each in links))
        wrong = next(filter(None, problems), "")
        return Health(HealthStatus.UNHEALTHY if wrong else HealthStatus.HEALTHY, wrong, self._details())

    def metrics(self) -> Mapping[str, float]:
        return {**self._gauges(), **self._queue.metrics()}

    def _gauges(self) -> Mapping[str, float]:
        return {
            "subscriptions": len(self._subscriber) + self._pubsub.subscriptions,
            "pool_connections_open": self._outgoing.up + self._incoming.up + self._stored.up,
            "connection_breaks": self._outgoing.breaks + self._incoming.breaks + self._stored.breaks,
        }

    async def stop(self) -> None:
        self._subscriber.stop()
        self._queue.stop()
        await self._pubsub.stop()
        drain = asyncio.ensure_future(self._publisher.drain())
        await asyncio.wait((drain,), timeout=_STOP_SECONDS)
        parting = asyncio.ensure_future(self._queues.stop())
        await asyncio.wait((parting,), timeout=_STOP_SECONDS)
        await asyncio.gather(self._outgoing.stop(), self._incoming.stop(), self._stored.stop())
        await drain

    def _details(self) -> Mapping[str, str]:
        return {name: f"{value:g}" for name, value in self._gauges().items()}
