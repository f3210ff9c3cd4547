"""The database that Reader reads: what is known of its tables, and the transaction of each call."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import asyncpg

from prism.backends.postgres.errors import may_pass, translate, was_answered
from prism.backends.postgres.lane import Work as LaneWork
from prism.backends.postgres.lane import work_lane
from prism.backends.postgres.reader import statements
from prism.backends.postgres.reader.describing import PUBLIC, PgColumn, describe
from prism.backends.postgres.reader.filters import FoundDialect
from prism.backends.postgres.reader.sessions import ReadSession, ReadSessions
from prism.backends.postgres.sessions import Session
from prism.backends.postgres.tables.catalogue import Catalogue
from prism.backends.postgres.tables.types import NULL
from prism.errors import CallerError, DeadlineExceeded, FailedPrecondition, InvalidArgument, PrismError
from prism.interfaces import reader as r
from prism.interfaces.value import Value
from prism.sdk.reader import Collection, CollectionOptions, Column, Dialect, ReaderOptions, Work, not_found

T = TypeVar("T")
W = TypeVar("W", bound=Work)

SESSIONS: Final = 8
"""Most calls under way at a time."""
_ATTEMPTS: Final = 3
_DRAIN: Final = 2.0
"""Seconds for the calls under way where the backend stops."""
_STALE = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.DatatypeMismatchError,
)
"""A table is not what it was when its statement was made."""


_OF_DRIVER = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


class _Changed(Exception):
    """The table was changed since the collection was described."""


class PostgresTables:
    """`prism.sdk.reader.Store` on a database."""

    dialect: Dialect = FoundDialect()

    def __init__(
        self, open_session: Callable[[], Awaitable[Session]], options: ReaderOptions, statement_timeout: float
    ) -> None:
        self._options = options
        self._statement_timeout = statement_timeout
        self._catalogue = Catalogue()
        self.sessions = ReadSessions(open_session, self._catalogue)
        self._lane = work_lane(SESSIONS, reads=True)
        self._known: dict[str, Collection] = {}

    async def check(self) -> None:
        """Looks at the collections that the configuration names.

        Raises:
            FailedPrecondition: one is not as the configuration has it.
            PrismError: PostgreSQL cannot be asked.
        """
        for name in self._options.collections:
            try:
                self._known[name] = await self._described(name, r.Context(""))
            except CallerError as error:
                if isinstance(error, FailedPrecondition):
                    raise
                table = self._options.collections[name]
                raise FailedPrecondition(
                    f"collection {name}: there is no table {table.schema_name or PUBLIC}.{table.table}; correct the "
                    "configuration, with the table's exact name and schema"
                ) from error

    async def stop(self) -> None:
        """Ends the sessions, after the calls under way, which have a moment for that."""
        drain = asyncio.create_task(self._lane.drain())
        await asyncio.wait([drain], timeout=_DRAIN)
        await self.sessions.stop()
        await drain
        self._lane.close()

    async def names(self, context: r.Context) -> Sequence[str]:
        """See Store."""
        if not self._options.every_table:
            return [*self._options.collections]
        rows = await self._call(context, lambda session: session.fetch(statements.TABLES, PUBLIC))
        return [*dict.fromkeys([*self._options.collections, *(row[0] for row in rows)])]

    async def describe(self, name: str, context: r.Context) -> Collection:
        """See Store."""
        found = self._known[name] = await self._described(name, context)
        return found

    async def run(self, name: str, make: Callable[[Collection], W], context: r.Context) -> W:
        """See Store: what is known of the table is compared with what it was while its rows were read."""
        collection = self._known.get(name)
        fresh = collection is None
        for _ in range(_ATTEMPTS):
            if collection is None:
                collection = await self.describe(name, context)
            try:
                return await self._once(collection, make, context)
            except _Changed:
                fresh = False
            except CallerError:
                if fresh:
                    raise
            before, collection = collection, await self.describe(name, context)
            fresh = collection.state == before.state
        raise FailedPrecondition(f"the table of {name} changes again and again; read it when it is quiet")

    def decode(self, column: Column, raw: Any) -> Value:
        """See Store: the column decides."""
        if raw is None:
            return NULL
        if not isinstance(column, PgColumn):
            raise TypeError(f"{column.name} is not a column of PostgreSQL")
        return column.type.read(raw) if column.type.binary else column.type.read_text(raw)

    async def _once(self, collection: Collection, make: Callable[[Collection], W], context: r.Context) -> W:
        options = self._options_of(collection.name)
        settings = options.set_for(context)

        async def run(session: ReadSession) -> W:
            work = make(collection)  # anew for each attempt: a lost session leaves it half done
            for setting, value in settings.items():
                await session.fetch(statements.SET, setting, value)
            try:
                while (statement := work.statement()) is not None:
                    await session.each(statement, work.take)
            except _STALE as error:
                raise _Changed from error
            except asyncpg.DataError as error:
                code = getattr(error, "sqlstate", None) or "22000"
                raise InvalidArgument(
                    f"a value of the request, or the cursor, does not fit its column (SQLSTATE {code})"
                ) from error
            # Read under the lock that the rows were read under, so that it is the state of the table then.
            rows = await session.fetch(statements.STATE, options.schema_name or PUBLIC, options.table)
            if not rows or rows[0][0] != collection.state:
                raise _Changed
            return work

        return await self._call(context, run)

    async def _described(self, name: str, context: r.Context) -> Collection:
        options = self._options_of(name)
        return await self._call(context, lambda session: describe(session.connection, self._catalogue, name, options))

    def _options_of(self, name: str) -> CollectionOptions:
        found = self._options.collections.get(name)
        if found is None:
            if not self._options.every_table:
                raise not_found(name)
            found = CollectionOptions(table=name)
        return found

    async def _call(self, context: r.Context, work: Callable[[ReadSession], Awaitable[T]]) -> T:
        result: T = await self._lane.call(context, LaneWork(lambda: self._in_transaction(context, work)))
        return result

    async def _in_transaction(self, context: r.Context, work: Callable[[ReadSession], Awaitable[T]]) -> T:
        attempt = 1
        while True:
            session: ReadSession | None = None
            try:
                session = await self.sessions.take()
                result = await self._transaction(session, context, work)
            except _OF_DRIVER as error:
                again = may_pass(error, writes=False, sent=True, connected=session is not None)
                if attempt == _ATTEMPTS or not again:
                    raise _translated(error, context) from error
            else:
                return result
            attempt += 1

    async def _transaction(
        self, session: ReadSession, context: r.Context, work: Callable[[ReadSession], Awaitable[T]]
    ) -> T:
        try:
            await session.begin(self._timeout(context))
            result = await work(session)
            await session.end()
        except BaseException as error:
            if isinstance(error, Exception) and (not isinstance(error, _OF_DRIVER) or was_answered(error)):
                try:
                    await session.end()
                except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    self.sessions.drop(session)
                else:
                    self.sessions.give_back(session)
            else:
                self.sessions.drop(session)
            raise
        self.sessions.give_back(session)
        return result

    def _timeout(self, context: r.Context) -> float:
        if context.deadline is None:
            return self._statement_timeout
        return min(self._statement_timeout, max(context.deadline.remaining(), 0.001))


def _translated(error: Exception, context: r.Context) -> PrismError:
    if isinstance(error, asyncpg.QueryCanceledError) and context.deadline is not None and context.deadline.expired():
        return DeadlineExceeded("PostgreSQL did not answer before the deadline; allow more time, or ask for less")
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return FailedPrecondition("the gateway's role may not read all of this table or view; GRANT it SELECT")
    plain = translate(error, writes=False, sent=True)
    if isinstance(error, asyncpg.PostgresError) and type(plain).__name__ == "InternalError":
        return FailedPrecondition(f"PostgreSQL refuses this read (SQLSTATE {error.sqlstate}); look into its log")
    return plain
