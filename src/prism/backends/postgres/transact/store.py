"""Transact on PostgreSQL: rows by statements of one transaction, mailboxes by functions of Prism's schema."""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import asyncpg

from prism.backends.postgres.errors import translate
from prism.backends.postgres.lane import Lane
from prism.backends.postgres.lane import Work as LaneWork
from prism.backends.postgres.sessions import Rows, Session, Sessions
from prism.backends.postgres.statements import Statement
from prism.backends.postgres.transact import statements
from prism.backends.postgres.transact.collections import Collections
from prism.backends.postgres.transact.conversation import PostgresConversation
from prism.backends.postgres.transact.groups import WriteCall, write_group
from prism.backends.postgres.transact.sessions import TransactionSessions
from prism.backends.postgres.transact.transaction import (
    Placed,
    Transaction,
    refused,
)
from prism.backends.postgres.watch import Watch
from prism.context import Context
from prism.errors import Conflict, PrismError
from prism.interfaces.transact import Message, WriteResponse
from prism.sdk import Bounds
from prism.sdk.transact import (
    DeadMail,
    Lease,
    Mail,
    MailboxConfig,
    MailboxInfo,
    MailPage,
    ReaderInfo,
    TransactOptions,
    TransactStore,
    Work,
)
from prism.sdk.transact.store import expired, full, lease_lost, no_mailbox, no_shard, shard_of
from prism.sdk.wakeups import Wakeups

WRITERS = 8
"""Transactions of Write at a time, of one gateway."""
_GROUPS = Bounds(calls=32, size=4 << 20, in_flight=4)
_ALONE = Bounds(calls=1, in_flight=WRITERS - _GROUPS.in_flight)
_APART = 50
"""Groups whose writes are apart from each other after one in which a write was refused."""
_GROUP_WAITS = 0.1
"""Seconds that a group waits for a row that others have locked, before its writes go one by one, and that one alone."""
_ATTEMPTS = 4
_BACKOFF = 0.005
_MISSING, _NO_SHARD, _EXPIRED, _LEASED = 1, 2, 3, 4
_HOUSEKEEPING = Context("")


class PostgresTransact(TransactStore):
    """`prism.sdk.transact.TransactStore` in one database.

    Args:
        sessions: with Prism's schema.
        reads: a lane for what changes nothing.
        writes: a lane for what does, in one statement.
        open_session: for one more session.
        schema: Prism's own.
        options: of the backend's configuration.
        lock_timeout: seconds that a write waits for another transaction's locks.
    """

    def __init__(
        self,
        sessions: Sessions,
        reads: Lane[LaneWork, Any],
        writes: Lane[LaneWork, Any],
        open_session: Callable[[], Awaitable[Session]],
        schema: str,
        options: TransactOptions,
        lock_timeout: float,
    ) -> None:
        self.wakeups = Wakeups()
        self.transactions = TransactionSessions(open_session, WRITERS)
        self.conversations = TransactionSessions(open_session, options.max_interactive)
        self._sessions = sessions
        self._reads = reads
        self._writes = writes
        self._schema = schema
        self._lock_timeout = lock_timeout
        self._collections = Collections(options.collections, schema, open_session)
        self._boxes: dict[tuple[str, str], tuple[int, MailboxConfig]] = {}
        self._listener = secrets.randbits(62)
        self._untold: dict[tuple[str, str], None] = {}
        self._telling: asyncio.Task[None] | None = None
        self._apart = 0
        self._groups: Lane[WriteCall, WriteResponse] = Lane(self._write_group, _GROUPS, reads=False)
        self._alone: Lane[WriteCall, WriteResponse] = Lane(self._write_alone, _ALONE, reads=False)
        self._watch = Watch(self.wakeups, self._look, statements.CHANNEL, self._quietly, open_session)

    async def stop(self) -> None:
        """Watches no more."""
        await self._watch.stop()

    async def drain(self) -> None:
        """Waits until every call is answered."""
        await self._groups.drain()
        await self._alone.drain()
        if self._telling is not None:
            await asyncio.gather(self._telling, return_exceptions=True)

    def end(self) -> None:
        """Ends the sessions; what is under way fails."""
        self.transactions.stop()
        self.conversations.stop()

    def close(self) -> None:
        """Forgets the deadlines of calls; none may be waiting."""
        self._groups.close()
        self._alone.close()

    async def _read(self, context: Context, statement: Statement, *arguments: Any) -> Rows:
        work = LaneWork(lambda: self._sessions.fetch(statement, *arguments))
        rows: Rows = await self._reads.call(context, work)
        return rows

    async def _write(self, context: Context, statement: Statement, *arguments: Any) -> Rows:
        work = LaneWork(lambda: self._sessions.fetch(statement, *arguments))
        rows: Rows = await self._writes.call(context, work)
        return rows

    async def _quietly(self, statement: Statement, *arguments: Any) -> Rows:
        return await self._read(_HOUSEKEEPING, statement, *arguments)

    async def _look(self, keys: Sequence[tuple[str, str]], *, listens: bool) -> Rows:
        spaces, names = [space.encode() for space, _ in keys], [name.encode() for _, name in keys]
        return await self._quietly(statements.WATCH, spaces, names, self._listener, listens)

    async def write(self, context: Context, work: Work, *, create: bool) -> WriteResponse:
        placed = await self.placed(context, work.mails, create=create)
        size = sum(len(mail.payload) for mail in work.mails) + sum(each.ByteSize() for each in work.data)
        keys = [(context.namespace, work.key)] if work.key else ()
        attempt = 1
        while True:
            call = WriteCall(context.namespace, work, placed)
            alone = work.serializable or attempt > 1  # what lost a race holds up no others
            lane = self._alone if alone else self._groups
            try:
                answer = await lane.call(context, call, size=size, keys=keys)
            except Conflict:
                if attempt == _ATTEMPTS:
                    raise
            else:
                self.tell(context, work.mails)
                return answer
            await asyncio.sleep(random.uniform(0, _BACKOFF * 2**attempt))  # noqa: S311  # jitter
            attempt += 1

    async def _write_group(self, calls: Sequence[WriteCall]) -> Sequence[WriteResponse | Exception]:
        apart = len(calls) > 1 and self._apart > 0
        self._apart -= apart
        try:
            async with self._transaction(
                _HOUSEKEEPING, self.transactions, serializable=False, lock_timeout=min(_GROUP_WAITS, self._lock_timeout)
            ) as transaction:
                return await write_group(transaction, calls, apart=apart)
        except PrismError:
            if len(calls) > 1:
                self._apart = _APART
            raise

    async def _write_alone(self, calls: Sequence[WriteCall]) -> Sequence[WriteResponse | Exception]:
        async with self._transaction(
            _HOUSEKEEPING, self.transactions, serializable=calls[0].work.serializable
        ) as transaction:
            return await write_group(transaction, calls, apart=False)

    @asynccontextmanager
    async def _transaction(
        self,
        context: Context,
        sessions: TransactionSessions,
        *,
        serializable: bool,
        lock_timeout: float | None = None,
    ) -> AsyncIterator[Transaction]:
        """A transaction that has begun; its errors are the contract's, with their outcome."""
        connected = None
        try:
            async with sessions.session() as connected:
                await connected.begin(serializable=serializable, lock_timeout=lock_timeout)
                yield Transaction(
                    connected,
                    self._collections,
                    self._schema,
                    context.namespace.encode(),
                    serializable=serializable,
                    lock_timeout=self._lock_timeout,
                    require_room=self._require_room,
                )
        except PrismError:
            raise
        except Exception as error:
            sent = connected is not None and connected.committing
            if isinstance(error, asyncpg.IntegrityConstraintViolationError):
                raise refused(error, "commit") from error  # a deferred one
            raise translate(error, writes=True, sent=sent) from error

    async def begin(self, context: Context, *, serializable: bool) -> PostgresConversation:
        """An interactive transaction."""
        stack = AsyncExitStack()
        opened: AbstractAsyncContextManager[Transaction] = self._transaction(
            Context(context.namespace), self.conversations, serializable=serializable
        )
        transaction = await stack.enter_async_context(opened)
        return PostgresConversation(self, context, stack, transaction)

    async def placed(self, context: Context, mails: Sequence[Mail], *, create: bool) -> list[Placed]:
        """Mailboxes and shards of messages; makes mailboxes in a transaction before."""
        placed = []
        for mail in mails:
            number, config = await self._box(context, mail.mailbox, create=create)
            placed.append((mail, number, shard_of(mail, config.shards)))
        return placed

    async def _require_room(self, placed: Sequence[Placed]) -> None:
        """Passes messages that the backlogs have room for, as it is outside the transaction that adds them."""
        more = Counter(number for _, number, _ in placed)
        for number, name, most, waiting in await self._quietly(statements.WAITING, [*more]):
            if waiting + more[number] > most:
                raise full(bytes(name).decode(), waiting)

    async def _box(self, context: Context, mailbox: str, *, create: bool = False) -> tuple[int, MailboxConfig]:
        key = (context.namespace, mailbox)
        known = self._boxes.get(key)
        if known is None:
            if create:
                await self._make(context, mailbox, MailboxConfig())
            rows = await self._read(context, statements.MAILBOX, context.namespace.encode(), mailbox.encode())
            if not rows:
                raise no_mailbox(mailbox)
            number, *config = rows[0]
            known = self._boxes[key] = (number, MailboxConfig(*config))
        return known

    async def _make(self, context: Context, mailbox: str, config: MailboxConfig) -> bool:
        ((made,),) = await self._write(
            context, statements.MAKE, *_place(context, mailbox), config.shards, config.retention, config.max_backlog
        )
        return bool(made)

    def tell(self, context: Context, mails: Sequence[Mail]) -> None:
        """Tells other gateways after the commit: a NOTIFY within would have commits wait for each other."""
        self._untold.update(((context.namespace, each.mailbox), None) for each in mails)
        if self._untold and self._telling is None:
            self._telling = asyncio.create_task(self._tell_all(), name="postgres-mailbox-tell")

    async def _tell_all(self) -> None:
        try:
            while self._untold:
                keys = [*self._untold]
                self._untold.clear()
                spaces, names = [space.encode() for space, _ in keys], [name.encode() for _, name in keys]
                with suppress(PrismError):  # who waits looks by itself too
                    await self._quietly(statements.TELL, spaces, names, self._listener)
        finally:
            self._telling = None

    async def create_mailbox(self, context: Context, mailbox: str, config: MailboxConfig) -> tuple[MailboxConfig, bool]:
        made = await self._make(context, mailbox, config)
        return (await self._box(context, mailbox))[1], made

    async def describe_mailbox(self, context: Context, mailbox: str) -> MailboxInfo:
        _, config = await self._box(context, mailbox)
        place = _place(context, mailbox)
        found = await self._read(context, statements.SHARDS, *place)
        shards = {shard: (floor, max(last, floor), n, floor_n) for shard, floor, last, n, floor_n in found}
        readers = []
        for name, holder, until, epoch, dead, positions in await self._read(context, statements.READERS, *place):
            places = [
                (position, shards[shard][2] - max(n, shards[shard][3])) for shard, (position, n) in enumerate(positions)
            ]
            readers.append(ReaderInfo(name.decode(), places, dead, holder, until, epoch))
        ((backlog,),) = await self._read(context, statements.BACKLOG, *place)
        return MailboxInfo(config, [shards[shard][:2] for shard in sorted(shards)], backlog, readers)

    async def list_mailboxes(self, context: Context, prefix: str, after: str, limit: int) -> Sequence[str]:
        within = (context.namespace.encode(), after.encode(), prefix.encode(), limit)
        return [name.decode() for (name,) in await self._read(context, statements.NAMES, *within)]

    async def read(
        self, context: Context, mailbox: str, shard: int, reader: str, after: int | None, limit: int, max_bytes: int
    ) -> MailPage:
        rows = await self._read(
            context, statements.READ, *_place(context, mailbox), shard, reader.encode() or None, after, limit, max_bytes
        )
        status, shards, floor, place = rows[0][:4]
        _check(status, mailbox, shard, shards or 0)
        if status == _EXPIRED:
            raise expired(mailbox, reader, floor)
        return MailPage(place, floor, [_mail(mailbox, row[4:11]) for row in rows if row[4] is not None])

    async def ack(
        self, context: Context, mailbox: str, reader: str, shard: int, up_to: int, dead: Mapping[int, str],
        redriven: Sequence[str], epoch: int, *, create: bool,
    ) -> int:  # fmt: skip
        await self._box(context, mailbox, create=create)
        ((status, shards, place),) = await self._write(
            context,
            statements.ACK,
            *_place(context, mailbox),
            reader.encode(),
            shard,
            min(up_to, (1 << 63) - 1),
            list(dead),
            [each.encode() for each in dead.values()],
            list(redriven),
            min(epoch, (1 << 63) - 1),
        )
        _check(status, mailbox, shard, shards or 0)
        if status == _LEASED:
            raise lease_lost(reader)
        return int(place)

    async def lease(
        self, context: Context, mailbox: str, reader: str, holder: str, duration: int, *, create: bool
    ) -> Lease:
        await self._box(context, mailbox, create=create)
        ((status, has, epoch, left, redriven, shards),) = await self._write(
            context, statements.LEASE, *_place(context, mailbox), reader.encode(), holder, duration
        )
        _check(status, mailbox, 0, shards or 0)
        return Lease(has, epoch, left, redriven, shards)

    async def delete_reader(self, context: Context, mailbox: str, reader: str) -> bool:
        ((existed,),) = await self._write(context, statements.DELETE_READER, *_place(context, mailbox), reader.encode())
        if existed is None:
            raise no_mailbox(mailbox)
        return bool(existed)

    async def list_dead(
        self, context: Context, mailbox: str, reader: str, after: int, limit: int, *, redriven: bool
    ) -> Sequence[DeadMail]:
        await self._box(context, mailbox)
        place = _place(context, mailbox)
        rows = await self._read(context, statements.DEAD, *place, reader.encode(), after, redriven, limit)
        return [
            DeadMail(row[0], _mail(mailbox, row[5:]), row[1], bytes(row[2]).decode(), row[3], row[4]) for row in rows
        ]

    async def redrive(self, context: Context, mailbox: str, reader: str, message_ids: Sequence[str]) -> int:
        count = await self._of_dead(context, statements.REDRIVE, mailbox, reader, message_ids)
        self._untold[context.namespace, mailbox] = None
        self.tell(context, ())
        return count

    async def discard(self, context: Context, mailbox: str, reader: str, message_ids: Sequence[str]) -> int:
        return await self._of_dead(context, statements.DISCARD, mailbox, reader, message_ids)

    async def _of_dead(
        self, context: Context, statement: Statement, mailbox: str, reader: str, message_ids: Sequence[str]
    ) -> int:
        await self._box(context, mailbox)
        place = _place(context, mailbox)
        ((count,),) = await self._write(context, statement, *place, reader.encode(), list(message_ids))
        return int(count)

    async def sweep(self, limit: int) -> bool:
        """Removes what is kept no longer; whether more is left."""
        ((any_mailbox,),) = await self._sessions.fetch(statements.ANY_MAILBOX)
        if not any_mailbox:
            return False
        ((more,),) = await self._sessions.fetch(statements.SWEEP, limit)
        return bool(more)


def _place(context: Context, mailbox: str) -> tuple[bytes, bytes]:
    return context.namespace.encode(), mailbox.encode()


def _check(status: int, mailbox: str, shard: int, shards: int) -> None:
    if status == _MISSING:
        raise no_mailbox(mailbox)
    if status == _NO_SHARD:
        raise no_shard(mailbox, shard, shards)


def _mail(mailbox: str, row: Sequence[Any]) -> Mail:
    seq, written_at, message_id, key, trace, attributes, payload = row
    noted = Message.FromString(attributes).attributes if attributes else {}
    return Mail(mailbox, message_id, key.decode() if key else "", payload, noted, trace or "", seq, written_at)
