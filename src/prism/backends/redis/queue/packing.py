"""What is stored, and what the scripts answer, as the rest of Queue knows it."""

import random
import struct
from collections.abc import Sequence
from typing import Any, Final

from prism.interfaces import queue as q
from prism.sdk.queue.calls import Delivery, Lease, Outgoing, Peeked
from prism.sdk.queue.rows import DeadLetter, Entry, GroupConfig, Message, State, TopicConfig

_TOPIC: Final = struct.Struct(">BIQQ")
_GROUP: Final = struct.Struct(">QQIQQBQQB")
_STATES: Final = {1: State.WAITING, 2: State.WAITING, 3: State.IN_FLIGHT, 4: State.DEAD}
_FIRST: Final = 100_000_000_000
"""Where a topic's numbers begin, as rows.lua says."""
_BITS: Final = 24
_COUNT_BITS: Final = 16


def pack_topic(config: TopicConfig) -> bytes:
    """A topic's configuration as the scripts read it."""
    return _TOPIC.pack(config.until_acknowledged, config.partitions, config.retention, config.max_bytes)


def topic_config(packed: bytes) -> TopicConfig:
    """A topic's configuration."""
    lasting, partitions, retention, max_bytes = _TOPIC.unpack(packed)
    return TopicConfig(partitions, bool(lasting), retention, max_bytes)


def pack_group(config: GroupConfig) -> bytes:
    """A group's configuration as the scripts read it."""
    return (
        _GROUP.pack(
            config.ack_deadline, config.max_lease, config.max_attempts, config.backoff_min, config.backoff_max,
            config.dead_letter, config.dead_retention, config.expire_after_idle, config.paused,
        )
        + config.dead_letter_topic.encode()
    )  # fmt: skip


def group_config(packed: bytes) -> GroupConfig:
    """A group's configuration."""
    deadline, longest, attempts, shortest, slowest, mode, dead, idle, paused = _GROUP.unpack_from(packed)
    letter = packed[_GROUP.size :].decode()
    return GroupConfig(
        deadline, longest, attempts, shortest, slowest, DeadLetter(mode), letter, dead, idle, bool(paused)
    )


def new_epoch() -> int:
    """Tells the leases before a Seek from those after it; never 0."""
    return random.getrandbits(_BITS) or 1


def message_arguments(message: Outgoing, prefix: str) -> Sequence[bytes | str | int]:
    """A message as `read_message` takes it; its mark keeps receipts apart that a failover might confuse."""
    body = q.Message(payload=message.payload, attributes=message.attributes, traceparent=message.traceparent)
    return (
        message.topic, prefix, message.ordering_key, message.delay, message.deliver_at, message.ttl, message.size,
        random.getrandbits(_BITS), body.SerializeToString(), message.idempotency_key, message.fingerprint,
    )  # fmt: skip


def lease(epoch: int, seq: bytes, mark: int, count: int) -> Lease:
    """The lease of a delivery."""
    return Lease(int(seq), (epoch << _BITS | mark) << _COUNT_BITS | count)


def lease_arguments(each: Lease) -> Sequence[int]:
    """A lease as `leased` takes it."""
    marked, count = each.token >> _COUNT_BITS, each.token & (1 << _COUNT_BITS) - 1
    return (each.seq, marked >> _BITS, marked & (1 << _BITS) - 1, count)


def delivery(epoch: int, seconds: float, answer: Sequence[Any]) -> Delivery:
    """A delivery, as CLAIM answers it."""
    seq, mark, count, attempt, *message = answer
    return Delivery(lease(epoch, seq, mark, count), _message(seq, *message), attempt, seconds)


def peeked(answer: Sequence[Any]) -> Peeked:
    """A message as a group has it, as MESSAGES answers it."""
    seq, state, at, failed, consumer, reason, *message = answer
    entry = Entry(0, int(seq), at, 0, _STATES[state], failed=failed, consumer=consumer.decode(), reason=reason.decode())
    return Peeked(entry, _message(seq, *message))


def _message(seq: bytes, published: int, message_id: bytes, key: bytes, size: int, body: bytes) -> Message:
    kept = q.Message.FromString(body)
    return Message(
        0, message_id.decode(), kept.payload, kept.attributes, key.decode(), published, published, 0, 0,
        kept.traceparent, size, seq=int(seq) - _FIRST,
    )  # fmt: skip
