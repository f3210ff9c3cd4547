"""Defects of the rules of Transact on SQLite, each breaking one of them."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import ClassVar

from prism.backends.sqlite.transact.mailboxes import Box, Mailboxes
from prism.backends.sqlite.transact.store import SqliteTransact
from prism.interfaces.transact import Data, Result
from prism.sdk.transact import Lease, Mail, MailPage


class WithMailboxes(SqliteTransact):
    """A Transact whose mailboxes are others.

    Attributes:
        KIND: which.
    """

    KIND: ClassVar[type[Mailboxes]]

    def _mailboxes(self, connection: sqlite3.Connection, namespace: str, now: int) -> Mailboxes:
        return self.KIND(connection, namespace, now)


class WritesWhatItCan(SqliteTransact):
    """A change that the store refuses is left out, and the others are made."""

    def _change(self, connection: sqlite3.Connection, data: Data, path: str) -> Result:
        try:
            return super()._change(connection, data, path)
        except sqlite3.IntegrityError:
            return Result()


class IgnoresExpectations(SqliteTransact):
    """Any number of rows will do."""

    def _change(self, connection: sqlite3.Connection, data: Data, path: str) -> Result:
        data.ClearField("expect_rows")
        return super()._change(connection, data, path)


class _Forgetful(Mailboxes):
    def recall(self, key: str) -> tuple[bytes, bytes] | None:
        del key
        return None


class ForgetsWrittenKeys(WithMailboxes):
    """A repetition is written once more."""

    KIND = _Forgetful


class _Skipping(Mailboxes):
    def read(self, name: str, shard: int, reader: str, after: int | None, limit: int, max_bytes: int) -> MailPage:
        page = super().read(name, shard, reader, after, limit, max_bytes)
        return MailPage(page.after, page.floor, page.mails[1:] if after and len(page.mails) > 1 else page.mails)


class SkipsOneOnResuming(WithMailboxes):
    """Who goes on misses a message where there are several."""

    KIND = _Skipping


class _Returning(Mailboxes):
    def ack(
        self, name: str, reader: str, shard: int, up_to: int, dead: Mapping[int, str], redriven: Sequence[str],
        epoch: int, *, create: bool,
    ) -> int:  # fmt: skip
        super().ack(name, reader, shard, up_to, dead, redriven, epoch, create=create)
        self._run("UPDATE prism_mailbox_reader SET position = ? WHERE name = ?", (up_to, reader))
        return up_to


class MovesReadersBack(WithMailboxes):
    """A late acknowledgement takes a reader back."""

    KIND = _Returning


class _Hasty(Mailboxes):
    def _floor(self, number: int, swept: int, retention: int) -> int:
        (passed,) = self._run("SELECT max(position) FROM prism_mailbox_reader WHERE mailbox = ?", (number,)).fetchone()
        return max(super()._floor(number, swept, retention), passed or 0)


class DropsWhatOneHasPassed(WithMailboxes):
    """A message goes when the first reader has passed it."""

    KIND = _Hasty


class _Generous(Mailboxes):
    def lease(self, name: str, reader: str, holder: str, duration: int, *, create: bool) -> Lease:
        lease = super().lease(name, reader, holder, duration, create=create)
        return Lease(holder, lease.epoch, duration, lease.redriven, lease.shards)


class LeasesToAnyone(WithMailboxes):
    """Two holders have one reader."""

    KIND = _Generous


class _Trusting(Mailboxes):
    def ack(
        self, name: str, reader: str, shard: int, up_to: int, dead: Mapping[int, str], redriven: Sequence[str],
        epoch: int, *, create: bool,
    ) -> int:  # fmt: skip
        del epoch
        return super().ack(name, reader, shard, up_to, dead, redriven, 0, create=create)


class IgnoresEpochs(WithMailboxes):
    """Whose lease has ended moves the reader still."""

    KIND = _Trusting


class _Endless(Mailboxes):
    def append(self, box: Box, mails: Sequence[Mail]) -> list[int]:
        unlimited = type(box.config)(1, box.config.retention, 0)
        return super().append(Box(box.number, box.name, unlimited, box.floor), mails)


class ExceedsTheBacklog(WithMailboxes):
    """A mailbox takes any number of messages."""

    KIND = _Endless
