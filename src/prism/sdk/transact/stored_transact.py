"""Transact over a `TransactStore`. Numbers in comments are those of the rules in docs/contract.md, "Transact"."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from hashlib import sha256
from time import monotonic
from typing import Literal

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from prism.context import Context
from prism.errors import AlreadyExists, InvalidArgument, Unimplemented
from prism.interfaces import transact as t
from prism.interfaces.capabilities.transact import TransactCapabilities
from prism.sdk.cursor import Query
from prism.sdk.message_ids import MessageIds
from prism.sdk.transact.changes import check_data, refusal
from prism.sdk.transact.options import TransactOptions
from prism.sdk.transact.store import DeadMail, Mail, MailboxConfig, MailboxInfo, TransactStore, Work
from prism.sdk.wakeups import Waiter

MAX_ATTRIBUTES = 8 << 10
"""Bytes of a message's attributes in all."""
PAGE = 500
"""Messages read at once."""
PAGE_BYTES = 1 << 20
_LISTED = 100
_LEASE = 10_000_000
_DEFAULT = MailboxConfig()


class StoredTransact(t.Transact):
    """Serves Transact from a store.

    Args:
        store: what keeps it.
        options: of the backend's configuration.
    """

    def __init__(self, store: TransactStore, options: TransactOptions) -> None:
        self.store = store
        self.options = options
        self.capabilities = TransactCapabilities()
        self._new_id = MessageIds().next

    def declare(self, capabilities: TransactCapabilities) -> None:
        """What the manifest declares."""
        self.capabilities = capabilities

    async def write(self, request: t.WriteRequest, context: t.Context) -> t.WriteResponse:
        """1: all or nothing."""
        if not request.data and not request.mailbox:
            raise refusal("data", "nothing", "give changes in `data`, or messages in `mailbox`")
        for index, each in enumerate(request.data):
            check_data(each, f"data[{index}]")
        key = request.idempotency_key
        work = Work(
            request.data,
            self.mails(request.mailbox, context),
            key,
            sha256(request.SerializeToString(deterministic=True)).digest() if key else b"",
            request.isolation == t.Isolation.TRANSACT_ISOLATION_SERIALIZABLE,
        )
        answer = await self.store.write(context, work, create=self.options.create)
        self.written(context, work.mails)
        return answer

    def mails(self, given: Sequence[t.Mail], context: Context, path: str = "mailbox") -> list[Mail]:
        """Messages on their way, each with its id."""
        found = []
        trace = context.traceparent if given else ""
        for index, each in enumerate(given):
            size = sum(len(name.encode()) + len(text.encode()) for name, text in each.attributes.items())
            if size > MAX_ATTRIBUTES:
                limit = f"at most {MAX_ATTRIBUTES} are allowed in all"
                raise refusal(f"{path}[{index}].attributes", f"{size} bytes", limit)
            found.append(
                Mail(each.mailbox, self._new_id(), each.ordering_key, each.payload, dict(each.attributes), trace)
            )
        return found

    def written(self, context: Context, mails: Sequence[Mail]) -> None:
        """Wakes those who wait for the messages."""
        for mailbox in {each.mailbox for each in mails}:
            self.store.wakeups.notify((context.namespace, mailbox))

    async def create_mailbox(self, request: t.CreateMailboxRequest, context: t.Context) -> t.CreateMailboxResponse:
        """Makes a mailbox."""
        wanted = self._config(request.config)
        config, created = await self.store.create_mailbox(context, request.mailbox, wanted)
        if not created and config != wanted:
            raise AlreadyExists(f"mailbox {request.mailbox!r} exists with another configuration")
        return t.CreateMailboxResponse(config=_config_message(config), created=created)

    def _config(self, given: t.MailboxConfig) -> MailboxConfig:
        most = self.capabilities.max_shards
        shards = given.shards if given.HasField("shards") else _DEFAULT.shards
        if shards < 1:
            raise refusal("config.shards", "0", f"1 to {most} are allowed")
        if shards > most:
            raise Unimplemented(
                f"a mailbox of {shards} shards needs more than this backend's max_shards, {most}",
                capability="max_shards",
            )
        retention = given.retention.ToMicroseconds() if given.HasField("retention") else _DEFAULT.retention
        backlog = given.max_backlog if given.HasField("max_backlog") else _DEFAULT.max_backlog
        if backlog >= 1 << 63:
            raise refusal("config.max_backlog", str(backlog), "it is below 2^63")
        return MailboxConfig(shards, retention, backlog)

    async def describe_mailbox(
        self, request: t.DescribeMailboxRequest, context: t.Context
    ) -> t.DescribeMailboxResponse:
        """A mailbox with its readers."""
        return _described(await self.store.describe_mailbox(context, request.mailbox))

    async def list_mailboxes(self, request: t.ListMailboxesRequest, context: t.Context) -> t.ListMailboxesResponse:
        """A page of names."""
        query = Query(request, context)
        position = query.position(request.cursor, parts=1)
        limit = request.limit or _LISTED
        after = _text(position[0]) if position else ""
        names = list(await self.store.list_mailboxes(context, request.prefix, after, limit + 1))
        more = len(names) > limit
        found = names[:limit]
        return t.ListMailboxesResponse(mailboxes=found, next_cursor=query.cursor(found[-1].encode()) if more else b"")

    async def read_mailbox(
        self, request: t.ReadMailboxRequest, context: t.Context
    ) -> AsyncGenerator[t.ReadMailboxResponse, None]:
        """2, 3: a shard in order, then what comes."""
        if request.reader and request.HasField("after_sequence"):
            raise refusal("after_sequence", str(request.after_sequence), "not together with `reader`")
        key = (context.namespace, request.mailbox)
        event = self.store.wakeups.join(key)
        draining = asyncio.create_task(context.draining.wait())
        try:
            after = request.after_sequence if request.HasField("after_sequence") else None
            reader, given = request.reader, 0
            wait = request.wait.ToMicroseconds() / 1e6
            until = monotonic() + wait
            while True:
                event.clear()
                limit = min(PAGE, request.limit - given) if request.limit else PAGE
                page = await self.store.read(context, request.mailbox, request.shard, reader, after, limit, PAGE_BYTES)
                context.established()
                reader, after = "", page.mails[-1].sequence if page.mails else page.after
                for mail in page.mails:
                    yield t.ReadMailboxResponse(message=mail_message(mail))
                given += len(page.mails)
                if page.mails:
                    until = monotonic() + wait
                if given == request.limit != 0 or draining.done():
                    break
                # What wakes it may be no message: a wait begins anew with each message, and with nothing else.
                if not page.mails and not await _comes(event, draining, until - monotonic()):
                    break
            yield t.ReadMailboxResponse(end=t.ReadEnd(sequence=after))
        finally:
            draining.cancel()
            self.store.wakeups.leave(key, event)

    async def ack_mailbox(self, request: t.AckMailboxRequest, context: t.Context) -> t.AckMailboxResponse:
        """3: moves a reader."""
        dead = {each.sequence: each.reason for each in request.dead}
        if beyond := [each for each in dead if each > request.up_to]:
            raise refusal("dead", f"the sequence {max(beyond)}", f"it is at most `up_to`, {request.up_to}")
        position = await self.store.ack(
            context, request.mailbox, request.reader, request.shard, request.up_to, dead, request.redriven,
            request.epoch, create=self.options.create,
        )  # fmt: skip
        return t.AckMailboxResponse(position=position)

    async def lease_reader(self, request: t.LeaseReaderRequest, context: t.Context) -> t.LeaseReaderResponse:
        """5: one holder at a time."""
        duration = request.duration.ToMicroseconds() if request.HasField("duration") else _LEASE
        lease = await self.store.lease(
            context, request.mailbox, request.reader, request.holder, duration, create=self.options.create
        )
        left = Duration()
        left.FromMicroseconds(max(lease.left, 0))
        return t.LeaseReaderResponse(
            held=lease.holder == request.holder, epoch=lease.epoch, holder=lease.holder, left=left,
            redriven=lease.redriven, shards=lease.shards,
        )  # fmt: skip

    async def delete_reader(self, request: t.DeleteReaderRequest, context: t.Context) -> t.DeleteReaderResponse:
        """3: nothing is kept for it any more."""
        return t.DeleteReaderResponse(existed=await self.store.delete_reader(context, request.mailbox, request.reader))

    async def list_dead(self, request: t.ListDeadRequest, context: t.Context) -> t.ListDeadResponse:
        """5: a page of what a reader has set aside."""
        query = Query(request, context)
        position = query.position(request.cursor, parts=1)
        after = int.from_bytes(position[0], "big") if position else 0
        limit = request.limit or _LISTED
        found = list(
            await self.store.list_dead(
                context, request.mailbox, request.reader, after, limit + 1, redriven=request.redriven
            )
        )
        kept = _fitting(found[:limit])
        more = len(kept) < len(found)
        return t.ListDeadResponse(
            dead=[_dead_message(each) for each in kept],
            next_cursor=query.cursor(kept[-1].number.to_bytes(8, "big")) if more else b"",
        )

    async def redrive_dead(self, request: t.RedriveDeadRequest, context: t.Context) -> t.RedriveDeadResponse:
        """5: has them tried again."""
        count = await self.store.redrive(context, request.mailbox, request.reader, request.message_ids)
        self.store.wakeups.notify((context.namespace, request.mailbox))
        return t.RedriveDeadResponse(count=count)

    async def discard_dead(self, request: t.DiscardDeadRequest, context: t.Context) -> t.DiscardDeadResponse:
        """5: removes them."""
        count = await self.store.discard(context, request.mailbox, request.reader, request.message_ids)
        return t.DiscardDeadResponse(count=count)


async def _comes(event: Waiter, draining: "asyncio.Task[Literal[True]]", wait: float) -> bool:
    """Whether something may have come within so many seconds, before its gateway drains."""
    if wait <= 0:
        return False
    if event.is_set():
        return True
    coming = asyncio.create_task(event.wait())
    try:
        await asyncio.wait((coming, draining), timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        return coming.done() and not draining.done()
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError):
            await coming


def _text(part: bytes) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError:
        raise InvalidArgument("the cursor is not one of this query; pass next_cursor unchanged") from None


def mail_message(mail: Mail) -> t.Message:
    """A message as its readers get it."""
    return t.Message(
        sequence=mail.sequence,
        message_id=mail.message_id,
        ordering_key=mail.ordering_key,
        payload=mail.payload,
        attributes=mail.attributes,
        written_at=_instant(mail.written_at),
        traceparent=mail.traceparent,
    )


def _dead_message(dead: DeadMail) -> t.Dead:
    return t.Dead(
        message=mail_message(dead.mail),
        shard=dead.shard,
        reason=dead.reason,
        dead_at=_instant(dead.dead_at),
        redriven=dead.redriven,
    )


def _fitting(found: Sequence[DeadMail]) -> Sequence[DeadMail]:
    """As many as fit into an answer, and one at least."""
    size = 0
    for index, each in enumerate(found):
        size += len(each.mail.payload)
        if size > PAGE_BYTES and index:
            return found[:index]
    return found


def _config_message(config: MailboxConfig) -> t.MailboxConfig:
    retention = Duration()
    retention.FromMicroseconds(config.retention)
    return t.MailboxConfig(shards=config.shards, retention=retention, max_backlog=config.max_backlog)


def _described(info: MailboxInfo) -> t.DescribeMailboxResponse:
    shards = [
        t.ShardInfo(shard=shard, last_sequence=last, floor=floor) for shard, (floor, last) in enumerate(info.shards)
    ]
    readers = []
    for each in info.readers:
        places = [
            t.ReaderShard(shard=shard, position=position, behind=behind)
            for shard, (position, behind) in enumerate(each.positions)
        ]
        until = _instant(each.until) if each.holder else None
        readers.append(
            t.ReaderInfo(
                reader=each.name, shards=places, dead=each.dead, holder=each.holder, until=until, epoch=each.epoch
            )
        )
    config = _config_message(info.config)
    return t.DescribeMailboxResponse(config=config, shards=shards, readers=readers, backlog=info.backlog)


def _instant(microseconds: int) -> Timestamp:
    made = Timestamp()
    made.FromMicroseconds(microseconds)
    return made
