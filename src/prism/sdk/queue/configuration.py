"""Configurations of topics and groups, as messages and as a store keeps them, and the limits of a backend."""

from dataclasses import replace
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from prism.errors import InvalidArgument, Violation
from prism.interfaces import queue as q
from prism.interfaces.capabilities import undeclared
from prism.interfaces.capabilities.queue import QueueCapabilities
from prism.sdk.queue.calls import Start
from prism.sdk.queue.rows import DeadLetter, GroupConfig, TopicConfig


def micros(value: Duration | Timestamp) -> int:
    """Microseconds of a duration, or since 1970."""
    return value.seconds * 1_000_000 + value.nanos // 1000


def duration(microseconds: int) -> Duration:
    """A duration of so many microseconds."""
    made = Duration()
    made.FromMicroseconds(microseconds)
    return made


def timestamp(microseconds: int) -> Timestamp:
    """A time, so many microseconds since 1970."""
    made = Timestamp()
    made.FromMicroseconds(microseconds)
    return made


def invalid(field: str, found: str, limit: str) -> InvalidArgument:
    """The refusal of a field."""
    violation = Violation(field, found, limit)
    return InvalidArgument(str(violation), violations=[violation])


def start_of(message: q.Start) -> Start:
    """A place in a topic; the beginning where none is named."""
    if message.HasField("latest"):
        return Start(latest=True)
    return Start(time=micros(message.time)) if message.HasField("time") else Start()


def topic_config(message: q.TopicConfig, limits: QueueCapabilities, before: TopicConfig | None = None) -> TopicConfig:
    """What is set, over what was before.

    Raises:
        InvalidArgument: partitions would change, or are more than one where messages are shared.
        Unimplemented: the backend does not keep messages so.
    """
    made = before or TopicConfig()
    if message.HasField("partitions"):
        if before is not None and message.partitions != before.partitions:
            raise invalid("config.partitions", str(message.partitions), "it cannot be changed")
        if limits.sharing == "messages" and message.partitions > 1:
            raise invalid("config.partitions", str(message.partitions), "this backend shares messages: it is 1")
        made = replace(made, partitions=max(message.partitions, 1))
    if message.keep == q.Keep.QUEUE_KEEP_UNTIL_ACKNOWLEDGED and limits.keep != "until_acknowledged":
        raise undeclared("keep", "UNTIL_ACKNOWLEDGED")
    if message.keep:
        made = replace(made, until_acknowledged=message.keep == q.Keep.QUEUE_KEEP_UNTIL_ACKNOWLEDGED)
    if message.HasField("retention"):
        made = replace(made, retention=micros(message.retention))
    return replace(made, max_bytes=message.max_bytes) if message.HasField("max_bytes") else made


def topic_message(config: TopicConfig) -> q.TopicConfig:
    """The whole configuration of a topic."""
    keep = q.Keep.QUEUE_KEEP_UNTIL_ACKNOWLEDGED if config.until_acknowledged else q.Keep.QUEUE_KEEP_FOR_RETENTION
    return q.TopicConfig(
        partitions=config.partitions, keep=keep, retention=duration(config.retention), max_bytes=config.max_bytes
    )


def group_config(
    message: q.GroupConfig, topic: str, limits: QueueCapabilities, before: GroupConfig | None = None
) -> GroupConfig:
    """What is set, over what was before.

    Raises:
        InvalidArgument: a time is out of the backend's range, or the dead would go to their own topic.
    """
    changes: dict[str, Any] = {}
    for name in ("ack_deadline", "max_lease", "dead_retention", "expire_after_idle"):
        if message.HasField(name):
            changes[name] = micros(getattr(message, name))
    for name in ("min", "max"):
        if message.backoff.HasField(name):
            changes[f"backoff_{name}"] = micros(getattr(message.backoff, name))
    for name in ("max_attempts", "paused"):
        if message.HasField(name):
            changes[name] = getattr(message, name)
    if message.dead_letter.mode:
        changes["dead_letter"] = DeadLetter(message.dead_letter.mode)
        changes["dead_letter_topic"] = message.dead_letter.topic
    made = replace(before or GroupConfig(), **changes)
    shortest, longest = limits.min_ack_deadline, limits.max_ack_deadline
    if not shortest <= made.ack_deadline / 1e6 <= longest:
        found = f"{made.ack_deadline / 1e6:g}s"
        raise invalid("config.ack_deadline", found, f"it is between {shortest:g}s and {longest:g}s here")
    if made.dead_letter is DeadLetter.TOPIC and made.dead_letter_topic in ("", topic):
        raise invalid("config.dead_letter.topic", repr(made.dead_letter_topic), "another topic is required")
    return made


def group_message(config: GroupConfig) -> q.GroupConfig:
    """The whole configuration of a group."""
    return q.GroupConfig(
        ack_deadline=duration(config.ack_deadline),
        max_lease=duration(config.max_lease),
        max_attempts=config.max_attempts,
        backoff=q.Backoff(min=duration(config.backoff_min), max=duration(config.backoff_max)),
        dead_letter=q.DeadLetter(mode=int(config.dead_letter), topic=config.dead_letter_topic),  # type: ignore[arg-type]  # the numbers are the same
        dead_retention=duration(config.dead_retention),
        expire_after_idle=duration(config.expire_after_idle),
        paused=config.paused,
    )
