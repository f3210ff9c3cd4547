"""Transact for applications.

What each operation means: docs/contract.md and prism/data/v1/transact.proto. Every method may raise a `PrismError`;
what a failed write did to the store is the error's `outcome`. `timeout` is in seconds (or a timedelta), for the call
with all its retries; without it the client's own holds.
"""

from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from prism.client.arguments import Seconds, length
from prism.client.headers import NamespaceHeaders
from prism.client.paging import MAX_PAGE_SIZE, Page, Pager
from prism.client.transact.changes import Change, Mail
from prism.client.transact.mailbox import DeadMail, MailboxDescription, MailboxMessage, ReaderLease
from prism.client.transact.transaction import Transaction
from prism.client.transport import Transport
from prism.client.values import from_value
from prism.interfaces import transact as t

_OPERATIONS = {operation.method: operation for operation in t.INTERFACE.operations}

Isolation = Literal["read_committed", "serializable"]
_ISOLATION = {
    "read_committed": t.Isolation.TRANSACT_ISOLATION_READ_COMMITTED,
    "serializable": t.Isolation.TRANSACT_ISOLATION_SERIALIZABLE,
}


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of a write.

    Attributes:
        rows: rows that each change met.
        generated: of each inserted row, what its record did not give and the store did.
        messages: id, shard and sequence of each message.
        duplicate: it had been written before, under its idempotency key.
    """

    rows: tuple[int, ...]
    generated: tuple[Mapping[str, Any], ...]
    messages: tuple[tuple[str, int, int], ...]
    duplicate: bool


class Transact:
    """The tables and mailboxes of one namespace; made by `Client.transact`."""

    def __init__(self, transport: Transport, headers: NamespaceHeaders) -> None:
        self._transport = transport
        self._headers = headers

    async def write(
        self,
        *changes: Change,
        mail: Sequence[Mail] = (),
        idempotency_key: str = "",
        isolation: Isolation = "read_committed",
        timeout: Seconds | None = None,
    ) -> WriteResult:
        """Writes rows and messages, all or nothing.

            await transact.write(
                insert("orders", {"id": 7, "total": 30}), mail=[Mail("events", b"order 7")], idempotency_key="order 7"
            )

        Args:
            changes: of rows, made in their order.
            mail: messages.
            idempotency_key: makes it safe to write it again, which the client does by itself then.
            isolation: of the transaction.

        Raises:
            ConditionFailed: a change met another number of rows than expected.
            ConstraintViolated: a constraint of a table refuses a row.
            Conflict: a race was lost.
        """
        request = t.WriteRequest(
            data=[each.message for each in changes],
            mailbox=[each.message for each in mail],
            idempotency_key=idempotency_key,
            isolation=_ISOLATION[isolation],
        )
        answer = t.WriteResponse.FromString(await self._call("write", request, timeout, keyed=bool(idempotency_key)))
        return WriteResult(
            tuple(each.rows for each in answer.results),
            tuple({name: from_value(value) for name, value in each.generated.items()} for each in answer.results),
            tuple((each.message_id, each.shard, each.sequence) for each in answer.messages),
            answer.duplicate,
        )

    def transaction(
        self,
        *,
        isolation: Isolation = "read_committed",
        idempotency_key: str = "",
        timeout: Seconds | None = None,
    ) -> Transaction:
        """A transaction with reads between its writes; commits where its block ends without an error.

        async with transact.transaction() as transaction:
            (row,) = await transaction.read("accounts", key={"id": 7}, for_update=True)
            await transaction.write(update("accounts", {"balance": row["balance"] - 1}, key={"id": 7}))
        """
        begin = t.Begin(isolation=_ISOLATION[isolation], idempotency_key=idempotency_key)
        deadline = None if timeout is None else self._transport.deadline(timeout)
        return Transaction(self._transport, self._headers, _OPERATIONS["transaction"], begin, deadline)

    async def create_mailbox(
        self,
        mailbox: str,
        *,
        shards: int | None = None,
        retention: Seconds | None = None,
        max_backlog: int | None = None,
        timeout: Seconds | None = None,
    ) -> bool:
        """Makes a mailbox, and says whether it was not there."""
        config = t.MailboxConfig(
            shards=shards,
            retention=None if retention is None else length("retention", retention),
            max_backlog=max_backlog,
        )
        request = t.CreateMailboxRequest(mailbox=mailbox, config=config)
        return t.CreateMailboxResponse.FromString(
            await self._call("create_mailbox", request, timeout, keyed=True)
        ).created

    async def describe_mailbox(self, mailbox: str, *, timeout: Seconds | None = None) -> MailboxDescription:
        """A mailbox with its readers."""
        answer = await self._call("describe_mailbox", t.DescribeMailboxRequest(mailbox=mailbox), timeout)
        return MailboxDescription.of(t.DescribeMailboxResponse.FromString(answer))

    def mailboxes(self, *, prefix: str = "", limit: int | None = None, timeout: Seconds | None = None) -> Pager[str]:
        """The mailboxes, in byte order of their names."""

        async def fetch(cursor: bytes, size: int) -> Page[str]:
            request = t.ListMailboxesRequest(prefix=prefix, limit=size, cursor=cursor)
            answer = t.ListMailboxesResponse.FromString(await self._call("list_mailboxes", request, timeout))
            return Page(tuple(answer.mailboxes), answer.next_cursor)

        return Pager(fetch, limit=limit, page_size=MAX_PAGE_SIZE, cursor=b"")

    async def read(
        self,
        mailbox: str,
        *,
        shard: int = 0,
        reader: str = "",
        after: int | None = None,
        limit: int = 0,
        wait: Seconds = 0.0,
        timeout: Seconds | None = None,
    ) -> AsyncGenerator[MailboxMessage, None]:
        """The messages of a shard in the order of their commits, until there is none for `wait`.

        Args:
            mailbox: which.
            shard: which of its shards.
            reader: begins behind the position of this reader.
            after: begins behind this sequence; without it and a reader, with the first that is kept.
            limit: most messages; 0 for any number.
            wait: seconds to wait for another message; `math.inf` is not for here: begin again.

        Raises:
            PositionExpired: what comes next is kept no longer.
        """
        request = t.ReadMailboxRequest(
            mailbox=mailbox, shard=shard, reader=reader, after_sequence=after, limit=limit, wait=length("wait", wait)
        )
        deadline = None if timeout is None else self._transport.deadline(timeout)
        operation = _OPERATIONS["read_mailbox"]
        stream = self._transport.stream(operation, request.SerializeToString(), self._headers, deadline)
        async with aclosing(stream) as answers:
            async for answer in answers:
                response = t.ReadMailboxResponse.FromString(answer)
                if response.HasField("message"):
                    yield MailboxMessage.of(response.message)

    async def ack(
        self,
        mailbox: str,
        reader: str,
        up_to: int,
        *,
        shard: int = 0,
        dead: Mapping[int, str] | None = None,
        redriven: Sequence[str] = (),
        epoch: int = 0,
        timeout: Seconds | None = None,
    ) -> int:
        """Moves a reader past what it is done with, never back, and says where it stands; makes it with `up_to` 0.

        Args:
            mailbox: which.
            reader: which.
            up_to: the last sequence that it is done with.
            shard: of which shard.
            dead: of those the ones that it sets aside, with the reason.
            redriven: ids of dead messages that it has delivered after all.
            epoch: of its lease.

        Raises:
            LeaseLost: the reader has another holder.
        """
        aside = [t.SetAside(sequence=sequence, reason=reason) for sequence, reason in (dead or {}).items()]
        request = t.AckMailboxRequest(
            mailbox=mailbox, reader=reader, shard=shard, up_to=up_to, dead=aside, redriven=redriven, epoch=epoch
        )
        answer = await self._call("ack_mailbox", request, timeout, keyed=True)
        return t.AckMailboxResponse.FromString(answer).position

    async def lease(
        self,
        mailbox: str,
        reader: str,
        holder: str,
        *,
        duration: Seconds = 10.0,
        timeout: Seconds | None = None,
    ) -> ReaderLease:
        """Leases a reader where no other holder has it; its holder asks again to keep it. Zero gives it back."""
        request = t.LeaseReaderRequest(
            mailbox=mailbox, reader=reader, holder=holder, duration=length("duration", duration)
        )
        answer = t.LeaseReaderResponse.FromString(await self._call("lease_reader", request, timeout, keyed=True))
        left = answer.left.ToMicroseconds() / 1e6
        return ReaderLease(answer.held, answer.holder, answer.epoch, left, answer.redriven, answer.shards)

    async def delete_reader(self, mailbox: str, reader: str, *, timeout: Seconds | None = None) -> bool:
        """Removes a reader with its dead messages, and says whether it existed."""
        request = t.DeleteReaderRequest(mailbox=mailbox, reader=reader)
        answer = await self._call("delete_reader", request, timeout, keyed=True)
        return t.DeleteReaderResponse.FromString(answer).existed

    def dead(
        self,
        mailbox: str,
        reader: str,
        *,
        redriven: bool = False,
        limit: int | None = None,
        timeout: Seconds | None = None,
    ) -> Pager[DeadMail]:
        """What a reader has set aside, the oldest first; with `redriven` only what is to be tried again."""

        async def fetch(cursor: bytes, size: int) -> Page[DeadMail]:
            request = t.ListDeadRequest(mailbox=mailbox, reader=reader, redriven=redriven, limit=size, cursor=cursor)
            answer = t.ListDeadResponse.FromString(await self._call("list_dead", request, timeout))
            return Page(tuple(map(DeadMail.of, answer.dead)), answer.next_cursor)

        return Pager(fetch, limit=limit, page_size=MAX_PAGE_SIZE, cursor=b"")

    async def redrive(self, mailbox: str, reader: str, *message_ids: str, timeout: Seconds | None = None) -> int:
        """Has the reader try dead messages again: those named, or all. How many."""
        request = t.RedriveDeadRequest(mailbox=mailbox, reader=reader, message_ids=message_ids)
        answer = await self._call("redrive_dead", request, timeout, keyed=True)
        return t.RedriveDeadResponse.FromString(answer).count

    async def discard(self, mailbox: str, reader: str, *message_ids: str, timeout: Seconds | None = None) -> int:
        """Removes dead messages: those named, or all. How many."""
        request = t.DiscardDeadRequest(mailbox=mailbox, reader=reader, message_ids=message_ids)
        answer = await self._call("discard_dead", request, timeout, keyed=True)
        return t.DiscardDeadResponse.FromString(answer).count

    def _call(self, method: str, request: Any, timeout: Seconds | None, *, keyed: bool = False) -> Awaitable[bytes]:
        operation = _OPERATIONS[method]
        return self._transport.unary(operation, request.SerializeToString(), self._headers, timeout, keyed=keyed)
