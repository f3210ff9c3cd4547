"""`prism.sdk.timeseries.SeriesStore` in one schema of PostgreSQL."""

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import asyncpg

from prism.backends.postgres.lane import Lane, Work
from prism.backends.postgres.sessions import Rows, Session, Sessions
from prism.backends.postgres.statements import Statement
from prism.backends.postgres.timeseries import aggregates
from prism.backends.postgres.timeseries.appending import Append, Appender, Clock
from prism.backends.postgres.timeseries.lanes import StreamLanes
from prism.backends.postgres.timeseries.table import beyond, bounded, creation, extension, table, where, width
from prism.backends.postgres.watch import Watch
from prism.context import Context
from prism.errors import Conflict, PrismError
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
)
from prism.sdk.timeseries.refusals import stream_not_found
from prism.sdk.wakeups import Wakeups

_FIND: Final = Statement("SELECT * FROM @.series_find($1, $2)", writes=False)
_CREATE: Final = Statement("SELECT @.series_create($1, $2, $3, $4, $5, $6)", writes=True)
_UPDATE: Final = Statement("SELECT @.series_update($1, $2, $3, $4, $5, $6)", writes=True)
_DELETE: Final = Statement("SELECT @.series_delete($1, $2)", writes=True)
_NAMES: Final = Statement(
    """
    SELECT name FROM @.series_stream WHERE namespace = $1 AND starts_with(name, $2) AND name > $3
    ORDER BY name LIMIT $4
    """,
    writes=False,
)
_SWEEP: Final = Statement("SELECT @.series_sweep($1)", writes=True)
_WATCH: Final = Statement("SELECT * FROM @.series_watch($1, $2, $3, $4)", writes=True)
_CHANNEL: Final = Statement("SELECT 'prism.series.' || hashtext('@name')", writes=False)
_BOUNDS: Final = Statement(
    "SELECT floor, arrival, @.series_cutoff(retention) FROM @.series_stream WHERE number = $1", writes=False
)
HOLDS_STREAMS: Final = Statement("SELECT EXISTS (SELECT FROM @.series_stream WHERE namespace = $1)", writes=False)

_SWEPT: Final = 5000
_EVENT: Final = "ts, event_id, arrival, event"


class PostgresSeries(SeriesStore):
    """The streams in one schema.

    Args:
        sessions: with that schema.
        reads: a lane for what changes nothing.
        writes: a lane for what does.
        open_session: for one more session, which listens while somebody waits.
    """

    def __init__(
        self,
        sessions: Sessions,
        reads: Lane[Work, Any],
        writes: Lane[Work, Any],
        open_session: Callable[[], Awaitable[Session]],
    ) -> None:
        self.wakeups = Wakeups()
        self._sessions = sessions
        self._reads = reads
        self._writes = writes
        self._listener = secrets.randbits(62)
        self._appender = Appender(self._in_turn, Clock(time.monotonic), self._listener)
        self._appends = StreamLanes(self._appender)
        self._watch = Watch(self.wakeups, self._look, _CHANNEL, self._quietly, open_session)

    async def stop(self) -> None:
        """Watches no more."""
        await self._watch.stop()

    async def drain(self) -> None:
        """Waits until every call is answered."""
        await self._appends.drain()
        self._appends.close()

    async def _in_turn(self, statement: Statement, *arguments: Any) -> Rows:
        return await self._write(Context(""), statement, *arguments)

    async def _quietly(self, statement: Statement, *arguments: Any) -> Rows:
        return await self._read(Context(""), statement, *arguments)

    async def _write(self, context: Context, statement: Statement, *arguments: Any) -> Rows:
        rows: Rows = await self._writes.call(context, Work(lambda: self._sessions.fetch(statement, *arguments)))
        return rows

    async def _read(self, context: Context, statement: Statement, *arguments: Any) -> Rows:
        rows: Rows = await self._reads.call(context, Work(lambda: self._sessions.fetch(statement, *arguments)))
        return rows

    async def _look(self, keys: Sequence[tuple[str, str]], *, listens: bool) -> Rows:
        spaces, names = [space.encode() for space, _ in keys], [name for _, name in keys]
        return await self._quietly(_WATCH, spaces, names, self._listener, listens)

    async def find(self, context: Context, name: str) -> Stream | None:
        rows = await self._read(context, _FIND, context.namespace.encode(), name)
        if not rows:
            return None
        number, version, config, identity = rows[0]
        identity += number.to_bytes(8, "big")
        return Stream(context.namespace, name, number, version, StreamConfig.unpacked(config), identity)

    async def _found(self, context: Context, name: str) -> Stream:
        stream = await self.find(context, name)
        if stream is None:
            raise Conflict(f"stream {name[:80]!r} was deleted meanwhile; try again")
        return stream

    async def create(self, context: Context, name: str, config: StreamConfig) -> tuple[Stream, bool]:
        ((created,),) = await self._write(
            context, _CREATE, context.namespace.encode(), name, config.packed(), config.retention, width(config),
            creation(config),
        )  # fmt: skip
        return await self._found(context, name), created

    async def update(self, context: Context, stream: Stream, config: StreamConfig) -> Stream:
        ((updated,),) = await self._write(
            context, _UPDATE, stream.number, stream.version, config.packed(), config.retention, width(config),
            extension(config.fields[len(stream.fields) :]),
        )  # fmt: skip
        if not updated:
            raise Stale
        self.wakeups.notify((stream.namespace, stream.name))
        return await self._found(context, stream.name)

    async def delete(self, context: Context, name: str) -> bool:
        ((existed,),) = await self._write(context, _DELETE, context.namespace.encode(), name)
        return bool(existed)

    async def names(self, context: Context, prefix: str, after: str, limit: int) -> Sequence[str]:
        rows = await self._read(context, _NAMES, context.namespace.encode(), prefix, after, limit)
        return [name for (name,) in rows]

    async def append(self, context: Context, stream: Stream, batch: Batch) -> Appended:
        done = await self._appends.of(stream.number).call(context, Append(stream, batch), size=batch.size)
        if done is None:
            raise Stale
        self.wakeups.notify((stream.namespace, stream.name))
        return done

    async def _of(
        self, context: Context, stream: Stream, text: str, parameters: Sequence[Any], *, writes: bool = False
    ) -> Rows:
        """Runs a statement about the table of a stream."""
        run = self._write if writes else self._read
        try:
            return await run(context, Statement(text, writes=writes, named=False), *parameters)
        except PrismError as error:
            if isinstance(error.__cause__, asyncpg.UndefinedTableError):
                raise stream_not_found(stream.name) from error
            raise

    async def span(self, context: Context, stream: Stream) -> tuple[int, int] | None:
        parameters: list[Any] = []
        condition = where(stream, Selection(), parameters)
        ends = (
            f"(SELECT ts FROM {table(stream)} WHERE {condition} ORDER BY ts {order} LIMIT 1)"  # noqa: S608  # own names
            for order in ("ASC", "DESC")
        )
        ((first, last),) = await self._of(context, stream, f"SELECT {', '.join(ends)}", parameters)
        return None if first is None else (first, last)

    async def query(
        self, context: Context, stream: Stream, selection: Selection, after: Key | None, limit: int, max_bytes: int,
        *, descending: bool,
    ) -> Events:  # fmt: skip
        parameters: list[Any] = []
        condition = where(stream, selection, parameters)
        if after is not None:
            condition += f" AND {beyond(after, parameters, descending=descending)}"
        order = ", ".join(f"{each} DESC" if descending else each for each in ("ts", "event_id", "arrival"))
        source = f"SELECT {_EVENT} FROM {table(stream)} WHERE {condition}"  # noqa: S608  # own names
        rows = await self._some(context, stream, source, order, limit, max_bytes, parameters)
        found = [Found(Key(*row[:3]), row[3]) for row in rows]
        return Events(found, more=bool(rows) and rows[0][4] > len(rows))

    async def _some(
        self, context: Context, stream: Stream, source: str, order: str, limit: int, max_bytes: int,
        parameters: list[Any],
    ) -> Rows:  # fmt: skip
        parameters += (limit, max_bytes)
        place = len(parameters)
        text = bounded(_EVENT, source, order, f"${place - 1}::bigint", f"${place}::bigint")
        return await self._of(context, stream, text, parameters)

    async def groups(self, context: Context, stream: Stream, plan: Plan, limit: int) -> Sequence[Group]:
        rows = await self._of(context, stream, *aggregates.groups(stream, plan, limit))
        return [aggregates.group(plan.groups, tuple(row)) for row in rows]

    async def counts(self, context: Context, stream: Stream, plan: Plan, fields: Sequence[StreamField]) -> list[int]:
        (counts,) = await self._of(context, stream, *aggregates.counts(stream, plan, fields))
        return list(counts)

    async def aggregate(
        self, context: Context, stream: Stream, plan: Plan, after: Place | None, limit: int
    ) -> Sequence[Bucket]:
        rows = await self._of(context, stream, *aggregates.statement(stream, plan, after, limit))
        return aggregates.buckets(plan, [tuple(row) for row in rows])

    async def latest(
        self, context: Context, stream: Stream, selection: Selection, groups: Sequence[StreamField],
        after: Group | None, limit: int,
    ) -> Sequence[tuple[Group, Found]]:  # fmt: skip
        parameters: list[Any] = []
        condition = where(stream, selection, parameters)
        text = aggregates.latest(stream, condition, groups, after, limit, parameters)
        rows = await self._of(context, stream, text, parameters)
        return [(aggregates.group(groups, tuple(row)[4:]), Found(Key(*row[:3]), row[3])) for row in rows]

    async def bounds(self, context: Context, stream: Stream) -> Bounds:
        rows = await self._read(context, _BOUNDS, stream.number)
        if not rows:
            raise stream_not_found(stream.name)
        return Bounds(*rows[0])

    async def arrivals(self, context: Context, stream: Stream, after: int, limit: int, max_bytes: int) -> Arrivals:
        # The bounds first: what is committed after them is only more to read.
        bounds = await self.bounds(context, stream)
        source = f"SELECT {_EVENT} FROM {table(stream)} WHERE arrival > $1::bigint AND arrival <= $2::bigint"  # noqa: S608
        rows = await self._some(context, stream, source, "arrival", limit, max_bytes, [after, bounds.end])
        found = [Found(Key(*row[:3]), row[3]) for row in rows]
        cut = bool(rows) and rows[0][4] > len(rows)
        return Arrivals(bounds, found, found[-1].key.arrival if cut else max(after, bounds.end))

    async def delete_events(self, context: Context, stream: Stream, selection: Selection) -> int:
        parameters: list[Any] = []
        condition = where(stream, selection, parameters)
        text = f"WITH gone AS (DELETE FROM {table(stream)} WHERE {condition} RETURNING 1) SELECT count(*) FROM gone"  # noqa: S608
        ((deleted,),) = await self._of(context, stream, text, parameters, writes=True)
        return int(deleted)

    async def sweep(self) -> bool:
        """Removes what is beyond retention; whether more is left."""
        with suppress(Conflict):  # somebody holds what is to go: another time
            ((more,),) = await self._sessions.fetch(_SWEEP, _SWEPT)
            return bool(more)
        return False
