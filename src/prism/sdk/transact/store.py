"""What a store does for Transact: each method is one transaction, and answers when that is as durable as configured."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from prism.context import Context
from prism.errors import LeaseLost, MailboxNotFound, Outcome, PositionExpired, StoreFull
from prism.interfaces.transact import Data, WriteResponse
from prism.sdk.wakeups import Wakeups


@dataclass(frozen=True, slots=True)
class MailboxConfig:
    """How a mailbox is kept.

    Attributes:
        shards: how many.
        retention: microseconds that a message is kept which some reader has not passed.
        max_backlog: most messages that wait for the slowest reader; 0 for any number.
    """

    shards: int = 1
    retention: int = 7 * 86_400_000_000
    max_backlog: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Mail:
    """A message on its way into a mailbox, or in it.

    Attributes:
        mailbox: where to.
        message_id: given by the instance that took it.
        ordering_key: decides the shard.
        payload: bytes.
        attributes: its attributes.
        traceparent: the writer's place in a trace.
        sequence: 0 before it has one.
        written_at: microseconds since 1970, by the store's clock.
    """

    mailbox: str
    message_id: str
    ordering_key: str
    payload: bytes
    attributes: Mapping[str, str]
    traceparent: str = ""
    sequence: int = 0
    written_at: int = 0


@dataclass(frozen=True, slots=True)
class DeadMail:
    """A message that a reader has set aside.

    Attributes:
        number: its place among the dead.
        mail: the message.
        shard: where it was.
        reason: why.
        dead_at: when, in microseconds since 1970.
        redriven: it is to be tried again.
    """

    number: int
    mail: Mail
    shard: int
    reason: str
    dead_at: int
    redriven: bool


@dataclass(frozen=True, slots=True)
class Work:
    """What one transaction writes.

    Attributes:
        data: changes of rows, in their order.
        mails: messages.
        key: an idempotency key; empty for none.
        fingerprint: of all that the request asks for.
        serializable: as if transactions came one after the other.
    """

    data: Sequence[Data]
    mails: Sequence[Mail]
    key: str = ""
    fingerprint: bytes = b""
    serializable: bool = False


@dataclass(frozen=True, slots=True)
class MailPage:
    """Messages of a shard.

    Attributes:
        after: behind which place they are.
        floor: up to here nothing is kept.
        mails: in order.
    """

    after: int
    floor: int
    mails: Sequence[Mail]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who has a reader.

    Attributes:
        holder: who; empty for none.
        epoch: how many had it so far.
        left: microseconds.
        redriven: dead messages that are to be tried again.
        shards: of the mailbox.
    """

    holder: str
    epoch: int
    left: int
    redriven: int
    shards: int


@dataclass(frozen=True, slots=True)
class ReaderInfo:
    """A reader.

    Attributes:
        name: its name.
        positions: by shard, with how many messages are behind each.
        dead: how many it has set aside.
        holder: who has it; empty for none.
        until: microseconds since 1970.
        epoch: how many had it so far.
    """

    name: str
    positions: Sequence[tuple[int, int]]
    dead: int
    holder: str
    until: int
    epoch: int


@dataclass(frozen=True, slots=True)
class MailboxInfo:
    """A mailbox.

    Attributes:
        config: how it is kept.
        shards: floor and last sequence of each.
        backlog: messages that wait for the slowest reader; all that are kept where there is none.
        readers: in the order of their names.
    """

    config: MailboxConfig
    shards: Sequence[tuple[int, int]]
    backlog: int
    readers: Sequence[ReaderInfo] = field(default=())


class TransactStore(ABC):
    """Rows and mailboxes in one database.

    Attributes:
        wakeups: of those who wait for a mailbox.
    """

    wakeups: Wakeups

    @abstractmethod
    async def write(self, context: Context, work: Work, *, create: bool) -> WriteResponse:
        """All of the work, or the answer that was remembered under its key.

        Raises:
            AlreadyExists: the key came first with another request.
            ConditionFailed: `expect_rows` does not hold.
            ConstraintViolated: the store refuses a row.
            Conflict: a race was lost.
            StoreFull: a mailbox has its `max_backlog`.
            MailboxNotFound: one is missing, and `create` is False.
        """

    @abstractmethod
    async def create_mailbox(self, context: Context, mailbox: str, config: MailboxConfig) -> tuple[MailboxConfig, bool]:
        """Makes it where it is missing; its configuration, and whether it was made."""

    @abstractmethod
    async def describe_mailbox(self, context: Context, mailbox: str) -> MailboxInfo:
        """All of it; raises MailboxNotFound."""

    @abstractmethod
    async def list_mailboxes(self, context: Context, prefix: str, after: str, limit: int) -> Sequence[str]:
        """Names in byte order."""

    @abstractmethod
    async def read(
        self, context: Context, mailbox: str, shard: int, reader: str, after: int | None, limit: int, max_bytes: int
    ) -> MailPage:
        """Messages behind `after`, or behind the reader's position, else from the first that is kept.

        Raises:
            MailboxNotFound: it is missing, or has no such shard.
            PositionExpired: what comes behind is not kept.
        """

    @abstractmethod
    async def ack(
        self, context: Context, mailbox: str, reader: str, shard: int, up_to: int, dead: Mapping[int, str],
        redriven: Sequence[str], epoch: int, *, create: bool,
    ) -> int:  # fmt: skip
        """Moves a reader, never back; where it stands then. Raises LeaseLost."""

    @abstractmethod
    async def lease(
        self, context: Context, mailbox: str, reader: str, holder: str, duration: int, *, create: bool
    ) -> Lease:
        """Gives the reader to the holder where no other has it; who has it then. Zero gives it back."""

    @abstractmethod
    async def delete_reader(self, context: Context, mailbox: str, reader: str) -> bool:
        """Removes it; whether it existed."""

    @abstractmethod
    async def list_dead(
        self, context: Context, mailbox: str, reader: str, after: int, limit: int, *, redriven: bool
    ) -> Sequence[DeadMail]:
        """What it has set aside, in order."""

    @abstractmethod
    async def redrive(self, context: Context, mailbox: str, reader: str, message_ids: Sequence[str]) -> int:
        """Marks dead messages to be tried again; all where none is named. How many."""

    @abstractmethod
    async def discard(self, context: Context, mailbox: str, reader: str, message_ids: Sequence[str]) -> int:
        """Removes dead messages; all where none is named. How many."""


def no_mailbox(mailbox: str) -> MailboxNotFound:
    """The error of a mailbox that is missing."""
    return MailboxNotFound(f"mailbox {mailbox!r} does not exist; create it with CreateMailbox")


def no_shard(mailbox: str, shard: int, shards: int) -> MailboxNotFound:
    """The error of a shard that is missing."""
    return MailboxNotFound(f"mailbox {mailbox!r} has no shard {shard}; its shards are 0 to {shards - 1}")


def expired(mailbox: str, reader: str, floor: int) -> PositionExpired:
    """The error of a place whose messages are kept no longer."""
    stands = f"reader {reader!r} of mailbox {mailbox!r} stands" if reader else f"the place in mailbox {mailbox!r} is"
    return PositionExpired(
        f"{stands} before what is kept: messages up to {floor} are gone; go on from there with AckMailbox, and see "
        "what was missed",
        metadata={"floor": str(floor)},
    )


def full(mailbox: str, backlog: int) -> StoreFull:
    """The error of a mailbox at its limit."""
    return StoreFull(
        f"{backlog} messages of mailbox {mailbox!r} wait for its slowest reader, which is its max_backlog: see whether "
        "its relay and its target work, or delete a reader that is not used",
        outcome=Outcome.NOT_APPLIED,
    )


def lease_lost(reader: str) -> LeaseLost:
    """The error of a holder that is none any more."""
    return LeaseLost(f"reader {reader!r} has another holder, or none; lease it again")


def shard_of(mail: Mail, shards: int) -> int:
    """The shard of a message: the same for the same key, any for none."""
    if shards == 1:
        return 0
    return crc32((mail.ordering_key or mail.message_id).encode()) % shards
