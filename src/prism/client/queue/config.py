"""How topics and groups are configured, as an application writes and reads it. Lengths of time are in seconds."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty

from prism.client.arguments import Seconds, instant, length
from prism.interfaces import queue as q

Keep = Literal["for_retention", "until_acknowledged"]
DeadLetter = Literal["keep", "drop", "topic"]
Start = Literal["earliest", "latest"] | datetime
"""Where a group begins: at what the topic still holds, at what comes from now on, or at a time."""

_KEEP: dict[Keep, q.Keep] = {
    "for_retention": q.Keep.QUEUE_KEEP_FOR_RETENTION,
    "until_acknowledged": q.Keep.QUEUE_KEEP_UNTIL_ACKNOWLEDGED,
}
_DEAD_LETTER: dict[DeadLetter, q.DeadLetterMode] = {
    "keep": q.DeadLetterMode.QUEUE_DEAD_LETTER_MODE_KEEP,
    "drop": q.DeadLetterMode.QUEUE_DEAD_LETTER_MODE_DROP,
    "topic": q.DeadLetterMode.QUEUE_DEAD_LETTER_MODE_TOPIC,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicConfig:
    """How a topic keeps its messages. What is None is the backend's default, or in an update left as it is.

    Attributes:
        partitions: more than one only where the backend declares `sharing: partitions`; cannot be changed.
        keep: `for_retention` keeps messages for groups to come, acknowledged or not; `until_acknowledged` (where it is
            declared) until every group has acknowledged them.
        retention: seconds from when a message is due until it expires; 24 h by default.
        max_bytes: of payloads and attributes; 0 for no limit, the default. At it the oldest messages expire, or with
            `until_acknowledged` publishing is refused with `StoreFull`.
    """

    partitions: int | None = None
    keep: Keep | None = None
    retention: Seconds | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupConfig:
    """How a group gets its messages. What is None is the backend's default, or in an update left as it is.

    Attributes:
        ack_deadline: seconds that a message is its consumer's; 30 by default.
        max_lease: seconds that it can be so by `extend`, in all; 1 h by default.
        max_attempts: after so many failed attempts a message is dead; 5 by default, 0 for no limit.
        backoff_min: seconds until a message comes again after its first failed attempt; 1 by default.
        backoff_max: the longest such time, as each is twice the one before; 5 min by default.
        dead_letter: `keep` a dead message in the group (the default), `drop` it, or send it to a `topic`.
        dead_letter_topic: which one, with `topic`.
        dead_retention: seconds that the dead are kept; 14 d by default.
        expire_after_idle: seconds after which a group without a consumer is removed; 0 for never, the default.
        paused: nothing is delivered.
    """

    ack_deadline: Seconds | None = None
    max_lease: Seconds | None = None
    max_attempts: int | None = None
    backoff_min: Seconds | None = None
    backoff_max: Seconds | None = None
    dead_letter: DeadLetter | None = None
    dead_letter_topic: str | None = None
    dead_retention: Seconds | None = None
    expire_after_idle: Seconds | None = None
    paused: bool | None = None


def given(config: TopicConfig | GroupConfig) -> dict[str, Any]:
    """What is set, by name."""
    return {each.name: value for each in fields(config) if (value := getattr(config, each.name)) is not None}


def topic_message(config: TopicConfig | None) -> q.TopicConfig:
    """A configuration as it travels."""
    wanted = {} if config is None else given(config)
    if "retention" in wanted:
        wanted["retention"] = length("retention", wanted["retention"])
    if "keep" in wanted:
        wanted["keep"] = _word("keep", wanted["keep"], _KEEP)
    return q.TopicConfig(**wanted)


def topic_config(message: q.TopicConfig) -> TopicConfig:
    """A configuration that was read: whole."""
    keep: Keep = "until_acknowledged" if message.keep == _KEEP["until_acknowledged"] else "for_retention"
    return TopicConfig(
        partitions=message.partitions, keep=keep, retention=seconds(message.retention), max_bytes=message.max_bytes
    )


def group_message(config: GroupConfig | None) -> q.GroupConfig:
    """A configuration as it travels."""
    wanted = {} if config is None else given(config)
    backoff = {name: wanted.pop(f"backoff_{name}") for name in ("min", "max") if f"backoff_{name}" in wanted}
    mode, topic = wanted.pop("dead_letter", None), wanted.pop("dead_letter_topic", "")
    for name in ("ack_deadline", "max_lease", "dead_retention", "expire_after_idle"):
        if name in wanted:
            wanted[name] = length(name, wanted[name])
    made = q.GroupConfig(**wanted)
    if backoff:
        made.backoff.CopyFrom(q.Backoff(**{name: length(f"backoff_{name}", each) for name, each in backoff.items()}))
    if topic and mode is None:
        mode = "topic"
    if mode is not None:
        made.dead_letter.CopyFrom(q.DeadLetter(mode=_word("dead_letter", mode, _DEAD_LETTER), topic=topic))
    return made


def group_config(message: q.GroupConfig) -> GroupConfig:
    """A configuration that was read: whole."""
    modes = {value: word for word, value in _DEAD_LETTER.items()}
    return GroupConfig(
        ack_deadline=seconds(message.ack_deadline),
        max_lease=seconds(message.max_lease),
        max_attempts=message.max_attempts,
        backoff_min=seconds(message.backoff.min),
        backoff_max=seconds(message.backoff.max),
        dead_letter=modes.get(message.dead_letter.mode, "keep"),
        dead_letter_topic=message.dead_letter.topic,
        dead_retention=seconds(message.dead_retention),
        expire_after_idle=seconds(message.expire_after_idle),
        paused=message.paused,
    )


def start_message(start: Start) -> q.Start:
    """A place in a topic as it travels.

    Raises:
        ValueError: it is neither of the two words nor a datetime with an offset from UTC.
    """
    if start == "earliest":
        return q.Start(earliest=Empty())
    if start == "latest":
        return q.Start(latest=Empty())
    if isinstance(start, datetime):
        return q.Start(time=instant("start", start))
    raise ValueError(f"start is {start!r}; give 'earliest', 'latest' or a datetime with a time zone")


def create_message(start: Start, config: GroupConfig | None) -> q.Create | None:
    """How a group is made that does not exist; None for as the backend does by itself."""
    if start == "earliest" and config is None:
        return None
    return q.Create(start=start_message(start), config=None if config is None else group_message(config))


def _word(name: str, word: Any, known: "dict[Any, Any]") -> Any:
    if word not in known:
        raise ValueError(f"{name} is {word!r}; give {' or '.join(map(repr, known))}")
    return known[word]


def seconds(duration: Duration) -> float:
    """A length of time that was read."""
    return duration.seconds + duration.nanos / 1e9
