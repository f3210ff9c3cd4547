"""`prism.sdk.timeseries.SeriesStore` in one SQLite file: an Append is a part of a group commit."""

import sqlite3
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from prism.backends.sqlite.changes import Changes
from prism.backends.sqlite.store import Store
from prism.backends.sqlite.timeseries import aggregates
from prism.backends.sqlite.timeseries.table import beyond, creation, extension, insertion, stored, table, where
from prism.backends.sqlite.transaction import Transaction
from prism.backends.sqlite.values import decode
from prism.context import Context
from prism.errors import AlreadyExists
from prism.sdk.timeseries import (
    Appended,
    Arrivals,
    Batch,
    Bounds,
    Bucket,
    Events,
    Found,
    Group,
    Key,
    Place,
    Plan,
    Selection,
    SeriesStore,
    Stale,
    Stream,
    StreamConfig,
    StreamField,
    judged,
)
from prism.sdk.timeseries.refusals import stream_not_found

T = TypeVar("T")
_WINDOW: Final = 24 * 3_600_000_000
"""Microseconds for which idempotency keys are remembered."""
_ANSWER: Final = struct.Struct(">QQQ")
_COLUMNS: Final = "namespace, name, number, version, config, (SELECT identity FROM series_identity)"


class SqliteSeries(SeriesStore):
    """The streams of one file.

    Args:
        store: the file.
        changes: its watch.
    """

    def __init__(self, store: Store, changes: Changes) -> None:
        self.wakeups = changes.wakeups()
        self._store = store

    async def find(self, context: Context, name: str) -> Stream | None:
        return await self._store.read(context, lambda connection, _now: _find(connection, context.namespace, name))

    async def create(self, context: Context, name: str, config: StreamConfig) -> tuple[Stream, bool]:
        def apply(transaction: Transaction) -> tuple[Stream, bool]:
            run = transaction.connection.execute
            there = _find(transaction.connection, context.namespace, name)
            if there is not None:
                return there, False
            made = run(
                "INSERT INTO series_stream (namespace, name, version, config, arrival, floor) "  # noqa: S608  # own names
                f"VALUES (?, ?, 1, ?, 0, 0) RETURNING {_COLUMNS}",
                (context.namespace, name, config.packed()),
            )
            stream = _stream(made.fetchone())
            for statement in creation(stream):
                run(statement)
            return stream, True

        return await self._store.write(context, apply)

    async def update(self, context: Context, stream: Stream, config: StreamConfig) -> Stream:
        def apply(transaction: Transaction) -> Stream | None:
            if not _unchanged(transaction.connection, stream):
                return None
            for statement in extension(stream, config.fields[len(stream.fields) :]):
                transaction.connection.execute(statement)
            transaction.connection.execute(
                "UPDATE series_stream SET version = version + 1, config = ? WHERE number = ?",
                (config.packed(), stream.number),
            )
            return _find(transaction.connection, stream.namespace, stream.name)

        return _fresh(await self._store.write(context, apply))

    async def delete(self, context: Context, name: str) -> bool:
        def apply(transaction: Transaction) -> bool:
            stream = _find(transaction.connection, context.namespace, name)
            if stream is None:
                return False
            transaction.connection.execute(f"DROP TABLE {table(stream)}")
            transaction.connection.execute("DELETE FROM series_stream WHERE number = ?", (stream.number,))
            return True

        return await self._store.write(context, apply)

    async def names(self, context: Context, prefix: str, after: str, limit: int) -> Sequence[str]:
        def look(connection: sqlite3.Connection, _now: int) -> list[str]:
            rows = connection.execute(
                "SELECT name FROM series_stream WHERE namespace = ?1 AND substr(name, 1, length(?2)) = ?2 "
                "AND name > ?3 ORDER BY name LIMIT ?4",
                (context.namespace, prefix, after, limit),
            )
            return [name for (name,) in rows]

        return await self._store.read(context, look)

    async def span(self, context: Context, stream: Stream) -> tuple[int, int] | None:
        def look(connection: sqlite3.Connection, now: int) -> tuple[int, int] | None:
            parameters: list[Any] = []
            condition = where(stream, Selection(), now, parameters)
            name = table(stream)
            first, last = (
                connection.execute(
                    f"SELECT ts FROM {name} WHERE {condition} ORDER BY ts {order} LIMIT 1",  # noqa: S608  # own names
                    parameters,
                ).fetchone()
                for order in ("ASC", "DESC")
            )
            return None if first is None else (first[0], last[0])

        return await self._query(context, stream, look)

    async def append(self, context: Context, stream: Stream, batch: Batch) -> Appended:
        def apply(transaction: Transaction) -> Appended | None:
            connection = transaction.connection
            if not _unchanged(connection, stream):
                return None
            if batch.idempotency_key and (answer := _recalled(transaction, stream, batch)) is not None:
                return answer
            rows, expired = judged(stream, batch.rows, transaction.now)
            done = Appended(0, 0, expired)
            if rows:
                done = _insert(
                    connection, stream, stored(stream, rows, _arrival(connection, stream, len(rows))), expired
                )
            if batch.idempotency_key:
                packed = _ANSWER.pack(done.appended, done.duplicates, done.expired)
                connection.execute(
                    "INSERT OR REPLACE INTO series_key (namespace, key, until, digest, answer) VALUES (?, ?, ?, ?, ?)",
                    (stream.namespace, batch.idempotency_key, transaction.now + _WINDOW, batch.digest, packed),
                )
            return done

        done = _fresh(await self._store.write(context, apply, size=batch.size))
        self.wakeups.notify((stream.namespace, stream.name))
        return done

    async def query(
        self, context: Context, stream: Stream, selection: Selection, after: Key | None, limit: int, max_bytes: int,
        *, descending: bool,
    ) -> Events:  # fmt: skip
        def look(connection: sqlite3.Connection, now: int) -> Events:
            parameters: list[Any] = []
            condition = where(stream, selection, now, parameters)
            if after is not None:
                condition += f" AND {beyond(after, parameters, descending=descending)}"
            parameters.append(limit + 1)
            order = ", ".join(f"{each} DESC" if descending else each for each in ("ts", "event_id", "arrival"))
            rows = connection.execute(
                f"SELECT ts, event_id, arrival, event FROM {table(stream)} "  # noqa: S608  # own names
                f"WHERE {condition} ORDER BY {order} LIMIT ?{len(parameters)}",
                parameters,
            )
            found, whole = _some(rows, limit, max_bytes)
            return Events(found, more=not whole)

        return await self._query(context, stream, look)

    async def groups(self, context: Context, stream: Stream, plan: Plan, limit: int) -> Sequence[Group]:
        return await self._query(
            context, stream, lambda connection, now: aggregates.groups(connection, stream, plan, now, limit)
        )

    async def counts(self, context: Context, stream: Stream, plan: Plan, fields: Sequence[StreamField]) -> list[int]:
        return await self._query(
            context, stream, lambda connection, now: aggregates.counts(connection, stream, plan, now, fields)
        )

    async def aggregate(
        self, context: Context, stream: Stream, plan: Plan, after: Place | None, limit: int
    ) -> Sequence[Bucket]:
        return await self._query(
            context,
            stream,
            lambda connection, now: aggregates.Aggregate(stream, plan, now).run(connection, after, limit),
        )

    async def latest(
        self, context: Context, stream: Stream, selection: Selection, groups: Sequence[StreamField],
        after: Group | None, limit: int,
    ) -> Sequence[tuple[Group, Found]]:  # fmt: skip
        def look(connection: sqlite3.Connection, now: int) -> list[tuple[Group, Found]]:
            return _latest(connection, stream, selection, groups, after, limit, now)

        return await self._query(context, stream, look)

    async def bounds(self, context: Context, stream: Stream) -> Bounds:
        return await self._store.read(context, lambda connection, now: _bounds(connection, stream, now))

    async def arrivals(self, context: Context, stream: Stream, after: int, limit: int, max_bytes: int) -> Arrivals:
        def look(connection: sqlite3.Connection, now: int) -> Arrivals:
            bounds = _bounds(connection, stream, now)
            rows = connection.execute(
                f"SELECT ts, event_id, arrival, event FROM {table(stream)} "  # noqa: S608  # own names
                "WHERE arrival > ? ORDER BY arrival LIMIT ?",
                (after, limit + 1),
            )
            found, whole = _some(rows, limit, max_bytes)
            return Arrivals(bounds, found, bounds.end if whole else found[-1].key.arrival)

        return await self._store.read(context, look)

    async def delete_events(self, context: Context, stream: Stream, selection: Selection) -> int:
        def apply(transaction: Transaction) -> int:
            there = _find(transaction.connection, stream.namespace, stream.name)
            if there is None or there.number != stream.number:
                raise stream_not_found(stream.name)
            parameters: list[Any] = []
            condition = where(stream, selection, transaction.now, parameters)
            statement = f"DELETE FROM {table(stream)} WHERE {condition}"  # noqa: S608  # own names
            return transaction.connection.execute(statement, parameters).rowcount

        return await self._store.write(context, apply)

    async def _query(self, context: Context, stream: Stream, look: Callable[[sqlite3.Connection, int], T]) -> T:
        """Runs a longer read in one transaction, unless the stream is gone."""

        def looked(connection: sqlite3.Connection, now: int) -> T:
            connection.execute("BEGIN")
            try:
                there = _find(connection, stream.namespace, stream.name)
                if there is None or there.number != stream.number:
                    raise stream_not_found(stream.name)
                return look(connection, now)
            finally:
                connection.execute("ROLLBACK")

        return await self._store.query(context, looked)

    def any_outlived(self, connection: sqlite3.Connection, now: int) -> bool:
        """Whether `sweep` would remove any."""
        if connection.execute("SELECT 1 FROM series_key WHERE until <= ? LIMIT 1", (now,)).fetchone():
            return True
        return any(_outlived(connection, stream, now) for stream in _every(connection))

    def sweep(self, transaction: Transaction, limit: int) -> bool:
        """Removes what is beyond retention, so many of each stream, and old keys; whether more is left."""
        connection, more = transaction.connection, False
        connection.execute("DELETE FROM series_key WHERE until <= ?", (transaction.now,))
        for stream in _every(connection):
            if not _outlived(connection, stream, transaction.now):
                continue
            name, cutoff = table(stream), stream.cutoff(transaction.now)
            gone = connection.execute(
                f"SELECT max(arrival), max(ts), count(*) FROM (SELECT arrival, ts FROM {name} "  # noqa: S608  # own names
                "WHERE ts < ? ORDER BY ts LIMIT ?)",
                (cutoff, limit),
            ).fetchone()
            newest, last, count = gone
            # All of one instant go together: then the condition is a range of the table.
            (newest,) = connection.execute(
                f"SELECT max(arrival) FROM {name} WHERE ts <= ?",  # noqa: S608  # own names
                (last,),
            ).fetchone()
            connection.execute(f"DELETE FROM {name} WHERE ts <= ?", (last,))  # noqa: S608  # own names
            connection.execute(
                "UPDATE series_stream SET floor = max(floor, ?) WHERE number = ?", (newest, stream.number)
            )
            more |= count >= limit
        return more


def any_stream(connection: sqlite3.Connection, namespace: str) -> bool:
    """Whether a namespace has streams."""
    found = connection.execute("SELECT 1 FROM series_stream WHERE namespace = ? LIMIT 1", (namespace,))
    return found.fetchone() is not None


def _find(connection: sqlite3.Connection, namespace: str, name: str) -> Stream | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM series_stream WHERE namespace = ? AND name = ?",  # noqa: S608  # own names
        (namespace, name),
    ).fetchone()
    return None if row is None else _stream(row)


def _every(connection: sqlite3.Connection) -> list[Stream]:
    """The streams that keep their events for a time."""
    streams = [_stream(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM series_stream")]  # noqa: S608
    return [each for each in streams if each.config.retention is not None]


def _stream(row: Sequence[Any]) -> Stream:
    namespace, name, number, version, config, identity = row
    return Stream(namespace, name, number, version, StreamConfig.unpacked(config), identity + number.to_bytes(8, "big"))


def _unchanged(connection: sqlite3.Connection, stream: Stream) -> bool:
    found: tuple[int] | None = connection.execute(
        "SELECT version FROM series_stream WHERE number = ?", (stream.number,)
    ).fetchone()
    return found is not None and found[0] == stream.version


def _fresh(answer: T | None) -> T:
    if answer is None:
        raise Stale
    return answer


def _recalled(transaction: Transaction, stream: Stream, batch: Batch) -> Appended | None:
    found = transaction.connection.execute(
        "SELECT digest, answer FROM series_key WHERE namespace = ? AND key = ? AND until > ?",
        (stream.namespace, batch.idempotency_key, transaction.now),
    ).fetchone()
    if found is None:
        return None
    digest, answer = found
    if digest != batch.digest:
        raise AlreadyExists("the idempotency key was used for another request; use another key")
    return Appended(*_ANSWER.unpack(answer))


def _arrival(connection: sqlite3.Connection, stream: Stream, count: int) -> int:
    """The first of so many new arrivals."""
    (end,) = connection.execute(
        "UPDATE series_stream SET arrival = arrival + ? WHERE number = ? RETURNING arrival", (count, stream.number)
    ).fetchone()
    return int(end) - count + 1


def _insert(connection: sqlite3.Connection, stream: Stream, rows: Sequence[tuple[Any, ...]], expired: int) -> Appended:
    before = connection.total_changes
    connection.executemany(insertion(stream), rows)
    appended = connection.total_changes - before
    return Appended(appended, len(rows) - appended, expired)


def _some(rows: sqlite3.Cursor, limit: int, max_bytes: int) -> tuple[list[Found], bool]:
    """The events of rows up to the bounds, and whether that is all."""
    found: list[Found] = []
    for timestamp, event_id, arrival, event in rows:
        max_bytes -= len(event) + 8
        if found and (max_bytes < 0 or len(found) == limit):
            return found, False
        found.append(Found(Key(timestamp, event_id, arrival), event))
    return found, True


def _bounds(connection: sqlite3.Connection, stream: Stream, now: int) -> Bounds:
    there = _find(connection, stream.namespace, stream.name)
    if there is None or there.number != stream.number:
        raise stream_not_found(stream.name)
    floor, end = connection.execute(
        "SELECT floor, arrival FROM series_stream WHERE number = ?", (stream.number,)
    ).fetchone()
    return Bounds(floor, end, there.cutoff(now))


def _outlived(connection: sqlite3.Connection, stream: Stream, now: int) -> bool:
    statement = f"SELECT 1 FROM {table(stream)} WHERE ts < ? LIMIT 1"  # noqa: S608  # own names
    return connection.execute(statement, (stream.cutoff(now),)).fetchone() is not None


def _latest(
    connection: sqlite3.Connection, stream: Stream, selection: Selection, groups: Sequence[StreamField],
    after: Group | None, limit: int, now: int,
) -> list[tuple[Group, Found]]:  # fmt: skip
    parameters: list[Any] = []
    condition = where(stream, selection, now, parameters)
    columns = ", ".join(each.column for each in groups)
    newest = "ORDER BY ts DESC, event_id DESC, arrival DESC"
    behind = aggregates.beyond_group(groups, after, parameters)
    if groups:
        number = f"row_number() OVER (PARTITION BY {columns} {newest})"
        parameters.append(limit)
        statement = (
            f"SELECT ts, event_id, arrival, event, {columns} FROM (SELECT *, {number} AS place FROM {table(stream)} "  # noqa: S608
            f"WHERE {condition}) WHERE place = 1{behind} ORDER BY {columns} LIMIT ?{len(parameters)}"
        )
    else:
        statement = (
            f"SELECT ts, event_id, arrival, event FROM {table(stream)} "  # noqa: S608  # own names
            f"WHERE {condition} {newest} LIMIT 1"
        )
    found = []
    for timestamp, event_id, arrival, event, *held in connection.execute(statement, parameters):
        group = tuple(decode(field.kind, each) for field, each in zip(groups, held, strict=True))
        found.append((group, Found(Key(timestamp, event_id, arrival), event)))
    return found
