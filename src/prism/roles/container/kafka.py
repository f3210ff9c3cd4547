"""Kafka as a broker of roles: what is sent is on all replicas in sync, and positions are committed by batches.

Kafka does not know a message that is sent again: its header `prism.id` is the same. Of a partition the positions are
committed up to the first message that the other side does not have.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import Consumer, TopicPartition
from pydantic import ValidationError

from prism.backends.kafka.config import KafkaConfig, KafkaCredentials
from prism.backends.kafka.errors import translate
from prism.backends.kafka.link import Link
from prism.backends.kafka.producer import Publisher, TooLargeError
from prism.backends.kafka.queue.records import Place, message_of, place_of, record
from prism.client import QueueMessage
from prism.errors import InvalidArgument, Outcome
from prism.roles.container.broker import Sink, Source, Taken
from prism.roles.container.settings import Settings, wrong
from prism.sdk.queue.calls import Outgoing
from prism.sdk.queue.rows import Message

_POLL: Final = 0.2
"""Seconds that a thread waits for a message."""
_ANY_SIZE: Final = 1 << 40


class _Kafka:
    """A connection to Kafka."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        try:
            config, credentials = _login(settings)
        except ValidationError as error:  # it would show the password
            names = {"addresses": "kafka_brokers", "username": "kafka_sasl_username", "password": "kafka_sasl_password"}
            raise wrong(error, names) from None
        self._link = Link(config, credentials)

    async def start(self) -> None:
        """See Broker."""
        await self._link.start()

    async def stop(self) -> None:
        """See Broker."""
        await self._link.stop()

    async def health(self) -> str:
        """See Broker."""
        return await self._link.probe()


def _login(settings: Settings) -> tuple[KafkaConfig, KafkaCredentials]:
    config = KafkaConfig(
        addresses=tuple(each.strip() for each in settings.kafka_brokers.split(",")),
        compression=settings.kafka_compression,
        sasl=settings.kafka_sasl_mechanism if settings.kafka_sasl_username else None,
        tls=settings.kafka_tls,
        ca=settings.kafka_ca,
    )
    return config, KafkaCredentials(username=settings.kafka_sasl_username, password=settings.kafka_sasl_password)


class KafkaSink(_Kafka, Sink):
    """Sends to a topic; messages of one ordering key to one partition."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._publisher = Publisher(self._link)

    async def start(self) -> None:
        """See Broker."""
        await super().start()
        self._publisher.start()

    async def stop(self) -> None:
        """See Broker."""
        await self._publisher.stop()
        await super().stop()

    async def send(self, message: QueueMessage) -> None:
        """See Sink."""
        topic = self._settings.kafka_topic
        sent = Outgoing(
            topic, message.payload, message.attributes, message.ordering_key, traceparent=message.traceparent
        )
        try:
            await self._publisher.publish(record(sent, topic, message.id))
        except TooLargeError as error:
            text = f"payload: {len(message.payload)} bytes; Kafka takes less (max.message.bytes of topic {topic})"
            raise InvalidArgument(text, outcome=Outcome.NOT_APPLIED) from error


class KafkaSource(_Kafka, Source):
    """Takes from a topic as a member of a group, which shares its partitions."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._consumer: Consumer | None = None
        self._in_hand: dict[tuple[str, int], dict[int, bool]] = {}
        self._paused: dict[tuple[str, int], float] = {}

    async def stop(self) -> None:
        """See Broker. It leaves its group, so that others have its partitions at once."""
        if self._consumer is not None:
            await self._link.run(self._consumer.close)
        await super().stop()

    def _subscribed(self) -> Consumer:
        settings = self._settings
        consumer = Consumer(
            self._link.settings(
                group_id=settings.kafka_consumer_group,
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                isolation_level="read_committed",
                auto_offset_reset=settings.kafka_auto_offset_reset,
                partition_assignment_strategy="cooperative-sticky",
            )
        )
        consumer.subscribe([settings.kafka_topic])
        return consumer

    async def take(self, limit: int, stop: asyncio.Event) -> Sequence[Taken]:  # noqa: ARG002  # a poll ends soon
        """See Source."""
        if self._consumer is None:
            self._consumer = await self._link.run(self._subscribed)
        undone = {
            place: min(offset for offset, done in offsets.items() if not done)
            for place, offsets in self._in_hand.items()
            if not all(offsets.values())
        }
        if undone:  # neither settled nor given back, for that failed: the position must not pass it
            await self._link.run(self._back, self._consumer, undone, 0.0)
        self._in_hand.clear()
        return await self._link.run(self._taken, self._consumer, limit)

    def _taken(self, consumer: Consumer, limit: int) -> list[Taken]:
        now = time.monotonic()
        over = [pause for pause, until in self._paused.items() if until <= now]
        if over:
            consumer.resume([TopicPartition(*pause) for pause in over])  # one that has gone would come back paused
            for pause in over:
                del self._paused[pause]
        found: list[Taken] = []
        failure = None
        for each in consumer.consume(limit, _POLL):
            if (error := each.error()) is not None:
                failure = failure or error
                continue
            message, _ = message_of(each, 0, _ANY_SIZE)
            place = place_of(each)
            self._in_hand.setdefault((place.topic, place.partition), {})[place.offset] = False
            # What a publisher has sent twice has one id; of what others have sent it is the place.
            key = f"{place.topic}-{message.message_id}-{message.published_at if _is_place(message, place) else ''}"
            receipt = (place.topic, place.partition, place.offset)
            found.append(Taken(place.topic, message.payload, message.attributes, key, receipt))
        if failure is not None and not found:  # what came beside it is in hand, and would not come again
            raise translate(failure)
        return found

    async def settle(self, taken: Sequence[Taken]) -> None:
        """See Source."""
        for each in taken:
            topic, partition, offset = _place(each)
            self._in_hand[topic, partition][offset] = True
        reached = []
        for (topic, partition), offsets in self._in_hand.items():
            after = None
            for offset, done in sorted(offsets.items()):
                if not done:
                    break
                after = offset + 1
            if after is not None:
                reached.append(TopicPartition(topic, partition, after))
        if reached and self._consumer is not None:
            await self._link.run(self._commit, self._consumer, reached, writes=True)

    @staticmethod
    def _commit(consumer: Consumer, reached: list[TopicPartition]) -> None:
        """Of the partitions that are ours still: another's position must not go back."""
        owned = {(each.topic, each.partition) for each in consumer.assignment()}
        ours = [each for each in reached if (each.topic, each.partition) in owned]
        if ours:
            consumer.commit(offsets=ours, asynchronous=False)

    async def give_back(self, taken: Sequence[Taken], delay: float = 0.0) -> None:
        """See Source. Their partition goes on at the first of them: those behind it come again, and are known."""
        first: dict[tuple[str, int], int] = {}
        for each in taken:
            topic, partition, offset = _place(each)
            first[topic, partition] = min(offset, first.get((topic, partition), offset))
        if self._consumer is not None:
            await self._link.run(self._back, self._consumer, first, delay)
        for place in first:
            self._in_hand.pop(place, None)

    def _back(self, consumer: Consumer, first: dict[tuple[str, int], int], delay: float) -> None:
        owned = {(each.topic, each.partition) for each in consumer.assignment()}
        for place, offset in first.items():
            if place not in owned:
                continue
            if delay:
                consumer.pause([TopicPartition(*place)])
                self._paused[place] = time.monotonic() + delay
            consumer.seek(TopicPartition(*place, offset))  # raises where it went to another replica just now


def _is_place(message: Message, place: Place) -> bool:
    return message.message_id == f"{place.partition}-{place.offset}"


def _place(taken: Taken) -> tuple[str, int, int]:
    place: tuple[str, int, int] = taken.receipt  # type: ignore[assignment]  # as `take` made it
    return place
