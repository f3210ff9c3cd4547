"""What a store keeps of queues, and the small steps in which it is read and written.

A store whose operations are transactions implements `Rows`; `QueueEngine` makes every rule of Queue of these steps, and
`RowStore` a whole store. All times are microseconds since 1970 by the store's clock.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

HOUR = 3_600_000_000


class State(enum.IntEnum):
    """What a message is in a group; of one that is expired, cancelled or no longer kept there is no entry."""

    WAITING = 1
    IN_FLIGHT = 3
    ACKNOWLEDGED = 4
    DEAD = 5


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """How a topic keeps its messages; see `QueueTopicConfig`."""

    partitions: int = 1
    until_acknowledged: bool = False
    retention: int = 24 * HOUR
    max_bytes: int = 0


class DeadLetter(enum.IntEnum):
    """What becomes of the dead."""

    KEEP = 1
    DROP = 2
    TOPIC = 3


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """How a group works; see `QueueGroupConfig`."""

    ack_deadline: int = 30_000_000
    max_lease: int = HOUR
    max_attempts: int = 5
    backoff_min: int = 1_000_000
    backoff_max: int = 300_000_000
    dead_letter: DeadLetter = DeadLetter.KEEP
    dead_letter_topic: str = ""
    dead_retention: int = 14 * 24 * HOUR
    expire_after_idle: int = 0
    paused: bool = False


@dataclass(slots=True)
class Topic:
    """A topic; `number` is the store's own name of it, 0 until it is stored."""

    namespace: str
    name: str
    config: TopicConfig = TopicConfig()
    number: int = 0


@dataclass(slots=True)
class Group:
    """A group, and what has been counted in it.

    Attributes:
        epoch: rises with each Seek and Purge: leases of the epochs before are revoked.
        used_at: when it last had a consumer.
    """

    topic: int
    name: str
    config: GroupConfig = GroupConfig()
    number: int = 0
    epoch: int = 1
    offered: int = 0
    acknowledged: int = 0
    expired: int = 0
    dead_removed: int = 0
    used_at: int = 0


@dataclass(slots=True)
class Message:
    """A message of a topic.

    Attributes:
        expires_at: when it goes, unless some group still has it as dead.
        gone: kept for the groups that have it as dead, and for no other.
        size: of payload and attributes.
        partition: that it is in, where the store has several.
        null_payload: another producer has written one.
    """

    topic: int
    message_id: str
    payload: bytes
    attributes: Mapping[str, str]
    ordering_key: str
    published_at: int
    due_at: int
    ttl: int
    expires_at: int
    traceparent: str = ""
    size: int = 0
    gone: bool = False
    seq: int = 0
    partition: int = 0
    null_payload: bool = False


@dataclass(slots=True)
class Entry:
    """A message in a group.

    Attributes:
        at: when it is due, its lease ends or it died, by its state.
        blocked: an earlier message of its key is not done yet.
        failed: attempts that have failed.
        token: of its last delivery.
        lease_from: when it was sent.
        lease_until: when its lease ends, unless its stream broke: then `at` may be earlier.
        session: the stream that has it; `-` for `Receive`, empty where a stream broke.
    """

    group: int
    seq: int
    at: int
    expires_at: int
    state: State = State.WAITING
    key: str = ""
    blocked: bool = False
    failed: int = 0
    token: int = 0
    lease_from: int = 0
    lease_until: int = 0
    consumer: str = ""
    session: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many entries a group has by state.

    Attributes:
        oldest: for how long the one is due that is due longest; 0 for none.
        consumers: how many each has in flight.
        lag: by partition, what is not done; empty where the store has no partitions.
    """

    waiting: int = 0
    delayed: int = 0
    in_flight: int = 0
    dead: int = 0
    oldest: int = 0
    consumers: Mapping[str, int] = field(default_factory=dict)
    lag: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remembered:
    """An idempotency key that was used: of what, and the ids that were given."""

    fingerprint: bytes
    message_ids: Sequence[str]


class Rows(Protocol):
    """What a store keeps, within one transaction. What is returned may be changed, and is stored by `put_...`."""

    def topic(self, namespace: str, name: str) -> Topic | None: ...

    def topics(self, namespace: str, prefix: str, after: str, limit: int) -> Sequence[str]:
        """Names in byte order, after one."""
        ...

    def every_topic(self) -> Sequence[Topic]:
        """Of all namespaces."""
        ...

    def put_topic(self, topic: Topic) -> None:
        """Gives it a number where it has none."""
        ...

    def remove_topic(self, topic: Topic) -> None:
        """With all that is in it."""
        ...

    def group(self, topic: int, name: str) -> Group | None: ...

    def groups(self, topic: int) -> Sequence[Group]:
        """In byte order of their names."""
        ...

    def put_group(self, group: Group) -> None:
        """Gives it a number where it has none."""
        ...

    def remove_group(self, group: Group) -> None:
        """With its entries."""
        ...

    def add_message(self, message: Message) -> None:
        """Gives it a `seq` above all of before."""
        ...

    def put_message(self, message: Message) -> None: ...

    def message(self, seq: int) -> Message | None: ...

    def messages(self, topic: int, after: int, limit: int) -> Sequence[Message]:
        """By `seq`, after one."""
        ...

    def find(self, topic: int, message_id: str) -> Sequence[Message]: ...

    def outlived(self, topic: int, now: int, limit: int) -> Sequence[Message]:
        """Whose `expires_at` has come."""
        ...

    def remove_message(self, seq: int) -> None:
        """Only the message, none of its entries."""
        ...

    def usage(self, topic: int) -> tuple[int, int]:
        """Messages, and their bytes."""
        ...

    def entry(self, group: int, seq: int) -> Entry | None: ...

    def put_entry(self, entry: Entry) -> None: ...

    def remove_entry(self, group: int, seq: int) -> None: ...

    def entries(self, seq: int) -> Sequence[Entry]:
        """Of a message, in all groups."""
        ...

    def due(self, group: int, state: State, until: int, limit: int) -> Sequence[Entry]:
        """Those that are not blocked and whose `at` has come, the longest ago first."""
        ...

    def expiring(self, group: int, now: int, limit: int) -> Sequence[Entry]:
        """Those waiting whose `expires_at` has come."""
        ...

    def next_at(self, group: int) -> int | None:
        """When the next one is due, a lease ends or something expires."""
        ...

    def head(self, group: int, key: str) -> Entry | None:
        """The first one of a key that is waiting or in flight."""
        ...

    def held(self, group: int, session: str) -> Sequence[Entry]:
        """Those in flight that a stream has."""
        ...

    def parked(self, group: int, consumer: str) -> Sequence[Entry]:
        """Those in flight of a consumer that no stream has."""
        ...

    def listed(self, group: int, state: State, after: int, limit: int) -> Sequence[Entry]:
        """By `seq`, after one."""
        ...

    def tally(self, group: int, now: int) -> Tally: ...

    def in_flight(self, group: int) -> int: ...

    def recall(self, namespace: str, key: str, now: int) -> Remembered | None: ...

    def remember(self, namespace: str, key: str, until: int, remembered: Remembered) -> None: ...

    def forgettable(self, now: int) -> bool:
        """Whether `forget` would remove any."""
        ...

    def forget(self, now: int, limit: int) -> int:
        """Removes idempotency keys whose time is over; how many."""
        ...
