"""Transact in one SQLite file: rows and messages of a write are a part of a group commit, alone in a savepoint."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from prism.backends.sqlite.changes import Changes
from prism.backends.sqlite.tables.values import decode
from prism.backends.sqlite.transact.collections import Collections, SqliteBinder
from prism.backends.sqlite.transact.mailboxes import Mailboxes, any_due, sweep
from prism.backends.sqlite.transact.tables_file import TablesFile, holds_mailbox
from prism.backends.sqlite.transaction import Transaction, savepoint
from prism.context import Context
from prism.errors import AlreadyExists, ConstraintViolated, Outcome
from prism.interfaces.transact import Data, Mailed, Result, WriteResponse
from prism.sdk.transact import DeadMail, Lease, MailboxConfig, MailboxInfo, MailPage, TransactStore, Work, change_of
from prism.sdk.transact.changes import condition_failed
from prism.sdk.transact.options import TransactOptions

T = TypeVar("T")

IDEMPOTENCY_WINDOW = 24 * 3_600_000_000


class SqliteTransact(TransactStore):
    """`prism.sdk.transact.TransactStore` in one file.

    Args:
        file: the file.
        options: of the backend's configuration.
    """

    def __init__(self, file: TablesFile, options: TransactOptions) -> None:
        self._file = file
        self._changes = Changes(file)
        self.wakeups = self._changes.wakeups()
        self._collections = Collections(options.collections)

    def _mailboxes(self, connection: sqlite3.Connection, namespace: str, now: int) -> Mailboxes:
        return Mailboxes(connection, namespace, now)

    async def write(self, context: Context, work: Work, *, create: bool) -> WriteResponse:
        namespace = context.namespace
        size = sum(len(each.payload) for each in work.mails) + sum(each.ByteSize() for each in work.data)

        def apply(transaction: Transaction) -> WriteResponse:
            connection = transaction.connection
            try:
                with savepoint(connection):
                    mailboxes = self._mailboxes(connection, namespace, transaction.now)
                    return self._write(connection, mailboxes, work, create=create)
            except sqlite3.IntegrityError as error:
                if not connection.in_transaction:
                    raise  # a trigger has ended all of it: nothing is applied, and the writes go one by one
                raise _violated(error) from error

        return await (await self._file.store()).write(context, apply, size=size)

    def _write(
        self, connection: sqlite3.Connection, mailboxes: Mailboxes, work: Work, *, create: bool
    ) -> WriteResponse:
        if work.key and (kept := mailboxes.recall(work.key)) is not None:
            if kept[0] != work.fingerprint:
                raise AlreadyExists("the idempotency_key was used for another request; use another key")
            answer = WriteResponse.FromString(kept[1])
            answer.duplicate = True
            return answer
        answer = WriteResponse()
        for index, data in enumerate(work.data):
            answer.results.append(self._change(connection, data, f"data[{index}]"))
        sequences: dict[str, list[int]] = {}
        for name in sorted({each.mailbox for each in work.mails}):
            box = mailboxes.ensure(name, create=create)
            sequences[name] = mailboxes.append(box, [each for each in work.mails if each.mailbox == name])
        for mail in work.mails:
            sequence = sequences[mail.mailbox].pop(0)
            answer.messages.append(Mailed(message_id=mail.message_id, sequence=sequence))
        if work.key:
            mailboxes.remember(work.key, IDEMPOTENCY_WINDOW, work.fingerprint, answer.SerializeToString())
        return answer

    def _change(self, connection: sqlite3.Connection, data: Data, path: str) -> Result:
        table = self._collections.find(connection, data.collection)
        change = change_of(data, table, SqliteBinder(), path)
        done = connection.execute(change.sql, change.parameters)
        result = Result()
        if change.returning:
            rows = done.fetchall()
            result.rows = len(rows)
            for column, stored in zip(change.returning, rows[0] if rows else (), strict=bool(rows)):
                result.generated[column.name].CopyFrom(decode(stored))
        else:
            result.rows = done.rowcount
        if data.HasField("expect_rows") and data.expect_rows != result.rows:
            raise condition_failed(path, result.rows, data.expect_rows)
        return result

    async def create_mailbox(self, context: Context, mailbox: str, config: MailboxConfig) -> tuple[MailboxConfig, bool]:
        def work(mailboxes: Mailboxes) -> tuple[MailboxConfig, bool]:
            made = mailboxes.make(mailbox, config)
            return mailboxes.box(mailbox).config, made

        return await self._in_turn(context, work)

    async def describe_mailbox(self, context: Context, mailbox: str) -> MailboxInfo:
        return await self._read(context, lambda mailboxes: mailboxes.info(mailbox))

    async def list_mailboxes(self, context: Context, prefix: str, after: str, limit: int) -> Sequence[str]:
        return await self._read(context, lambda mailboxes: mailboxes.names(prefix, after, limit))

    async def read(
        self, context: Context, mailbox: str, shard: int, reader: str, after: int | None, limit: int, max_bytes: int
    ) -> MailPage:
        return await self._read(
            context, lambda mailboxes: mailboxes.read(mailbox, shard, reader, after, limit, max_bytes)
        )

    async def ack(
        self, context: Context, mailbox: str, reader: str, shard: int, up_to: int, dead: Mapping[int, str],
        redriven: Sequence[str], epoch: int, *, create: bool,
    ) -> int:  # fmt: skip
        def work(mailboxes: Mailboxes) -> int:
            return mailboxes.ack(mailbox, reader, shard, up_to, dead, redriven, epoch, create=create)

        return await self._in_turn(context, work)

    async def lease(
        self, context: Context, mailbox: str, reader: str, holder: str, duration: int, *, create: bool
    ) -> Lease:
        return await self._in_turn(
            context, lambda mailboxes: mailboxes.lease(mailbox, reader, holder, duration, create=create)
        )

    async def delete_reader(self, context: Context, mailbox: str, reader: str) -> bool:
        return await self._in_turn(context, lambda mailboxes: mailboxes.delete_reader(mailbox, reader))

    async def list_dead(
        self, context: Context, mailbox: str, reader: str, after: int, limit: int, *, redriven: bool
    ) -> Sequence[DeadMail]:
        return await self._read(
            context, lambda mailboxes: mailboxes.dead(mailbox, reader, after, limit, redriven=redriven)
        )

    async def redrive(self, context: Context, mailbox: str, reader: str, message_ids: Sequence[str]) -> int:
        return await self._in_turn(context, lambda mailboxes: mailboxes.redrive(mailbox, reader, message_ids))

    async def discard(self, context: Context, mailbox: str, reader: str, message_ids: Sequence[str]) -> int:
        return await self._in_turn(context, lambda mailboxes: mailboxes.discard(mailbox, reader, message_ids))

    async def holds_data(self, context: Context) -> bool:
        """Whether the namespace has a mailbox."""
        if not self._file.path.exists():
            return False
        return await asyncio.to_thread(holds_mailbox, self._file.path, context.namespace)

    async def sweep(self, context: Context, limit: int) -> bool:
        """Removes what is kept no longer; whether more is left. A file that was not used yet waits."""
        store = self._file.opened
        if store is None or not await store.read(context, any_due):
            return False
        return await store.write(context, lambda transaction: sweep(transaction.connection, transaction.now, limit))

    async def stop(self) -> None:
        """Closes the file."""
        await self._changes.stop()
        await self._file.close()

    async def _in_turn(self, context: Context, work: Callable[[Mailboxes], T]) -> T:
        namespace = context.namespace

        def apply(transaction: Transaction) -> T:
            with savepoint(transaction.connection):
                return work(self._mailboxes(transaction.connection, namespace, transaction.now))

        return await (await self._file.store()).write(context, apply)

    async def _read(self, context: Context, work: Callable[[Mailboxes], T]) -> T:
        namespace = context.namespace
        return await (await self._file.store()).read(
            context, lambda connection, now: work(self._mailboxes(connection, namespace, now))
        )


def _violated(error: sqlite3.IntegrityError) -> ConstraintViolated:
    """SQLite names the constraint, and no value."""
    name = str(error).partition(": ")[2]
    return ConstraintViolated(
        f"the store refuses a row, and nothing was written: {error}; correct the row",
        metadata={"constraint": name} if name else {},
        outcome=Outcome.NOT_APPLIED,
    )
