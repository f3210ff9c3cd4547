"""`prism.sdk.timeseries.SeriesStore` in one database of ClickHouse."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, cast

from prism.backends.clickhouse.timeseries import aggregates
from prism.backends.clickhouse.timeseries.appending import Appender
from prism.backends.clickhouse.timeseries.catalogue import GONE, OTHER, Catalogue
from prism.backends.clickhouse.timeseries.session import OwnStatements, Rows, code_of
from prism.backends.clickhouse.timeseries.table import ChStream, beyond, source, where
from prism.context import Context
from prism.errors import DeadlineExceeded, Outcome, PrismError
from prism.interfaces.capabilities import undeclared
from prism.sdk import Bounds as BatchBounds
from prism.sdk import Coalescer
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

_APPENDS: Final = BatchBounds(calls=1024, size=128 << 10, in_flight=2)
_SIZES: Final = 1000
"""Streams of which it is known how large an event is."""
_USUAL: Final = 256
"""Bytes of an event before any was seen."""


class ClickHouseSeries(SeriesStore):
    """The streams in one database.

    Args:
        statements: of our own.
        catalogue: of the streams.
    """

    def __init__(self, statements: OwnStatements, catalogue: Catalogue) -> None:
        self.wakeups = Wakeups()
        self._statements = statements
        self._catalogue = catalogue
        self.appender = Appender(statements)
        self._appends: Coalescer[tuple[ChStream, Batch], Appended | None] = Coalescer(self.appender, bounds=_APPENDS)
        self._sizes: OrderedDict[bytes, int] = OrderedDict()

    async def drain(self) -> None:
        """Waits until every append is answered."""
        await self._appends.drain()

    async def find(self, context: Context, name: str) -> Stream | None:
        return await self._catalogue.find(context, name)

    async def create(self, context: Context, name: str, config: StreamConfig) -> tuple[Stream, bool]:
        return await self._catalogue.create(context, name, config)

    async def update(self, context: Context, stream: Stream, config: StreamConfig) -> Stream:
        return await self._catalogue.update(context, stream, config)

    async def delete(self, context: Context, name: str) -> bool:
        return await self._catalogue.delete(context, name)

    async def names(self, context: Context, prefix: str, after: str, limit: int) -> Sequence[str]:
        return await self._catalogue.names(context, prefix, after, limit)

    async def append(self, context: Context, stream: Stream, batch: Batch) -> Appended:
        call = (cast("ChStream", stream), batch)
        seconds = None if context.deadline is None else context.deadline.remaining()
        try:
            async with asyncio.timeout(seconds):
                done = await self._appends.submit(context.namespace, call, size=batch.size)
        except TimeoutError as error:
            raise DeadlineExceeded(
                "the deadline passed before ClickHouse had answered; the events may be stored or not",
                outcome=Outcome.UNKNOWN,
            ) from error
        if done is None:
            raise Stale
        return done

    async def _rows(self, context: Context, stream: ChStream, statement: str, **more: int) -> Rows:
        """The rows of a statement about the table of a stream."""
        try:
            return await self._statements.rows(statement, context, **more)
        except PrismError as error:
            if code_of(error) in GONE | OTHER:
                raise stream_not_found(stream.name) from error
            raise

    async def span(self, context: Context, stream: Stream) -> tuple[int, int] | None:
        there = cast("ChStream", stream)
        statement = f"SELECT count() > 0, min(ts), max(ts) FROM {there.table} WHERE {where(there, Selection())}"  # noqa: S608
        ((some, begin, end),) = await self._rows(context, there, statement)
        return (begin, end) if some else None

    async def query(
        self, context: Context, stream: Stream, selection: Selection, after: Key | None, limit: int, max_bytes: int,
        *, descending: bool,
    ) -> Events:  # fmt: skip
        there = cast("ChStream", stream)
        condition = where(there, selection)
        if after is not None:
            condition += f" AND {beyond(after, descending=descending)}"
        order = ", ".join(f"{each} DESC" if descending else each for each in ("ts", "event_id", "arrival"))
        # About as many as fit on the page: what is asked for beyond that would have to be killed.
        asked = min(limit, max_bytes * 5 // 4 // self._sizes.get(stream.identity, _USUAL) + 1)
        statement = (
            f"SELECT ts, event_id, arrival, {there.event} FROM {source(there)} "  # noqa: S608  # own names
            f"WHERE {condition} ORDER BY {order} LIMIT {asked + 1}"
        )
        rows = await self._rows(context, there, statement, max_bytes=max_bytes, sized=3)
        cut = len(rows) > asked
        found = [Found(Key(row[0], row[1].decode(), row[2]), row[3]) for row in rows[:asked]]
        size = sum(len(each.event) for each in found)
        if found:
            self._sizes[stream.identity] = size // len(found) + 1
            while len(self._sizes) > _SIZES:
                self._sizes.popitem(last=False)
        return Events(found, more=cut or (bool(found) and len(found) < asked and size + len(rows[-1][3]) > max_bytes))

    async def groups(self, context: Context, stream: Stream, plan: Plan, limit: int) -> Sequence[Group]:
        there = cast("ChStream", stream)
        rows = await self._rows(context, there, aggregates.groups(there, plan, limit))
        return [aggregates.group(plan.groups, row) for row in rows]

    async def counts(self, context: Context, stream: Stream, plan: Plan, fields: Sequence[StreamField]) -> list[int]:
        there = cast("ChStream", stream)
        (counts,) = await self._rows(context, there, aggregates.counts(there, plan, fields))
        return counts

    async def aggregate(
        self, context: Context, stream: Stream, plan: Plan, after: Place | None, limit: int
    ) -> Sequence[Bucket]:
        there = cast("ChStream", stream)
        rows = await self._rows(context, there, aggregates.statement(there, plan, after, limit))
        return aggregates.buckets(plan, rows)

    async def latest(
        self, context: Context, stream: Stream, selection: Selection, groups: Sequence[StreamField],
        after: Group | None, limit: int,
    ) -> Sequence[tuple[Group, Found]]:  # fmt: skip
        there = cast("ChStream", stream)
        statement = aggregates.latest(there, where(there, selection), groups, after, limit)
        found = []
        for row in await self._rows(context, there, statement):
            event = Found(Key(row[0], row[1].decode(), row[2]), row[3])
            found.append((aggregates.group(groups, row[4:]), event))
        return found

    async def bounds(self, context: Context, stream: Stream) -> Bounds:  # noqa: ARG002  # as the next ones
        """Not declared, as the next ones."""
        raise undeclared("tail", "bounds of arrivals")

    async def arrivals(self, context: Context, stream: Stream, after: int, limit: int, max_bytes: int) -> Arrivals:  # noqa: ARG002
        raise undeclared("tail", "arrivals")

    async def delete_events(self, context: Context, stream: Stream, selection: Selection) -> int:  # noqa: ARG002
        raise undeclared("delete_events", "DeleteEvents")

    async def sweep(self) -> bool:
        """Drops partitions of which every event is beyond retention; nothing else is left over."""
        own = Context("")
        now = await self.appender.clock.now()
        for stream in await self._catalogue.every(own):
            cutoff = stream.cutoff(now)
            if cutoff is not None:
                await self._drop(own, stream, cutoff)
        return False

    async def _drop(self, context: Context, stream: ChStream, cutoff: int) -> None:
        database, _, table = stream.table.replace("`", "'").partition(".")
        partitions: list[Any] = await self._statements.rows(
            "SELECT DISTINCT partition_id FROM system.parts "  # noqa: S608  # own names
            f"WHERE active AND database = {database} AND table = {table} "
            f"AND (toInt64(partition) + 1) * {stream.width} <= {cutoff}",
            context,
        )
        for (partition,) in partitions:
            await self._statements.write(
                f"ALTER TABLE {stream.table} DROP PARTITION ID '{partition.decode()}'", context
            )
