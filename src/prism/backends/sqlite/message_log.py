"""The logs of PubSub on SQLite: rows numbered in the order of their commits, each append a part of a group commit."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from prism.backends.sqlite.changes import Changes
from prism.backends.sqlite.store import Store
from prism.backends.sqlite.transaction import Transaction
from prism.context import Context
from prism.interfaces.pubsub import PublishRequest
from prism.sdk.pubsub import Bounds, Logged, MessageLog, Page, PubSubOptions
from prism.sdk.pubsub.log import NO_TOPIC

_OLDEST = 32
"""Messages that one step of making room looks at."""


class SqliteLog(MessageLog):
    """`prism.sdk.pubsub.MessageLog` in one file. A place is the number of the message before it.

    Args:
        store: the file.
        changes: its watch.
        options: of the backend's configuration.
    """

    def __init__(self, store: Store, changes: Changes, options: PubSubOptions) -> None:
        self.wakeups = changes.wakeups()
        self._store = store
        self._retention = int(options.retention * 1e6)
        self._max_bytes = options.max_bytes

    async def append(self, context: Context, request: PublishRequest, message_id: str) -> None:
        namespace, attributes = context.namespace, json.dumps(dict(request.attributes))
        size = len(request.payload) + len(attributes) + len(request.topic) + 200

        def apply(transaction: Transaction) -> None:
            run = transaction.connection.execute
            run(
                "INSERT INTO pubsub_message (namespace, published_at, size, topic, message_id, attributes, payload) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (namespace, transaction.now, size, request.topic, message_id, attributes, request.payload),
            )
            (used,) = run(
                "INSERT INTO pubsub_log (namespace, floor, bytes) VALUES (?1, 0, ?2) "
                "ON CONFLICT (namespace) DO UPDATE SET bytes = bytes + ?2 RETURNING bytes",
                (namespace, size),
            ).fetchone()
            if self._max_bytes and used > self._max_bytes:
                _make_room(transaction.connection, namespace, used - self._max_bytes)

        await self._store.write(context, apply, size=size)
        self.wakeups.notify((namespace, NO_TOPIC))

    async def bounds(self, context: Context) -> Bounds:
        return await self._store.read(context, lambda connection, _now: _bounds(connection, context.namespace))

    async def before(self, context: Context, time: int) -> bytes:
        def look(connection: sqlite3.Connection, _now: int) -> bytes:
            found = connection.execute(
                "SELECT seq FROM pubsub_message WHERE namespace = ? AND published_at >= ? ORDER BY seq LIMIT 1",
                (context.namespace, time),
            ).fetchone()
            return _bounds(connection, context.namespace).end if found is None else _place(found[0] - 1)

        return await self._store.query(context, look)

    async def read(self, context: Context, after: bytes, limit: int, max_bytes: int) -> Page:
        def look(connection: sqlite3.Connection, _now: int) -> Page:
            bounds = _bounds(connection, context.namespace)
            rows = connection.execute(
                "SELECT seq, topic, payload, attributes, message_id, published_at, size FROM pubsub_message "
                "WHERE namespace = ? AND seq > ? ORDER BY seq LIMIT ?",
                (context.namespace, int.from_bytes(after, "big"), limit),
            )
            found: list[Logged] = []
            size, whole = 0, True
            for row in rows:
                size += row[-1]
                if found and size > max_bytes:
                    whole = False
                    break
                found.append(_logged(row))
            whole = whole and len(found) < limit
            return Page(bounds, found, bounds.end if whole else found[-1].place)

        return await self._store.read(context, look)

    def any_outlived(self, connection: sqlite3.Connection, now: int) -> bool:
        """Whether `sweep` would remove any."""
        return any(_outlived(connection, namespace, now - self._retention, 1) for namespace in _namespaces(connection))

    def sweep(self, transaction: Transaction, limit: int) -> bool:
        """Removes what has been kept for its time, so many of each namespace; whether more is left."""
        more = False
        for namespace in _namespaces(transaction.connection):
            outlived = _outlived(transaction.connection, namespace, transaction.now - self._retention, limit)
            _remove(transaction.connection, namespace, outlived)
            more |= len(outlived) >= limit
        return more


def _namespaces(connection: sqlite3.Connection) -> list[str]:
    return [namespace for (namespace,) in connection.execute("SELECT namespace FROM pubsub_log")]


def _bounds(connection: sqlite3.Connection, namespace: str) -> Bounds:
    identity, floor, end = connection.execute(
        "SELECT identity, coalesce((SELECT floor FROM pubsub_log WHERE namespace = ?), 0), "
        "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'pubsub_message'), 0) FROM pubsub_identity",
        (namespace,),
    ).fetchone()
    return Bounds(identity, _place(floor), _place(end))


def _outlived(connection: sqlite3.Connection, namespace: str, until: int, limit: int) -> Sequence[tuple[int, int]]:
    """Numbers and sizes of the oldest messages, up to the first that is newer."""
    oldest = connection.execute(
        "SELECT seq, size, published_at FROM pubsub_message WHERE namespace = ? ORDER BY seq LIMIT ?",
        (namespace, limit),
    )
    found = []
    for seq, size, published_at in oldest:
        if published_at > until:
            break
        found.append((seq, size))
    return found


def _make_room(connection: sqlite3.Connection, namespace: str, over: int) -> None:
    while over > 0:
        oldest = connection.execute(
            "SELECT seq, size FROM pubsub_message WHERE namespace = ? ORDER BY seq LIMIT ?", (namespace, _OLDEST)
        ).fetchall()
        gone = []
        for each in oldest:
            if over <= 0:
                break
            gone.append(each)
            over -= each[1]
        if not gone:
            return
        _remove(connection, namespace, gone)


def _remove(connection: sqlite3.Connection, namespace: str, oldest: Sequence[tuple[int, int]]) -> None:
    if oldest:
        last = oldest[-1][0]
        connection.execute("DELETE FROM pubsub_message WHERE namespace = ? AND seq <= ?", (namespace, last))
        connection.execute(
            "UPDATE pubsub_log SET floor = ?, bytes = bytes - ? WHERE namespace = ?",
            (last, sum(size for _, size in oldest), namespace),
        )


def _place(number: int) -> bytes:
    return int(number).to_bytes(8, "big")


def _logged(row: Sequence[Any]) -> Logged:
    seq, topic, payload, attributes, message_id, published_at, _ = row
    return Logged(_place(seq), topic, payload, json.loads(attributes), message_id, published_at)
