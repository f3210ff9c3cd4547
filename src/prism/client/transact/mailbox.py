"""Mailboxes as an application sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from prism.interfaces import transact as t


@dataclass(frozen=True, slots=True)
class MailboxMessage:
    """A message of a mailbox.

    Attributes:
        sequence: its place in its shard; rises in the order of commits.
        id: of the message.
        ordering_key: its key.
        payload: its content.
        attributes: notes on the payload.
        written_at: by the store's clock, in UTC.
        traceparent: the writer's place in a trace; empty for none.
    """

    sequence: int
    id: str
    ordering_key: str
    payload: bytes
    attributes: Mapping[str, str]
    written_at: datetime
    traceparent: str

    @classmethod
    def of(cls, message: t.Message) -> Self:
        """From what came."""
        return cls(
            message.sequence, message.message_id, message.ordering_key, message.payload, dict(message.attributes),
            message.written_at.ToDatetime(UTC), message.traceparent,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeadMail:
    """A message that a reader has set aside.

    Attributes:
        message: the message.
        shard: where it was.
        reason: why.
        dead_at: when.
        redriven: it is to be tried again.
    """

    message: MailboxMessage
    shard: int
    reason: str
    dead_at: datetime
    redriven: bool

    @classmethod
    def of(cls, dead: t.Dead) -> Self:
        """From what came."""
        return cls(
            MailboxMessage.of(dead.message), dead.shard, dead.reason, dead.dead_at.ToDatetime(UTC), dead.redriven
        )


@dataclass(frozen=True, slots=True)
class ReaderLease:
    """Who has a reader.

    Attributes:
        held: the one who asked has it.
        holder: who has it.
        epoch: counts the holders; give it to `ack`.
        left: seconds.
        redriven: dead messages that are to be tried again.
        shards: of the mailbox.
    """

    held: bool
    holder: str
    epoch: int
    left: float
    redriven: int
    shards: int


@dataclass(frozen=True, slots=True)
class ReaderDescription:
    """A reader.

    Attributes:
        name: its name.
        positions: by shard.
        behind: messages that it has not passed.
        dead: messages that it has set aside.
        holder: who has it; empty for none.
    """

    name: str
    positions: tuple[int, ...]
    behind: int
    dead: int
    holder: str


@dataclass(frozen=True, slots=True)
class MailboxDescription:
    """A mailbox.

    Attributes:
        shards: how many.
        retention: seconds that a message is kept which some reader has not passed.
        max_backlog: most messages that wait for the slowest reader; 0 for any number.
        backlog: how many do.
        last: the newest sequence of each shard.
        readers: its readers.
    """

    shards: int
    retention: float
    max_backlog: int
    backlog: int
    last: tuple[int, ...]
    readers: tuple[ReaderDescription, ...]

    @classmethod
    def of(cls, found: t.DescribeMailboxResponse) -> Self:
        """From what came."""
        readers = tuple(
            ReaderDescription(
                each.reader, tuple(place.position for place in each.shards), sum(place.behind for place in each.shards),
                each.dead, each.holder,
            )
            for each in found.readers
        )  # fmt: skip
        config = found.config
        return cls(
            config.shards, config.retention.ToMicroseconds() / 1e6, config.max_backlog, found.backlog,
            tuple(each.last_sequence for each in found.shards), readers,
        )  # fmt: skip
