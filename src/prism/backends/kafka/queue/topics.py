"""Topics and groups: what the catalogue says of them, and the topics in Kafka that they are made of."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from confluent_kafka import IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from prism.backends.kafka.catalogue import Catalogue, Key, Table
from prism.backends.kafka.errors import error_of
from prism.backends.kafka.link import Link
from prism.backends.kafka.names import Names
from prism.backends.kafka.queue.standing import config_of, random_epoch
from prism.errors import (
    AlreadyExists,
    BackendUnavailable,
    FailedPrecondition,
    GroupNotFound,
    Outcome,
    PrismError,
    TopicNotFound,
)
from prism.sdk.driver_errors import LATER
from prism.sdk.queue.calls import Created, Start
from prism.sdk.queue.rows import GroupConfig, TopicConfig

FOREVER: Final = 10**17
"""Microseconds: how long what is in a topic that Prism has not made counts."""
_ROOM: Final = 128 << 10
"""Bytes of a record beside its payload."""
_SEGMENT: Final = 7 * 86_400_000
_SHORTEST: Final = 60_000
_PAUSE: Final = 0.02


class Topics:
    """Topics and groups of one installation.

    Args:
        link: to Kafka.
        names: of the installation.
        catalogue: what there is.
        max_item: bytes of a payload.
    """

    def __init__(self, link: Link, names: Names, catalogue: Catalogue, max_item: int) -> None:
        self._link = link
        self._names = names
        self._catalogue = catalogue
        self._max_item = max_item
        self._foreign = link.config.queue.topics
        self._partitions: dict[str, int] = {}

    @property
    def largest_record(self) -> int:
        """Bytes of a record, payload and all."""
        return self._max_item + _ROOM

    def is_foreign(self, topic: str) -> bool:
        """Whether it was in Kafka before Prism."""
        return topic in self._foreign

    def kafka_name(self, namespace: str, topic: str) -> str:
        """What Kafka calls it."""
        return self._foreign.get(topic) or self._names.topic(namespace, topic)

    def known(self, namespace: str, topic: str) -> TopicConfig | None:
        """A topic's configuration, as it was read last; None where there is none."""
        if topic in self._foreign:
            return TopicConfig(partitions=self._partitions.get(topic, 1), retention=FOREVER)
        found = self._catalogue.table.get(("topic", namespace, topic))
        return None if found is None else TopicConfig(**found)

    async def topic(self, namespace: str, topic: str) -> TopicConfig:
        """A topic that must exist; up to date."""
        if topic in self._foreign:
            await self._count_partitions(topic)
        else:
            await self._catalogue.sync()
        return self._topic(namespace, topic)

    def _topic(self, namespace: str, topic: str) -> TopicConfig:
        config = self.known(namespace, topic)
        if config is None:
            raise TopicNotFound(f"topic {topic!r} does not exist; create it with CreateTopic")
        return config

    async def _count_partitions(self, topic: str) -> None:
        name = self._foreign[topic]
        found = await self._link.run(lambda: self._link.admin.list_topics(name, timeout=5))
        about = found.topics[name]
        if about.error is not None:
            raise TopicNotFound(f"topic {topic!r} is {name!r} in Kafka by `queue.topics`, and that does not exist")
        self._partitions[topic] = len(about.partitions)

    async def group(self, namespace: str, topic: str, group: str) -> dict[str, Any]:
        """What the catalogue says of a group that must exist; up to date."""
        await self._catalogue.sync()
        return self.group_record(self._catalogue.table, namespace, topic, group)

    def group_record(self, table: Table, namespace: str, topic: str, group: str) -> dict[str, Any]:
        """What a table says of a group that must exist."""
        self._topic(namespace, topic)
        found: dict[str, Any] | None = table.get(("group", namespace, topic, group))
        if found is None:
            raise GroupNotFound(f"topic {topic!r} has no group {group!r}; create it with CreateGroup")
        return found

    def topics_of(self, namespace: str) -> list[str]:
        """Names, in byte order."""
        found = {key[2] for key in self._catalogue.table if key[0] == "topic" and key[1] == namespace}
        return sorted({*found, *self._foreign}, key=str.encode)

    def groups_of(self, namespace: str, topic: str) -> list[str]:
        """Names, in byte order."""
        table = self._catalogue.table
        return sorted((key[3] for key in [*table] if key[:3] == ("group", namespace, topic)), key=str.encode)

    async def create_topic(
        self, namespace: str, topic: str, config: TopicConfig | None, *, create: bool = True
    ) -> Created[TopicConfig]:
        """A topic; of this configuration where one is given, else as it is or makes itself.

        Raises:
            AlreadyExists: it has another configuration.
            TopicNotFound: it does not exist, and may not make itself.
        """
        if topic in self._foreign:
            await self._count_partitions(topic)
            found = self._topic(namespace, topic)
            if config is not None and config.partitions not in (1, found.partitions):
                raise AlreadyExists(f"topic {topic!r} exists in Kafka with {found.partitions} partitions")
            return Created(found, created=False)
        await self._catalogue.sync()
        created = False

        def change(table: Table) -> Mapping[Key, Any]:
            nonlocal created
            found = table.get(("topic", namespace, topic))
            created = found is None
            if found is not None:
                if config is not None and TopicConfig(**found) != config:
                    raise AlreadyExists(
                        f"topic {topic!r} exists with another configuration; change it with UpdateTopic"
                    )
                return {}
            if not create:
                raise TopicNotFound(
                    f"topic {topic!r} does not exist, and topics of this namespace do not make themselves"
                )
            return {("topic", namespace, topic): asdict(config or TopicConfig())}

        if change(self._catalogue.table):
            await self._catalogue.write(change)
        found = self._topic(namespace, topic)
        if created:
            await self.make(self.kafka_name(namespace, topic), found.partitions, self._settings(found))
        return Created(found, created)

    def _settings(self, config: TopicConfig) -> dict[str, str]:
        retention = max(config.retention // 1000, 1)
        settings = {
            "cleanup.policy": "delete",
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": str(retention),
            "segment.ms": str(max(min(retention // 4, _SEGMENT), _SHORTEST)),
            "max.message.bytes": str(self.largest_record),
        }
        if config.max_bytes:
            share = config.max_bytes // config.partitions
            settings |= {"retention.bytes": str(share), "segment.bytes": str(max(share // 4, 1 << 20))}
        return settings

    async def make(self, name: str, partitions: int, settings: Mapping[str, str]) -> None:
        """Makes a topic in Kafka; one that was left there gets these settings."""
        topic = NewTopic(
            name, num_partitions=partitions, replication_factor=self._link.config.replication or -1,
            config=dict(settings),
        )  # fmt: skip
        try:
            await self._link.one(lambda admin: admin.create_topics([topic], operation_timeout=10), writes=True)
        except PrismError as error:
            cause = error_of(error.__cause__) if error.__cause__ is not None else None
            if cause is None or cause.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
            await self._alter(name, settings)
        await self._link.run(self._seen, name)

    def _seen(self, name: str) -> None:
        """Returns when a broker knows of a topic that the controller has made."""
        until = time.monotonic() + self._link.config.request_timeout
        while True:
            about = self._link.admin.list_topics(name, timeout=self._link.config.request_timeout).topics[name]
            if about.error is None and all(each.leader >= 0 for each in about.partitions.values()):
                return
            if time.monotonic() > until:
                raise BackendUnavailable("Kafka has no leader for a topic that it has made", retry_after=LATER)
            time.sleep(_PAUSE)

    async def _alter(self, name: str, settings: Mapping[str, str]) -> None:
        entries = [
            ConfigEntry(each, value, incremental_operation=AlterConfigOpType.SET) for each, value in settings.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        await self._link.one(lambda admin: admin.incremental_alter_configs([resource]), writes=True)

    async def largest(self, name: str) -> int | None:
        """The bytes that Kafka takes in a message of a topic; None where it does not say."""
        resource = ConfigResource(ResourceType.TOPIC, name)
        try:
            found = await self._link.one(lambda admin: admin.describe_configs([resource]))
        except PrismError:
            return None
        return int(found["max.message.bytes"].value)

    async def remake(self, namespace: str, topic: str) -> bool:
        """Makes what Kafka has not of a topic that there is; whether there is one."""
        await self._catalogue.sync()
        config = self.known(namespace, topic)
        if config is None or topic in self._foreign:
            return False
        await self.make(self.kafka_name(namespace, topic), config.partitions, self._settings(config))
        return True

    async def update_topic(
        self, namespace: str, topic: str, change: Callable[[TopicConfig], TopicConfig]
    ) -> TopicConfig:
        """Changes a topic."""
        self._refuse_foreign(topic, "changed")
        await self._catalogue.sync()

        def wanted(table: Table) -> Mapping[Key, Any]:
            found = table.get(("topic", namespace, topic))
            before = self._topic(namespace, topic) if found is None else TopicConfig(**found)
            return {("topic", namespace, topic): asdict(change(before))}

        wanted(self._catalogue.table)
        await self._catalogue.write(wanted)
        config = self._topic(namespace, topic)
        settings = self._settings(config)
        if not config.max_bytes:
            settings |= {"retention.bytes": "-1"}
        await self._alter(self.kafka_name(namespace, topic), settings)
        return config

    def _refuse_foreign(self, topic: str, what: str) -> None:
        if topic in self._foreign:
            raise FailedPrecondition(
                f"topic {topic!r} is not Prism's: it is {what} in Kafka itself", outcome=Outcome.NOT_APPLIED
            )

    async def delete_topic(self, namespace: str, topic: str) -> bool:
        """Removes a topic with its groups; whether there was one."""
        self._refuse_foreign(topic, "deleted")
        await self._catalogue.sync()
        groups = self.groups_of(namespace, topic)
        existed = self.known(namespace, topic) is not None

        def change(table: Table) -> Mapping[Key, Any]:
            mine = [key for key in table if key[1:3] == (namespace, topic)]
            return dict.fromkeys(mine)

        if change(self._catalogue.table):
            await self._catalogue.write(change)
        names = [self.kafka_name(namespace, topic)]
        for group in groups:
            names += [self._names.dead(namespace, topic, group), self._names.redriven(namespace, topic, group)]
        await self._forget(names, [self._names.group(namespace, topic, each) for each in groups])
        return existed

    async def _forget(self, topics: Sequence[str], groups: Sequence[str]) -> None:
        """Removes what Kafka has; what is not there is no error."""
        gone = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.GROUP_ID_NOT_FOUND, KafkaError.NON_EMPTY_GROUP)
        asked = [self._link.each(lambda admin: admin.delete_topics(list(topics), operation_timeout=10), writes=True)]
        if groups:
            asked.append(self._link.each(lambda admin: admin.delete_consumer_groups(list(groups)), writes=True))
        for answers in await asyncio.gather(*asked):
            for answer in answers.values():
                cause = error_of(answer.__cause__) if isinstance(answer, PrismError) and answer.__cause__ else None
                if isinstance(answer, PrismError) and (cause is None or cause.code() not in gone):
                    raise answer

    async def create_group(
        self, namespace: str, topic: str, group: str, start: Start, config: GroupConfig | None, *,
        create: bool, same: bool,
    ) -> Created[GroupConfig]:  # fmt: skip
        """A group and its topic, made where they do not exist."""
        await self.create_topic(namespace, topic, None, create=create)
        created = False
        starts: dict[str, int] | None = None

        def change(table: Table) -> Mapping[Key, Any]:
            nonlocal created
            found = table.get(("group", namespace, topic, group))
            created = found is None
            if found is not None:
                if same and config_of(found) != (config or GroupConfig()):
                    raise AlreadyExists(
                        f"group {group!r} exists with another configuration; change it with UpdateGroup"
                    )
                return {}
            if not create:
                raise GroupNotFound(
                    f"topic {topic!r} has no group {group!r}, and groups of this namespace do not make themselves"
                )
            record = {
                "config": asdict(config or GroupConfig()),
                "epoch": random_epoch(),
                "starts": starts,
                "dead": False,
                "redriven": False,
                "used": time.time_ns() // 1000,
            }
            return {("group", namespace, topic, group): record}

        if change(self._catalogue.table):
            starts = await self.starts(namespace, topic, start)
            await self._catalogue.write(change)
        found = self.group_record(self._catalogue.table, namespace, topic, group)
        return Created(config_of(found), created)

    async def starts(self, namespace: str, topic: str, start: Start) -> dict[str, int]:
        """Offsets by partition, as JSON has them."""
        spec = OffsetSpec.earliest()
        if start.latest:
            spec = OffsetSpec.latest()
        elif start.time:
            spec = OffsetSpec.for_timestamp(-(-start.time // 1000))
        found = await self.offsets(namespace, topic, spec)
        if any(offset < 0 for offset in found.values()):  # nothing is that late
            found |= {
                each: offset
                for each, offset in (await self.offsets(namespace, topic, OffsetSpec.latest())).items()
                if found[each] < 0
            }
        return {str(each): offset for each, offset in found.items()}

    async def offsets(self, namespace: str, topic: str, spec: OffsetSpec) -> dict[int, int]:
        """An offset of each partition."""
        config = self._topic(namespace, topic)
        return await self.offsets_in(self.kafka_name(namespace, topic), config.partitions, spec)

    async def offsets_in(self, name: str, partitions: int, spec: OffsetSpec) -> dict[int, int]:
        """The same, of a topic in Kafka."""
        asked = {TopicPartition(name, each): spec for each in range(partitions)}
        committed = IsolationLevel.READ_COMMITTED
        found = await self._link.each(lambda admin: admin.list_offsets(asked, isolation_level=committed))
        for answer in found.values():
            if isinstance(answer, PrismError):
                raise answer
        return {each.partition: answer.offset for each, answer in found.items()}

    async def change_group(
        self, namespace: str, topic: str, group: str, change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        """Changes what the catalogue says of a group."""
        await self._catalogue.sync()

        def wanted(table: Table) -> Mapping[Key, Any]:
            before = json.loads(json.dumps(self.group_record(table, namespace, topic, group)))
            after = change(json.loads(json.dumps(before)))
            return {} if after == before else {("group", namespace, topic, group): after}

        if wanted(self._catalogue.table):
            await self._catalogue.write(wanted)
        return self.group_record(self._catalogue.table, namespace, topic, group)

    async def delete_group(self, namespace: str, topic: str, group: str) -> bool:
        """Removes a group; whether there was one."""
        await self._catalogue.sync()
        key = ("group", namespace, topic, group)

        def change(table: Table) -> Mapping[Key, Any]:
            return {key: None} if key in table else {}

        existed = bool(change(self._catalogue.table))
        if existed:
            await self._catalogue.write(change)
            names = [self._names.dead(namespace, topic, group), self._names.redriven(namespace, topic, group)]
            await self._forget(names, [self._names.group(namespace, topic, group)])
        return existed
