"""Mailboxes in one SQLite file: every method is a part of a transaction that has begun.

A mailbox has one shard. Sequences go on from the newest message, so that one is kept though all readers have passed it.
"""
# ruff: noqa: S608  # made of constants

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prism.sdk.transact import DeadMail, Lease, Mail, MailboxConfig, MailboxInfo, MailPage, ReaderInfo
from prism.sdk.transact.store import expired, full, lease_lost, no_mailbox, no_shard

TABLES = (
    """CREATE TABLE IF NOT EXISTS prism_mailbox (
        number INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, retention INTEGER NOT NULL,
        max_backlog INTEGER NOT NULL, floor INTEGER NOT NULL, UNIQUE (namespace, name)
    )""",
    """CREATE TABLE IF NOT EXISTS prism_mailbox_message (
        mailbox INTEGER NOT NULL, seq INTEGER NOT NULL, written_at INTEGER NOT NULL, message_id TEXT NOT NULL,
        ordering_key TEXT NOT NULL, traceparent TEXT NOT NULL, attributes TEXT NOT NULL, payload BLOB NOT NULL,
        UNIQUE (mailbox, seq)
    )""",
    """CREATE TABLE IF NOT EXISTS prism_mailbox_reader (
        mailbox INTEGER NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL, holder TEXT NOT NULL,
        until INTEGER NOT NULL, epoch INTEGER NOT NULL, PRIMARY KEY (mailbox, name)
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS prism_mailbox_dead (
        number INTEGER PRIMARY KEY AUTOINCREMENT, mailbox INTEGER NOT NULL, reader TEXT NOT NULL,
        reason TEXT NOT NULL, dead_at INTEGER NOT NULL, redriven INTEGER NOT NULL, seq INTEGER NOT NULL,
        written_at INTEGER NOT NULL, message_id TEXT NOT NULL, ordering_key TEXT NOT NULL, traceparent TEXT NOT NULL,
        attributes TEXT NOT NULL, payload BLOB NOT NULL, UNIQUE (mailbox, reader, number)
    )""",
    """CREATE TABLE IF NOT EXISTS prism_transact_idempotency (
        namespace TEXT NOT NULL, key TEXT NOT NULL, until INTEGER NOT NULL, fingerprint BLOB NOT NULL,
        answer BLOB NOT NULL, PRIMARY KEY (namespace, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS prism_transact_idempotency_until ON prism_transact_idempotency (until)",
)

_MAIL = "seq, written_at, message_id, ordering_key, traceparent, attributes, payload"


@dataclass(frozen=True, slots=True)
class Box:
    """A mailbox.

    Attributes:
        number: its own.
        name: as callers give it.
        config: how it is kept.
        floor: up to here nothing is kept.
    """

    number: int
    name: str
    config: MailboxConfig
    floor: int


class Mailboxes:
    """The mailboxes of a namespace, in one transaction.

    Args:
        connection: that has begun it.
        namespace: whose.
        now: the instant of the transaction.
    """

    def __init__(self, connection: sqlite3.Connection, namespace: str, now: int) -> None:
        self._run = connection.execute
        self._namespace = namespace
        self._now = now

    def box(self, name: str) -> Box:
        """A mailbox; raises MailboxNotFound."""
        row = self._run(
            "SELECT number, retention, max_backlog, floor FROM prism_mailbox WHERE namespace = ? AND name = ?",
            (self._namespace, name),
        ).fetchone()
        if row is None:
            raise no_mailbox(name)
        number, retention, max_backlog, floor = row
        return Box(number, name, MailboxConfig(1, retention, max_backlog), self._floor(number, floor, retention))

    def _floor(self, number: int, swept: int, retention: int) -> int:
        """Up to where nothing is kept: what all have passed, or has had its time, is gone before it is swept."""
        (passed,) = self._run("SELECT min(position) FROM prism_mailbox_reader WHERE mailbox = ?", (number,)).fetchone()
        floor = max(swept, passed or 0)
        kept = self._run(
            "SELECT seq FROM prism_mailbox_message WHERE mailbox = ? AND seq > ? AND written_at > ? "
            "ORDER BY seq LIMIT 1",
            (number, floor, self._now - retention),
        ).fetchone()
        return max(floor, self._last(number)) if kept is None else kept[0] - 1

    def make(self, name: str, config: MailboxConfig) -> bool:
        """Makes a mailbox where there is none; whether it did."""
        made = self._run(
            "INSERT INTO prism_mailbox (namespace, name, retention, max_backlog, floor) VALUES (?, ?, ?, ?, 0) "
            "ON CONFLICT DO NOTHING",
            (self._namespace, name, config.retention, config.max_backlog),
        )
        return made.rowcount == 1

    def ensure(self, name: str, *, create: bool) -> Box:
        """A mailbox, made where it may be."""
        if create:
            self.make(name, MailboxConfig())
        return self.box(name)

    def names(self, prefix: str, after: str, limit: int) -> list[str]:
        """Names in byte order."""
        found = self._run(
            "SELECT name FROM prism_mailbox WHERE namespace = ? AND name > ? AND substr(name, 1, length(?3)) = ?3 "
            "ORDER BY name LIMIT ?",
            (self._namespace, after, prefix, limit),
        )
        return [name for (name,) in found]

    def append(self, box: Box, mails: Sequence[Mail]) -> list[int]:
        """Adds messages; their sequences. Raises StoreFull."""
        last = self._last(box.number)
        waiting = last - box.floor
        if 0 < box.config.max_backlog < waiting + len(mails):
            raise full(box.name, waiting)
        rows = [
            (
                box.number, last + n, self._now, each.message_id, each.ordering_key, each.traceparent,
                json.dumps(dict(each.attributes)), each.payload,
            )
            for n, each in enumerate(mails, 1)
        ]  # fmt: skip
        for row in rows:
            self._run(
                f"INSERT INTO prism_mailbox_message (mailbox, {_MAIL}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        return [row[1] for row in rows]

    def _last(self, number: int) -> int:
        (last,) = self._run("SELECT max(seq) FROM prism_mailbox_message WHERE mailbox = ?", (number,)).fetchone()
        return int(last or 0)

    def read(self, name: str, shard: int, reader: str, after: int | None, limit: int, max_bytes: int) -> MailPage:
        """Messages behind a place; see `TransactStore.read`."""
        box = self.box(name)
        _check_shard(box, shard)
        place = self._position(box, reader) if reader else after
        if place is not None and place < box.floor and (reader or place):
            raise expired(name, reader, box.floor)
        place = max(place or 0, box.floor)
        rows = self._run(
            f"SELECT {_MAIL} FROM prism_mailbox_message WHERE mailbox = ? AND seq > ? ORDER BY seq LIMIT ?",
            (box.number, place, limit),
        )
        return MailPage(place, box.floor, list(_fitting(name, rows, max_bytes)))

    def _position(self, box: Box, reader: str) -> int | None:
        row = self._run(
            "SELECT position FROM prism_mailbox_reader WHERE mailbox = ? AND name = ?", (box.number, reader)
        ).fetchone()
        return None if row is None else int(row[0])

    def ack(
        self, name: str, reader: str, shard: int, up_to: int, dead: Mapping[int, str], redriven: Sequence[str],
        epoch: int, *, create: bool,
    ) -> int:  # fmt: skip
        """Moves a reader; see `TransactStore.ack`."""
        box = self.ensure(name, create=create)
        _check_shard(box, shard)
        position = self._position(box, reader)
        if epoch and (self._lease_of(box, reader) or ("", 0, 0))[2] != epoch:
            raise lease_lost(reader)
        new = max(position or 0, box.floor if position is None else 0, min(up_to, self._last(box.number)))
        self._run(
            "INSERT INTO prism_mailbox_reader (mailbox, name, position, holder, until, epoch) "
            "VALUES (?, ?, ?, '', 0, 0) ON CONFLICT DO UPDATE SET position = excluded.position",
            (box.number, reader, new),
        )
        for seq in sorted(dead):
            if seq <= (position or 0):
                self._run(
                    "UPDATE prism_mailbox_dead SET reason = ?, dead_at = ?, redriven = 0 "
                    "WHERE mailbox = ? AND reader = ? AND seq = ? AND redriven = 1",
                    (dead[seq], self._now, box.number, reader, seq),
                )
            elif seq <= new:
                self._run(
                    f"INSERT INTO prism_mailbox_dead (mailbox, reader, reason, dead_at, redriven, {_MAIL}) "
                    f"SELECT mailbox, ?, ?, ?, 0, {_MAIL} FROM prism_mailbox_message WHERE mailbox = ? AND seq = ?",
                    (reader, dead[seq], self._now, box.number, seq),
                )
        if redriven:
            self._of_dead("DELETE FROM prism_mailbox_dead", box, reader, redriven)
        return new

    def _lease_of(self, box: Box, reader: str) -> tuple[str, int, int] | None:
        row = self._run(
            "SELECT holder, until, epoch FROM prism_mailbox_reader WHERE mailbox = ? AND name = ?",
            (box.number, reader),
        ).fetchone()
        return None if row is None else (row[0], row[1], row[2])

    def lease(self, name: str, reader: str, holder: str, duration: int, *, create: bool) -> Lease:
        """Gives the reader to a holder; see `TransactStore.lease`."""
        box = self.ensure(name, create=create)
        found = self._lease_of(box, reader)
        has, until, epoch = found or ("", 0, 0)
        if found is None:
            self._run(
                "INSERT INTO prism_mailbox_reader (mailbox, name, position, holder, until, epoch) "
                "VALUES (?, ?, ?, '', 0, 0)",
                (box.number, reader, box.floor),
            )
        if has == holder or until <= self._now:
            if has != holder or until <= self._now:
                epoch += 1
            has, until = (holder, self._now + duration) if duration else ("", 0)
            self._run(
                "UPDATE prism_mailbox_reader SET holder = ?, until = ?, epoch = ? WHERE mailbox = ? AND name = ?",
                (has, until, epoch, box.number, reader),
            )
        (redriven,) = self._run(
            "SELECT count(*) FROM prism_mailbox_dead WHERE mailbox = ? AND reader = ? AND redriven = 1",
            (box.number, reader),
        ).fetchone()
        return Lease(has, epoch, until - self._now, redriven, 1)

    def info(self, name: str) -> MailboxInfo:
        """All of a mailbox."""
        box = self.box(name)
        rows = self._run(
            "SELECT name, position, holder, until, epoch, (SELECT count(*) FROM prism_mailbox_dead AS dead "
            "WHERE dead.mailbox = reader.mailbox AND dead.reader = reader.name) "
            "FROM prism_mailbox_reader AS reader WHERE mailbox = ? ORDER BY name",
            (box.number,),
        )
        last = max(self._last(box.number), box.floor)
        readers = [
            ReaderInfo(
                reader, [(position, last - max(position, box.floor))], dead, holder if until > self._now else "", until,
                epoch,
            )
            for reader, position, holder, until, epoch, dead in rows
        ]  # fmt: skip
        return MailboxInfo(box.config, [(box.floor, last)], last - box.floor, readers)

    def delete_reader(self, name: str, reader: str) -> bool:
        """Removes a reader with its dead."""
        box = self.box(name)
        self._run("DELETE FROM prism_mailbox_dead WHERE mailbox = ? AND reader = ?", (box.number, reader))
        gone = self._run("DELETE FROM prism_mailbox_reader WHERE mailbox = ? AND name = ?", (box.number, reader))
        return gone.rowcount == 1

    def dead(self, name: str, reader: str, after: int, limit: int, *, redriven: bool) -> list[DeadMail]:
        """What a reader has set aside."""
        box = self.box(name)
        rows = self._run(
            f"SELECT number, reason, dead_at, redriven, {_MAIL} FROM prism_mailbox_dead "
            "WHERE mailbox = ? AND reader = ? AND number > ? AND redriven >= ? ORDER BY number LIMIT ?",
            (box.number, reader, after, redriven, limit),
        )
        return [DeadMail(row[0], _mail(name, row[4:]), 0, row[1], row[2], bool(row[3])) for row in rows]

    def redrive(self, name: str, reader: str, message_ids: Sequence[str]) -> int:
        """Marks dead messages to be tried again."""
        return self._of_dead("UPDATE prism_mailbox_dead SET redriven = 1", self.box(name), reader, message_ids)

    def discard(self, name: str, reader: str, message_ids: Sequence[str]) -> int:
        """Removes dead messages."""
        return self._of_dead("DELETE FROM prism_mailbox_dead", self.box(name), reader, message_ids)

    def _of_dead(self, what: str, box: Box, reader: str, message_ids: Sequence[str]) -> int:
        done = self._run(
            f"{what} WHERE mailbox = ? AND reader = ? AND (?3 OR message_id IN (SELECT value FROM json_each(?4)))",
            (box.number, reader, not message_ids, json.dumps(list(message_ids))),
        )
        return done.rowcount

    def recall(self, key: str) -> tuple[bytes, bytes] | None:
        """Fingerprint and answer of what was written under a key."""
        row = self._run(
            "SELECT fingerprint, answer FROM prism_transact_idempotency WHERE namespace = ? AND key = ? AND until > ?",
            (self._namespace, key, self._now),
        ).fetchone()
        return None if row is None else (row[0], row[1])

    def remember(self, key: str, window: int, fingerprint: bytes, answer: bytes) -> None:
        """Keeps what is answered to a repetition."""
        self._run(
            "INSERT OR REPLACE INTO prism_transact_idempotency (namespace, key, until, fingerprint, answer) "
            "VALUES (?, ?, ?, ?, ?)",
            (self._namespace, key, self._now + window, fingerprint, answer),
        )


def any_mailbox(connection: sqlite3.Connection, namespace: str) -> bool:
    """Whether the namespace has one."""
    found = connection.execute("SELECT 1 FROM prism_mailbox WHERE namespace = ? LIMIT 1", (namespace,))
    return found.fetchone() is not None


def any_due(connection: sqlite3.Connection, now: int) -> bool:
    """Whether `sweep` would remove anything."""
    found = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM prism_transact_idempotency WHERE until <= ?1) OR EXISTS ("
        "SELECT 1 FROM prism_mailbox AS box JOIN prism_mailbox_message AS message ON message.mailbox = box.number "
        "AND message.seq = (SELECT min(seq) FROM prism_mailbox_message WHERE mailbox = box.number) "
        f"WHERE message.seq <= {_DONE} OR (message.written_at <= ?1 - box.retention AND message.seq > box.floor))",
        (now,),
    ).fetchone()
    return bool(found[0])


_NEWEST = "(SELECT max(seq) FROM prism_mailbox_message WHERE mailbox = box.number)"
_PASSED = "(SELECT min(position) FROM prism_mailbox_reader WHERE mailbox = box.number)"
_DONE = f"min(coalesce({_PASSED}, box.floor), {_NEWEST} - 1)"


def sweep(connection: sqlite3.Connection, now: int, limit: int) -> bool:
    """Removes what all readers have passed, what was kept for its time and keys; whether more is left."""
    run = connection.execute
    more = False
    boxes = run(f"SELECT number, retention, floor, {_DONE} FROM prism_mailbox AS box").fetchall()
    for number, retention, floor, done in boxes:
        if done is None:  # nothing was ever written
            continue
        oldest = run(
            "SELECT seq FROM prism_mailbox_message WHERE mailbox = ?1 AND (seq <= ?2 OR written_at <= ?3) "
            "AND seq >= ?4 ORDER BY seq LIMIT ?5",
            (number, done, now - retention, floor, limit),
        ).fetchall()
        if not oldest:
            continue
        (last,) = oldest[-1]
        run("UPDATE prism_mailbox SET floor = max(floor, ?) WHERE number = ?", (last, number))
        gone = run(
            "DELETE FROM prism_mailbox_message WHERE mailbox = ?1 AND seq <= ?2 "
            "AND seq < (SELECT max(seq) FROM prism_mailbox_message WHERE mailbox = ?1)",
            (number, last),
        )
        more |= gone.rowcount >= limit
    gone = run(
        "DELETE FROM prism_transact_idempotency WHERE (namespace, key) IN "
        "(SELECT namespace, key FROM prism_transact_idempotency WHERE until <= ? LIMIT ?)",
        (now, limit),
    )
    return more or gone.rowcount >= limit


def _check_shard(box: Box, shard: int) -> None:
    if shard:
        raise no_shard(box.name, shard, 1)


def _fitting(name: str, rows: Iterator[Any], max_bytes: int) -> Iterator[Mail]:
    size = 0
    for row in rows:
        size += len(row[-1]) + len(row[-2])
        if size > max_bytes and size > len(row[-1]) + len(row[-2]):
            return
        yield _mail(name, row)


def _mail(name: str, row: Sequence[Any]) -> Mail:
    seq, written_at, message_id, ordering_key, traceparent, attributes, payload = row
    return Mail(name, message_id, ordering_key, payload, json.loads(attributes), traceparent, seq, written_at)
