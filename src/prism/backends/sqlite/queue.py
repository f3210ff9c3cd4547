"""Queue on SQLite: rows as they lie in tables, each transaction a part of a group commit."""

# ruff: noqa: S608  # made of constants; values are bound

import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from prism.backends.sqlite.changes import Changes
from prism.backends.sqlite.store import Store
from prism.backends.sqlite.transaction import Transaction, savepoint
from prism.context import Context
from prism.sdk.queue import Transactions
from prism.sdk.queue.rows import (
    DeadLetter,
    Entry,
    Group,
    GroupConfig,
    Message,
    Remembered,
    Rows,
    State,
    Tally,
    Topic,
    TopicConfig,
)

T = TypeVar("T")
_TOPIC = "number, namespace, name, config"
_GROUP = "number, topic, name, config, epoch, offered, acknowledged, expired, dead_removed, used_at"
_MESSAGE = (
    "seq, topic, message_id, ordering_key, published_at, due_at, ttl, expires_at, traceparent, size, gone, attributes, "
    "payload"
)
_ENTRY = (
    "grp, seq, state, blocked, at, expires_at, key, failed, token, lease_from, lease_until, consumer, session, reason"
)
_OPEN = "state IN (1, 3)"


class SqliteRows(Rows):
    """`prism.sdk.queue.rows.Rows` by a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute

    def topic(self, namespace: str, name: str) -> Topic | None:
        found = self._run(f"SELECT {_TOPIC} FROM queue_topic WHERE namespace = ? AND name = ?", (namespace, name))
        row = found.fetchone()
        return None if row is None else _topic(row)

    def topics(self, namespace: str, prefix: str, after: str, limit: int) -> Sequence[str]:
        found = self._run(
            "SELECT name FROM queue_topic WHERE namespace = ? AND name > ? AND substr(name, 1, ?) = ? "
            "ORDER BY name LIMIT ?",
            (namespace, after, len(prefix), prefix, limit),
        )
        return [name for (name,) in found]

    def every_topic(self) -> Sequence[Topic]:
        return [_topic(row) for row in self._run(f"SELECT {_TOPIC} FROM queue_topic")]

    def put_topic(self, topic: Topic) -> None:
        values = (topic.namespace, topic.name, _packed(topic.config))
        if topic.number:
            self._run("UPDATE queue_topic SET config = ? WHERE number = ?", (values[2], topic.number))
        else:
            made = self._run("INSERT INTO queue_topic (namespace, name, config) VALUES (?, ?, ?)", values)
            topic.number = made.lastrowid or 0

    def remove_topic(self, topic: Topic) -> None:
        for group in self.groups(topic.number):
            self.remove_group(group)
        self._run("DELETE FROM queue_message WHERE topic = ?", (topic.number,))
        self._run("DELETE FROM queue_topic WHERE number = ?", (topic.number,))

    def group(self, topic: int, name: str) -> Group | None:
        row = self._run(f"SELECT {_GROUP} FROM queue_group WHERE topic = ? AND name = ?", (topic, name)).fetchone()
        return None if row is None else _group(row)

    def groups(self, topic: int) -> Sequence[Group]:
        return [_group(row) for row in self._run(f"SELECT {_GROUP} FROM queue_group WHERE topic = ? ORDER BY name",
                                                 (topic,))]  # fmt: skip

    def put_group(self, group: Group) -> None:
        counted = (group.epoch, group.offered, group.acknowledged, group.expired, group.dead_removed, group.used_at)
        config = _packed(group.config)
        if group.number:
            self._run(
                "UPDATE queue_group SET config = ?, epoch = ?, offered = ?, acknowledged = ?, expired = ?, "
                "dead_removed = ?, used_at = ? WHERE number = ?",
                (config, *counted, group.number),
            )
        else:
            made = self._run(
                "INSERT INTO queue_group (topic, name, config, epoch, offered, acknowledged, expired, dead_removed, "
                "used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (group.topic, group.name, config, *counted),
            )
            group.number = made.lastrowid or 0

    def remove_group(self, group: Group) -> None:
        self._run("DELETE FROM queue_entry WHERE grp = ?", (group.number,))
        self._run("DELETE FROM queue_group WHERE number = ?", (group.number,))

    def add_message(self, message: Message) -> None:
        made = self._run(
            "INSERT INTO queue_message (topic, message_id, ordering_key, published_at, due_at, ttl, expires_at, "
            "traceparent, size, gone, attributes, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            _message_values(message),
        )
        message.seq = made.lastrowid or 0

    def put_message(self, message: Message) -> None:
        self._run(
            "UPDATE queue_message SET topic = ?, message_id = ?, ordering_key = ?, published_at = ?, due_at = ?, "
            "ttl = ?, expires_at = ?, traceparent = ?, size = ?, gone = ?, attributes = ?, payload = ? WHERE seq = ?",
            (*_message_values(message), message.seq),
        )

    def message(self, seq: int) -> Message | None:
        found = self._messages("seq = ?", (seq,))
        return found[0] if found else None

    def messages(self, topic: int, after: int, limit: int) -> Sequence[Message]:
        return self._messages("topic = ? AND seq > ? ORDER BY seq LIMIT ?", (topic, after, limit))

    def find(self, topic: int, message_id: str) -> Sequence[Message]:
        return self._messages("topic = ? AND message_id = ?", (topic, message_id))

    def outlived(self, topic: int, now: int, limit: int) -> Sequence[Message]:
        return self._messages("topic = ? AND expires_at <= ? ORDER BY expires_at LIMIT ?", (topic, now, limit))

    def _messages(self, where: str, values: Sequence[Any]) -> list[Message]:
        return [_message(row) for row in self._run(f"SELECT {_MESSAGE} FROM queue_message WHERE {where}", values)]

    def remove_message(self, seq: int) -> None:
        self._run("DELETE FROM queue_message WHERE seq = ?", (seq,))

    def usage(self, topic: int) -> tuple[int, int]:
        found = self._run("SELECT count(*), total(size) FROM queue_message WHERE topic = ? AND gone = 0", (topic,))
        count, size = found.fetchone()
        return count, int(size)

    def entry(self, group: int, seq: int) -> Entry | None:
        found = self._entries("grp = ? AND seq = ?", (group, seq))
        return found[0] if found else None

    def put_entry(self, entry: Entry) -> None:
        self._run(
            f"INSERT OR REPLACE INTO queue_entry ({_ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry.group, entry.seq, int(entry.state), entry.blocked, entry.at, entry.expires_at, entry.key,
                entry.failed, entry.token, entry.lease_from, entry.lease_until, entry.consumer, entry.session,
                entry.reason,
            ),
        )  # fmt: skip

    def remove_entry(self, group: int, seq: int) -> None:
        self._run("DELETE FROM queue_entry WHERE grp = ? AND seq = ?", (group, seq))

    def entries(self, seq: int) -> Sequence[Entry]:
        return self._entries("seq = ?", (seq,))

    def due(self, group: int, state: State, until: int, limit: int) -> Sequence[Entry]:
        where = "grp = ? AND state = ? AND blocked = 0 AND at <= ? ORDER BY at, seq LIMIT ?"
        return self._entries(where, (group, int(state), until, limit))

    def expiring(self, group: int, now: int, limit: int) -> Sequence[Entry]:
        return self._entries("grp = ? AND state = 1 AND expires_at <= ? LIMIT ?", (group, now, limit))

    def next_at(self, group: int) -> int | None:
        (at,) = self._run(
            "SELECT min(at) FROM ("
            "SELECT min(at) AS at FROM queue_entry WHERE grp = ?1 AND state = 1 AND blocked = 0 UNION ALL "
            "SELECT min(at) FROM queue_entry WHERE grp = ?1 AND state = 3 AND blocked = 0 UNION ALL "
            "SELECT min(expires_at) FROM queue_entry WHERE grp = ?1 AND state = 1)",
            (group,),
        ).fetchone()
        return None if at is None else int(at)

    def head(self, group: int, key: str) -> Entry | None:
        found = self._entries(f"grp = ? AND key = ? AND key <> '' AND {_OPEN} ORDER BY seq LIMIT 1", (group, key))
        return found[0] if found else None

    def held(self, group: int, session: str) -> Sequence[Entry]:
        return self._entries("grp = ? AND state = 3 AND session = ?", (group, session))

    def parked(self, group: int, consumer: str) -> Sequence[Entry]:
        return self._entries("grp = ? AND state = 3 AND consumer = ? AND session = ''", (group, consumer))

    def listed(self, group: int, state: State, after: int, limit: int) -> Sequence[Entry]:
        where = "grp = ? AND state = ? AND seq > ? ORDER BY seq LIMIT ?"
        return self._entries(where, (group, int(state), after, limit))

    def _entries(self, where: str, values: Sequence[Any]) -> list[Entry]:
        return [_entry(row) for row in self._run(f"SELECT {_ENTRY} FROM queue_entry WHERE {where}", values)]

    def tally(self, group: int, now: int) -> Tally:
        due, first, delayed, dead = self._run(
            "SELECT count(*) FILTER (WHERE state = 1 AND at <= ?2), min(at) FILTER (WHERE state = 1), "
            "count(*) FILTER (WHERE state = 1 AND at > ?2), count(*) FILTER (WHERE state = 5) "
            "FROM queue_entry WHERE grp = ?1 AND state IN (1, 5)",
            (group, now),
        ).fetchone()
        counted = "SELECT consumer, count(*) FROM queue_entry WHERE grp = ? AND state = 3 GROUP BY consumer"
        consumers = {str(consumer): int(count) for consumer, count in self._run(counted, (group,))}
        return Tally(due, delayed, sum(consumers.values()), dead, max(now - (first or now), 0), consumers)

    def in_flight(self, group: int) -> int:
        (count,) = self._run("SELECT count(*) FROM queue_entry WHERE grp = ? AND state = 3", (group,)).fetchone()
        return int(count)

    def recall(self, namespace: str, key: str, now: int) -> Remembered | None:
        row = self._run(
            "SELECT fingerprint, message_ids FROM queue_idempotency WHERE namespace = ? AND key = ? AND until > ?",
            (namespace, key, now),
        ).fetchone()
        return None if row is None else Remembered(row[0], json.loads(row[1]))

    def remember(self, namespace: str, key: str, until: int, remembered: Remembered) -> None:
        self._run(
            "INSERT OR REPLACE INTO queue_idempotency (namespace, key, until, fingerprint, message_ids) "
            "VALUES (?, ?, ?, ?, ?)",
            (namespace, key, until, remembered.fingerprint, json.dumps(list(remembered.message_ids))),
        )

    def forgettable(self, now: int) -> bool:
        return self._run("SELECT 1 FROM queue_idempotency WHERE until <= ? LIMIT 1", (now,)).fetchone() is not None

    def forget(self, now: int, limit: int) -> int:
        return self._run(
            "DELETE FROM queue_idempotency WHERE (namespace, key) IN "
            "(SELECT namespace, key FROM queue_idempotency WHERE until <= ? LIMIT ?)",
            (now, limit),
        ).rowcount


def any_topic(connection: sqlite3.Connection, namespace: str | None = None) -> bool:
    """Whether there is a topic, in a namespace or in any."""
    found = connection.execute("SELECT 1 FROM queue_topic WHERE ?1 IS NULL OR namespace = ?1 LIMIT 1", (namespace,))
    return found.fetchone() is not None


def _packed(config: TopicConfig | GroupConfig) -> str:
    return json.dumps(asdict(config))


def _topic(row: Sequence[Any]) -> Topic:
    number, namespace, name, config = row
    return Topic(namespace, name, TopicConfig(**json.loads(config)), number)


def _group(row: Sequence[Any]) -> Group:
    number, topic, name, config, *counted = row
    known = json.loads(config)
    known["dead_letter"] = DeadLetter(known["dead_letter"])
    return Group(topic, name, GroupConfig(**known), number, *counted)


def _message_values(message: Message) -> Sequence[Any]:
    return (
        message.topic, message.message_id, message.ordering_key, message.published_at, message.due_at, message.ttl,
        message.expires_at, message.traceparent, message.size, message.gone, json.dumps(dict(message.attributes)),
        message.payload,
    )  # fmt: skip


def _message(row: Sequence[Any]) -> Message:
    seq, topic, message_id, key, published, due, ttl, expires, traceparent, size, gone, attributes, payload = row
    return Message(
        topic, message_id, payload, json.loads(attributes), key, published, due, ttl, expires, traceparent, size,
        bool(gone), seq,
    )  # fmt: skip


def _entry(row: Sequence[Any]) -> Entry:
    group, seq, state, blocked, at, expires_at, *rest = row
    key, failed, token, lease_from, lease_until, consumer, session, reason = rest
    return Entry(
        group, seq, at, expires_at, State(state), key, bool(blocked), failed, token, lease_from, lease_until, consumer,
        session, reason,
    )  # fmt: skip


class SqliteQueues(Transactions):
    """The queues in one file; wakes those who wait, whichever process changed it.

    Args:
        store: the file.
        changes: its watch.
    """

    def __init__(self, store: Store, changes: Changes) -> None:
        self.wakeups = changes.wakeups()
        self._store = store

    def write(self, context: Context, work: Callable[[Rows, int], T], size: int = 0) -> Awaitable[T]:
        def apply(transaction: Transaction) -> T:
            with savepoint(transaction.connection):
                return work(SqliteRows(transaction.connection), transaction.now)

        return self._store.write(context, apply, size=size)

    def read(self, context: Context, work: Callable[[Rows, int], T]) -> Awaitable[T]:
        return self._store.read(context, lambda connection, now: work(SqliteRows(connection), now))

    async def secret(self) -> bytes:
        """What receipts are authenticated with: the file's own."""

        def look(connection: sqlite3.Connection, _now: int) -> bytes:
            (secret,) = connection.execute("SELECT secret FROM queue_secret").fetchone()
            return bytes(secret)

        return await self._store.read(Context(""), look)
