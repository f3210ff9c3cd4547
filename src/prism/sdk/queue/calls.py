"""What a store of queues is asked, and what it answers."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from prism.errors import PrismError
from prism.sdk.queue.rows import Entry, Message

Configuration = TypeVar("Configuration")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is to be published; times in microseconds, 0 for none."""

    topic: str
    payload: bytes
    attributes: Mapping[str, str]
    ordering_key: str = ""
    delay: int = 0
    deliver_at: int = 0
    ttl: int = 0
    idempotency_key: str = ""
    fingerprint: bytes = b""
    traceparent: str = ""
    size: int = 0
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """A message that was published, now or before."""

    message_id: str
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Created(Generic[Configuration]):
    """A topic or group as it is, and whether it was made."""

    config: Configuration
    created: bool


@dataclass(frozen=True, slots=True)
class Start:
    """A place in a topic: the end, or what was published at a time or later."""

    latest: bool = False
    time: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """One delivery of a message to a group."""

    seq: int
    token: int


Result = float | None | PrismError
"""What became of a settlement: the seconds that are left, 0 where the lease has ended as asked; None where it is lost;
the error of it alone."""


@dataclass(frozen=True, slots=True)
class Want:
    """What a consumer can take.

    Attributes:
        limit: messages.
        max_bytes: of them in all.
        at_least_one: one may have more.
        consumer: who asks.
        session: by which stream; `-` for a call, which has none.
    """

    limit: int
    max_bytes: int
    at_least_one: bool
    consumer: str
    session: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that was leased, for so many seconds."""

    lease: Lease
    message: Message
    attempt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Claim:
    """What was leased, and what else a stream has to know.

    Attributes:
        deliveries: what was leased.
        epoch: of the group; with another one all leases of before are revoked.
        wait: in how many seconds there is more to do; None where only a change can bring that.
        revoked: leases of the stream, and maybe of others, that have gone with a partition to another gateway.
    """

    deliveries: Sequence[Delivery]
    epoch: int
    wait: float | None
    revoked: Sequence[Lease] = ()


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a stream has from the one before."""

    lease: Lease
    size: int
    seconds: float


class Verb(enum.Enum):
    """What becomes of a delivery. RESTART: it is sent only now."""

    ACKNOWLEDGE = enum.auto()
    NACK = enum.auto()
    RELEASE = enum.auto()
    EXTEND = enum.auto()
    RESTART = enum.auto()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is to become of one delivery; the delay of a nack in microseconds, None for the backoff."""

    lease: Lease
    verb: Verb
    delay: int | None = None
    reason: str = ""
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Peeked:
    """A message as a group has it."""

    entry: Entry
    message: Message
