"""The rows of KeyValue in SQL: what is read and written, one function each, within whatever transaction is open."""

# ruff: noqa: S608  # every text is made of constants of this file; what callers send is bound

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from prism.backends.sqlite.transaction import Transaction
from prism.interfaces.keyvalue import PutItem
from prism.sdk.keyvalue import IDEMPOTENCY_MICROSECONDS, expiry, pack_metadata
from prism.sdk.scan import Range, Selection

_LIVE: Final = "(expires_at IS NULL OR expires_at > ?)"
_ITEM: Final = "namespace = ? AND id = ? AND key = ?"
_GET: Final = f"SELECT key, value, metadata, version, expires_at FROM item WHERE {_ITEM} AND {_LIVE}"
_EXISTS: Final = f"SELECT 1 FROM item WHERE {_ITEM} AND {_LIVE}"
_PUT: Final = """
    INSERT INTO item (namespace, id, key, version, expires_at, metadata, value) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (namespace, id, key) DO UPDATE SET
        version = excluded.version, metadata = excluded.metadata, value = excluded.value, expires_at = """
_PUT_NEW_TTL: Final = _PUT + "excluded.expires_at"
_PUT_KEEP_TTL: Final = _PUT + "CASE WHEN item.expires_at > ? THEN item.expires_at END"
_DELETE: Final = f"DELETE FROM item WHERE {_ITEM}"
_COUNT_RECORD: Final = f"SELECT count(*) FROM item WHERE namespace = ? AND id = ? AND {_LIVE}"
_DELETE_RECORD: Final = "DELETE FROM item WHERE namespace = ? AND id = ?"
_SET_EXPIRY: Final = f"UPDATE item SET expires_at = ? WHERE {_ITEM} AND {_LIVE}"
_RECALL: Final = "SELECT fingerprint, answer FROM idempotency WHERE namespace = ? AND key = ? AND until > ?"
_REMEMBER: Final = (
    "INSERT OR REPLACE INTO idempotency (namespace, key, until, fingerprint, answer) VALUES (?, ?, ?, ?, ?)"
)
_ANY_DUE: Final = """
    SELECT 1 WHERE EXISTS (SELECT 1 FROM item WHERE expires_at <= ?)
        OR EXISTS (SELECT 1 FROM idempotency WHERE until <= ?)"""
_SWEEP: Final = """
    DELETE FROM item WHERE (namespace, id, key) IN
        (SELECT namespace, id, key FROM item WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)"""
_FORGET: Final = """
    DELETE FROM idempotency WHERE (namespace, key) IN
        (SELECT namespace, key FROM idempotency WHERE until <= ? ORDER BY until LIMIT ?)"""


def get(connection: sqlite3.Connection, namespace: bytes, id_: bytes, key: bytes, now: int) -> tuple[Any, ...] | None:
    """A live item's columns, as `sdk.keyvalue.item` takes them."""
    row: tuple[Any, ...] | None = connection.execute(_GET, (namespace, id_, key, now)).fetchone()
    return row


def exists(connection: sqlite3.Connection, namespace: bytes, id_: bytes, key: bytes, now: int) -> bool:
    """Whether a live item is there."""
    return connection.execute(_EXISTS, (namespace, id_, key, now)).fetchone() is not None


def put(transaction: Transaction, namespace: bytes, id_: bytes, written: PutItem, *, keep_ttl: bool = False) -> int:
    """Stores an item; its version."""
    version, now = transaction.next_version(), transaction.now
    row = (namespace, id_, written.key, version, expiry(written, now), pack_metadata(written), written.value)
    if keep_ttl:
        transaction.connection.execute(_PUT_KEEP_TTL, (*row, now))
    else:
        transaction.connection.execute(_PUT_NEW_TTL, row)
    return version


def delete(transaction: Transaction, namespace: bytes, id_: bytes, key: bytes) -> bool:
    """Removes an item; whether it lived."""
    lived = exists(transaction.connection, namespace, id_, key, transaction.now)
    transaction.connection.execute(_DELETE, (namespace, id_, key))
    return lived


def delete_record(transaction: Transaction, namespace: bytes, id_: bytes) -> int:
    """Removes all of a record; how many items lived."""
    row = transaction.connection.execute(_COUNT_RECORD, (namespace, id_, transaction.now)).fetchone()
    transaction.connection.execute(_DELETE_RECORD, (namespace, id_))
    return int(row[0])


def set_expiry(transaction: Transaction, namespace: bytes, id_: bytes, key: bytes, expires_at: int | None) -> bool:
    """Changes when a live item expires, None for never; whether it was there."""
    changed = transaction.connection.execute(_SET_EXPIRY, (expires_at, namespace, id_, key, transaction.now))
    return changed.rowcount > 0


def recall(transaction: Transaction, namespace: bytes, idempotency_key: str) -> tuple[bytes, bytes] | None:
    """Fingerprint and answer of the put that carried the key in the last 24 hours."""
    where = (namespace, idempotency_key, transaction.now)
    row: tuple[bytes, bytes] | None = transaction.connection.execute(_RECALL, where).fetchone()
    return row


def remember(
    transaction: Transaction, namespace: bytes, idempotency_key: str, fingerprint: bytes, answer: bytes
) -> None:
    """Keeps a put for 24 hours."""
    until = transaction.now + IDEMPOTENCY_MICROSECONDS
    transaction.connection.execute(_REMEMBER, (namespace, idempotency_key, until, fingerprint, answer))


def sweep(transaction: Transaction, limit: int) -> bool:
    """Removes what has expired, up to `limit` items and as many idempotency keys; whether more may be left."""
    swept = transaction.connection.execute(_SWEEP, (transaction.now, limit)).rowcount
    forgotten = transaction.connection.execute(_FORGET, (transaction.now, limit)).rowcount
    return limit in (swept, forgotten)


def rows(connection: sqlite3.Connection, namespace: bytes, selection: Selection, now: int) -> sqlite3.Cursor:
    """The live items selected, in order, read as they are taken."""
    parameters: list[object] = [namespace]
    if selection.id:
        parameters.append(selection.id)
    if selection.after is not None:
        parameters += selection.after
    keys = selection.keys
    parameters += [keys.first] if keys.before is None else [keys.first, keys.before]
    text = _rows_text(
        bool(selection.id), selection.after is not None, keys.before is not None, selection.reverse, selection.keys_only
    )
    return connection.execute(text, [*parameters, now, selection.limit + 1])


@lru_cache
def _rows_text(one_record: bool, resumed: bool, bounded: bool, reverse: bool, keys_only: bool) -> str:
    content = "NULL, NULL" if keys_only else "value, metadata"
    way, beyond = ("DESC", "<") if reverse else ("ASC", ">")
    conditions = ["namespace = ?"]
    if one_record:
        conditions.append("id = ?")
    if resumed:
        conditions.append(f"(id, key) {beyond} (?, ?)")
    conditions.append("key >= ?")
    if bounded:
        conditions.append("key < ?")
    return (
        f"SELECT id, key, {content}, version, expires_at FROM item "
        f"WHERE {' AND '.join(conditions)} AND {_LIVE} ORDER BY id {way}, key {way} LIMIT ?"
    )


def ids(
    connection: sqlite3.Connection, namespace: bytes, within: Range, *, reverse: bool, limit: int, now: int
) -> Sequence[bytes]:
    """Ids of records with a live item, found by skipping from one id to the next: no record is read through."""
    found: list[bytes] = []
    left = within
    while len(found) < limit:
        bounds = [left.first] if left.before is None else [left.first, left.before]
        row = connection.execute(_next_id_text(left.before is not None, reverse), [namespace, *bounds, now]).fetchone()
        if row is None:
            break
        found.append(row[0])
        left = left.beyond(row[0], reverse=reverse)
    return found


@lru_cache
def _next_id_text(bounded: bool, reverse: bool) -> str:
    upper = "AND id < ?" if bounded else ""
    way = "DESC" if reverse else "ASC"
    return f"SELECT id FROM item WHERE namespace = ? AND id >= ? {upper} AND {_LIVE} ORDER BY id {way} LIMIT 1"


def any_in(connection: sqlite3.Connection, namespace: bytes) -> bool:
    """Whether the namespace holds an item, expired or not."""
    return connection.execute("SELECT 1 FROM item WHERE namespace = ? LIMIT 1", (namespace,)).fetchone() is not None


def any_due(connection: sqlite3.Connection, now: int) -> bool:
    """Whether anything has expired and is still there."""
    return connection.execute(_ANY_DUE, (now, now)).fetchone() is not None
