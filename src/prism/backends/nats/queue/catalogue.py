"""Topics and groups of one namespace as JetStream has them: streams and durables, whose metadata say the rest."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from prism.backends.nats.jetstream.api import JetStream
from prism.backends.nats.jetstream.names import QueueNames
from prism.backends.nats.jetstream.refusals import (
    CONSUMER_EXISTS,
    CONSUMER_MISSING,
    STREAM_EXISTS,
    STREAM_MISSING,
    ApiError,
)
from prism.errors import AlreadyExists, GroupNotFound, TopicNotFound
from prism.sdk.queue.calls import Start
from prism.sdk.queue.rows import DeadLetter, GroupConfig, TopicConfig

MAX_UNSETTLED: Final = 10_000
_TOPIC, _GROUP, _EPOCH, _CONFIG, _SKIPPED = (
    "prism-topic", "prism-group", "prism-epoch", "prism-config", "prism-skipped",
)  # fmt: skip
_MIN_WINDOW: Final = 100_000_000
MIN_MARGIN, MAX_MARGIN = 50_000, 1_000_000


@dataclass(frozen=True, slots=True)
class Group:
    """A group.

    Attributes:
        stream: of its topic.
        consumer: its durable.
        skipped: messages that its topic had before it, when it was made.
        retention: of its topic, in microseconds.
        info: what JetStream says of the durable.
    """

    topic: str
    name: str
    stream: str
    consumer: str
    epoch: int
    config: GroupConfig
    skipped: int
    retention: int
    info: Mapping[str, Any]


def margin(ack_deadline: int) -> int:
    """Microseconds that JetStream waits beyond a deadline: a message is on its way meanwhile, and clocks differ."""
    return min(max(ack_deadline // 10, MIN_MARGIN), MAX_MARGIN)


class Catalogue:
    """The topics and groups of one namespace.

    Args:
        jetstream: has them.
        names: of the namespace.
        replicas: how many servers keep a topic.
        window: seconds that idempotency keys are remembered.
    """

    def __init__(self, jetstream: JetStream, names: QueueNames, replicas: int, window: float) -> None:
        self._jetstream = jetstream
        self._names = names
        self._replicas = replicas
        self._window = int(window * 1e9)

    async def topic(self, topic: str, subjects: str = "") -> tuple[TopicConfig, Mapping[str, Any]]:
        """A topic and what JetStream says of its stream; of the subjects that fit a pattern how many messages each has.

        Raises:
            TopicNotFound: there is none.
        """
        request = {"subjects_filter": subjects} if subjects else None
        try:
            info = await self._jetstream.ask(f"STREAM.INFO.{self._names.stream(topic)}", request, reads=True)
        except ApiError as error:
            if error.number == STREAM_MISSING:
                raise missing_topic(topic) from error
            raise
        return _topic_config(info), info

    async def create_topic(self, topic: str, config: TopicConfig) -> tuple[TopicConfig, bool]:
        """A topic as it is, and whether it was made."""
        try:
            await self._jetstream.ask(f"STREAM.CREATE.{self._names.stream(topic)}", self._stream(topic, config))
        except ApiError as error:
            if error.number != STREAM_EXISTS:
                raise
            return (await self.topic(topic))[0], False
        # JetStream takes the making of what exists with this very configuration for one of its own.
        return config, True

    def _stream(self, topic: str, config: TopicConfig) -> dict[str, Any]:
        age = config.retention * 1000
        return {
            "name": self._names.stream(topic),
            "subjects": [
                self._names.topic(topic), self._names.delayed(topic), self._names.redriven(topic, "*"),
            ],
            "retention": "limits",
            "storage": "file",
            "discard": "old",
            "num_replicas": self._replicas,
            "max_age": age,
            "max_bytes": config.max_bytes or -1,
            "duplicate_window": max(min(self._window, age), _MIN_WINDOW),
            "allow_msg_ttl": True,
            "allow_msg_schedules": True,
            "allow_atomic": True,
            "allow_direct": True,
            "metadata": {_TOPIC: topic, _CONFIG: json.dumps(asdict(config))},
        }  # fmt: skip

    async def update_topic(self, topic: str, config: TopicConfig) -> None:
        """Changes a topic."""
        await self._jetstream.ask(f"STREAM.UPDATE.{self._names.stream(topic)}", self._stream(topic, config))

    async def delete_topic(self, topic: str) -> bool:
        """Removes a topic with all that its groups have; whether there was one."""
        existed = await self._delete(f"STREAM.DELETE.{self._names.stream(topic)}")
        await self._delete(f"STREAM.DELETE.{self._names.dead_stream(topic)}")
        return existed

    async def _delete(self, subject: str) -> bool:
        try:
            await self._jetstream.ask(subject)
        except ApiError as error:
            if error.number in (STREAM_MISSING, CONSUMER_MISSING):
                return False
            raise
        return True

    async def topics(self) -> list[str]:
        """The names of all topics, in no order."""
        subject = f"{self._names.root}t.*"
        return [
            each["config"]["metadata"][_TOPIC]
            async for each in self._listed("STREAM.LIST", "streams", {"subject": subject})
            if _TOPIC in (each["config"].get("metadata") or {})
        ]

    async def _listed(self, subject: str, field: str, request: Mapping[str, Any]) -> AsyncIterator[Mapping[str, Any]]:
        offset = 0
        while True:
            answer = await self._jetstream.ask(subject, {**request, "offset": offset}, reads=True)
            found = answer.get(field) or []
            for each in found:
                yield each
            offset += len(found)
            if not found or offset >= answer["total"]:
                return

    async def groups(self, topic: str) -> dict[str, Group]:
        """The groups of a topic, by name.

        Raises:
            TopicNotFound: there is no such topic.
        """
        config, info = await self.topic(topic)
        found: dict[str, Group] = {}
        if not info["state"].get("consumer_count"):
            return found
        stream = self._names.stream(topic)
        async for each in self._listed(f"CONSUMER.LIST.{stream}", "consumers", {}):
            group = _group(topic, stream, each, config)
            if group is not None and (group.name not in found or found[group.name].epoch < group.epoch):
                found[group.name] = group
        return found

    async def group(self, topic: str, group: str) -> Group:
        """A group.

        Raises:
            TopicNotFound, GroupNotFound: there is none.
        """
        found = (await self.groups(topic)).get(group)
        if found is None:
            raise GroupNotFound(f"topic {topic!r} has no group {group!r}; create it with CreateGroup")
        return found

    async def create_group(
        self, topic: str, group: str, start: Start, config: GroupConfig, *, epoch: int = 1
    ) -> Group | None:
        """A group that was made; None where another one was made meanwhile."""
        stream = self._names.stream(topic)
        skipped = 0
        wanted = self._consumer(topic, group, config, epoch)
        wanted |= _from(start)
        if start != Start():
            subject = self._names.topic(topic)
            _, info = await self.topic(topic, subject)
            skipped = (info["state"].get("subjects") or {}).get(subject, 0)
        try:
            made = await self._make(stream, wanted, "create")
        except ApiError as error:
            if error.number in CONSUMER_EXISTS:
                return None
            if error.number == STREAM_MISSING:
                raise missing_topic(topic) from error
            raise
        if skipped:
            wanted = made["config"]
            wanted["metadata"] = {**wanted["metadata"], _SKIPPED: str(max(skipped - made["num_pending"], 0))}
            made = await self._make(stream, wanted, "update")
        topic_config, _ = await self.topic(topic)
        return _group(topic, stream, made, topic_config)

    async def _make(self, stream: str, config: Mapping[str, Any], action: str) -> Any:
        asked = {"stream_name": stream, "config": config, "action": action}
        return await self._jetstream.ask(f"CONSUMER.CREATE.{stream}.{config['durable_name']}", asked)

    def _consumer(self, topic: str, group: str, config: GroupConfig, epoch: int) -> dict[str, Any]:
        return {
            "durable_name": self._names.consumer(group, epoch),
            "ack_policy": "explicit",
            "replay_policy": "instant",
            "max_deliver": -1,
            "max_ack_pending": MAX_UNSETTLED,
            "filter_subjects": [self._names.topic(topic), self._names.redriven(topic, group)],
            **_times(config),
            "metadata": {_GROUP: group, _EPOCH: str(epoch), _CONFIG: json.dumps(asdict(config))},
        }

    async def update_group(self, group: Group, config: GroupConfig) -> None:
        """Changes a group."""
        wanted = {**group.info["config"], **_times(config)}
        wanted["metadata"] = {**wanted["metadata"], _CONFIG: json.dumps(asdict(config))}
        await self._make(group.stream, wanted, "update")

    async def delete_group(self, group: Group) -> None:
        """Removes a group's durable."""
        await self._delete(f"CONSUMER.DELETE.{group.stream}.{group.consumer}")

    async def floor(self, group: Group) -> int:
        """The number up to which a group has nothing to be settled; -1 where it is there no more."""
        try:
            info = await self._jetstream.ask(f"CONSUMER.INFO.{group.stream}.{group.consumer}", reads=True)
        except ApiError as error:
            if error.number in (STREAM_MISSING, CONSUMER_MISSING):
                return -1
            raise
        return int(info["ack_floor"]["stream_seq"])


def missing_topic(topic: str) -> TopicNotFound:
    """There is no such topic."""
    return TopicNotFound(f"topic {topic!r} does not exist; create it with CreateTopic")


def differs(what: str, name: str, update: str) -> AlreadyExists:
    """It exists, but otherwise."""
    return AlreadyExists(f"{what} {name!r} exists with another configuration; change it with {update}")


def _times(config: GroupConfig) -> dict[str, int]:
    return {
        "ack_wait": (config.ack_deadline + margin(config.ack_deadline)) * 1000,
        "inactive_threshold": config.expire_after_idle * 1000,
    }


def _from(start: Start) -> dict[str, Any]:
    if start.latest:
        return {"deliver_policy": "new"}
    if start.time:
        at = datetime.fromtimestamp(start.time // 1_000_000, UTC).replace(microsecond=start.time % 1_000_000)
        return {"deliver_policy": "by_start_time", "opt_start_time": at.isoformat().replace("+00:00", "Z")}
    return {"deliver_policy": "all"}


def _topic_config(info: Mapping[str, Any]) -> TopicConfig:
    config = info["config"]
    if written := (config.get("metadata") or {}).get(_CONFIG):
        return TopicConfig(**json.loads(written))
    return TopicConfig(retention=config.get("max_age", 0) // 1000, max_bytes=max(config.get("max_bytes", 0), 0))


def _group(topic: str, stream: str, info: Mapping[str, Any], topic_config: TopicConfig) -> Group | None:
    metadata = info["config"].get("metadata") or {}
    if _GROUP not in metadata:
        return None
    config = GroupConfig(**json.loads(metadata[_CONFIG]))
    config = replace(config, dead_letter=DeadLetter(config.dead_letter))
    return Group(
        topic, metadata[_GROUP], stream, info["name"], int(metadata[_EPOCH]), config,
        int(metadata.get(_SKIPPED, 0)), topic_config.retention, info,
    )  # fmt: skip
