"""The kafka backend, as its host sees it."""

import asyncio
from collections.abc import Mapping, Sequence

from prism.backends.kafka.catalogue import Catalogue
from prism.backends.kafka.config import KafkaConfig, KafkaCredentials
from prism.backends.kafka.link import Link
from prism.backends.kafka.names import Names
from prism.backends.kafka.producer import Publisher
from prism.backends.kafka.pubsub import KafkaLog
from prism.backends.kafka.queue.store import KafkaQueues
from prism.sdk import Health, HealthStatus
from prism.sdk.pubsub import LoggedPubSub
from prism.sdk.queue import StoredQueue


class KafkaBackend:
    """One installation in one Kafka cluster, which any number of gateways may share."""

    def __init__(self, config: KafkaConfig, credentials: KafkaCredentials) -> None:
        self._config = config
        self._link = Link(config, credentials)
        names = Names(config.prefix)
        self._catalogue = Catalogue(self._link, names)
        self._publisher = Publisher(self._link)
        self._queues = KafkaQueues(self._link, names, self._catalogue, self._publisher)
        self._queue = StoredQueue(self._queues, config.queue)
        self._log = KafkaLog(self._link, names, self._publisher, self._queues.topics, config.pubsub)
        self._pubsub = LoggedPubSub(self._log, config.pubsub)

    @property
    def identity(self) -> str:
        """Brokers and prefix as configured: known before the first connection, and never another after."""
        return self._config.identity

    @property
    def interfaces(self) -> Sequence[object]:
        return (self._queue, self._pubsub)

    async def start(self) -> None:
        await self._link.start()
        await self._catalogue.start()
        self._publisher.start()
        self._queues.start()

    async def attach(self, namespace: str) -> None:
        """Does nothing: a namespace is a part of names."""

    async def holds_data(self, namespace: str) -> bool:
        await self._catalogue.sync()
        return any(key[0] == "topic" and key[1] == namespace for key in [*self._catalogue.table])

    async def health(self) -> Health:
        wrong = await self._link.probe()
        return Health(HealthStatus.UNHEALTHY if wrong else HealthStatus.HEALTHY, wrong, self._details())

    def _details(self) -> Mapping[str, str]:
        return {name: f"{value:g}" for name, value in self._gauges().items()}

    def metrics(self) -> Mapping[str, float]:
        return {**self._gauges(), **self._queue.metrics()}

    def _gauges(self) -> Mapping[str, float]:
        return {
            "subscriptions": self._pubsub.subscriptions,
            "connection_breaks": self._link.breaks,
            "queue_memberships": self._queues.groups.memberships,
            "queue_partitions_waiting": self._queues.groups.waiting_partitions,
        }

    async def stop(self) -> None:
        self._queue.stop()
        await self._pubsub.stop()
        await self._log.stop()
        await self._queues.stop()
        await self._publisher.stop()
        await asyncio.gather(self._catalogue.stop(), self._link.stop())
