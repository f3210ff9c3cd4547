"""Which streams there are: each is a table, and ClickHouse's own catalogue says so."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from prism.backends.clickhouse.tables.texts import identifier, quoted
from prism.backends.clickhouse.timeseries.session import OwnStatements, code_of
from prism.backends.clickhouse.timeseries.table import (
    PREFIX,
    ChStream,
    column,
    comment,
    creation,
    digest,
    stream_of,
    table_name,
)
from prism.context import Context
from prism.errors import Conflict, Outcome, PrismError
from prism.sdk.driver_errors import SOON
from prism.sdk.timeseries import Stale, Stream, StreamConfig, before_writing

EXISTS: Final = 57
"""TABLE_ALREADY_EXISTS."""
GONE: Final = frozenset({60, 218})
"""UNKNOWN_TABLE, TABLE_IS_DROPPED."""
OTHER: Final = frozenset({10, 16, 47})
"""No such column: another stream's table."""


class Catalogue:
    """The streams of a database.

    Args:
        statements: of our own.
        database: that they are in.
        cluster: on which tables are made; None for one server.
    """

    def __init__(self, statements: OwnStatements, database: str, cluster: str | None) -> None:
        self._statements = statements
        self._database = database
        self._cluster = cluster
        self._on = "" if cluster is None else f" ON CLUSTER {identifier(cluster)}"

    async def start(self) -> None:
        """Makes the database."""
        await self._statements.write(
            f"CREATE DATABASE IF NOT EXISTS {identifier(self._database)}{self._on}", Context("")
        )

    async def find(self, context: Context, name: str) -> ChStream | None:
        """A stream as it is now; of several tables, which only racing makers leave, the newest version."""
        begin = f"{PREFIX}{digest(context.namespace, name)}_"
        found = await self._tables(context, begin)
        return max(found, key=lambda each: each.version) if found else None

    async def every(self, context: Context) -> list[ChStream]:
        """All streams of all namespaces."""
        return await self._tables(context, PREFIX)

    async def _tables(self, context: Context, begin: str) -> list[ChStream]:
        rows = await self._statements.rows(
            "SELECT name, comment, uuid FROM system.tables "  # noqa: S608  # own names
            f"WHERE database = {quoted(self._database)} AND startsWith(name, {quoted(begin)})",
            context,
        )
        return [stream_of(self._database, name.decode(), said.decode(), UUID(uuid)) for name, said, uuid in rows]

    async def names(self, context: Context, prefix: str, after: str, limit: int) -> Sequence[str]:
        """Names of streams of the namespace, in byte order."""
        rows = await self._statements.rows(
            "SELECT DISTINCT JSONExtractString(comment, 'stream') AS stream FROM system.tables "  # noqa: S608
            f"WHERE database = {quoted(self._database)} AND startsWith(name, {quoted(PREFIX)}) "
            f"AND JSONExtractString(comment, 'namespace') = {quoted(context.namespace)} "
            f"AND startsWith(stream, {quoted(prefix)}) AND stream > {quoted(after)} ORDER BY stream LIMIT {limit}",
            context,
        )
        return [name.decode() for (name,) in rows]

    async def create(self, context: Context, name: str, config: StreamConfig) -> tuple[Stream, bool]:
        """The stream of that name, and whether it was made now."""
        with before_writing():
            found = await self.find(context, name)
        if found is not None:
            return found, False
        created = True
        statement = creation(self._database, context.namespace, name, config, cluster=self._cluster)
        try:
            await self._statements.write(statement, context)
        except PrismError as error:
            if code_of(error) != EXISTS:
                raise
            created = False
        found = await self.find(context, name)
        if found is None:
            raise Conflict(
                f"stream {name[:80]!r} was deleted meanwhile; try again", outcome=Outcome.NOT_APPLIED, retry_after=SOON
            )
        return found, created

    async def update(self, context: Context, stream: Stream, config: StreamConfig) -> Stream:
        """The stream in its next version.

        Raises:
            Stale: it has changed since it was found.
        """
        with before_writing():
            there = await self.find(context, stream.name)
        if there is None or there.version != stream.version or there.identity != stream.identity:
            raise Stale
        following = table_name(stream.namespace, stream.name, stream.version + 1)
        table = f"{identifier(self._database)}.{identifier(following)}"
        changes = [f"ADD COLUMN IF NOT EXISTS {column(each)}" for each in config.fields[len(stream.fields) :]]
        said = quoted(comment(stream.namespace, stream.name, there.event, there.width, config))
        try:
            await self._statements.write(f"RENAME TABLE {there.table} TO {table}{self._on}", context)
            # Who renamed it before may have changed it until now, and can no longer.
            renamed = await self.find(context, stream.name)
            if renamed is None or renamed.config != stream.config or renamed.table != table:
                raise Stale
            await self._statements.write(
                f"ALTER TABLE {table}{self._on} {', '.join([*changes, f'MODIFY COMMENT {said}'])}", context
            )
        except PrismError as error:
            if code_of(error) in GONE | {EXISTS}:
                raise Stale from error
            raise
        found = await self.find(context, stream.name)
        if found is None:
            raise Stale
        return found

    async def delete(self, context: Context, name: str) -> bool:
        """Removes a stream; whether there was one."""
        existed = False
        begin = f"{PREFIX}{digest(context.namespace, name)}_"
        with before_writing():
            tables = await self._tables(context, begin)
        for each in tables:
            existed = True
            await self._statements.write(f"DROP TABLE IF EXISTS {each.table}{self._on} SYNC", context)
        return existed

    async def holds(self, namespace: str) -> bool:
        """Whether a namespace has any stream."""
        rows = await self._statements.rows(
            f"SELECT 1 FROM system.tables WHERE database = {quoted(self._database)} "  # noqa: S608  # own names
            f"AND startsWith(name, {quoted(PREFIX)}) "
            f"AND JSONExtractString(comment, 'namespace') = {quoted(namespace)} LIMIT 1",
            Context(""),
        )
        return bool(rows)
