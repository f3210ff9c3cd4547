"""Sql on PostgreSQL: statements on a database of tables that are there already, by the extended protocol."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg

from prism.backends.postgres.config import PostgresConfig, PostgresCredentials
from prism.backends.postgres.connect import connect
from prism.backends.postgres.hosts import Hosts
from prism.backends.postgres.tables import role
from prism.backends.postgres.tables.catalogue import Catalogue
from prism.backends.postgres.tables.failures import failure
from prism.backends.postgres.tables.portal import Portal
from prism.backends.postgres.tables.sessions import Session, Sessions, is_lost
from prism.backends.postgres.tables.types import NULL, PgType
from prism.context import Context
from prism.errors import (
    CallerError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    Outcome,
    PrismError,
)
from prism.interfaces import sql
from prism.interfaces.value import Kind
from prism.sdk import Health, HealthStatus
from prism.sdk.sql import Answer, Room, SqlStore, Statement, misfit, too_many_alone, wire
from prism.sdk.tables import Misfit

log = logging.getLogger(__name__)
T = TypeVar("T")

_STALE: Final = (
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
_FIRST_ROWS: Final = 16
"""Rows of Execute that come at once: how large rows are is not known before."""
_ALONE_ROWS: Final = 256
_MAX_ROWS: Final = 2_000
_BYTES: Final = 256 << 10
"""Bytes of rows that are to come at once, about."""
_PID: Final = "SELECT pg_catalog.pg_backend_pid()"
_CONTROL: Final = re.compile(
    r"(?:\s|;|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*(?!/))*\*/)*(abort|begin|start|commit|end|rollback|savepoint|release)\b",
    re.IGNORECASE,
)
"""A statement that begins or ends a transaction, for a sentence that helps: what one did, the server says."""


class PostgresSql(SqlStore):
    """Statements on one database.

    Args:
        config: where it is, and what callers may do.
        credentials: who we are there.
    """

    def __init__(self, config: PostgresConfig, credentials: PostgresCredentials) -> None:
        self._config, self._credentials = config.of_sql(credentials)
        self._access = config.sql
        self._synced = config.durability == "synced"
        self._hosts = Hosts(self._config.addresses)
        self._catalogue = Catalogue()
        self._sessions = Sessions(self._open, config.sql_sessions)

    @property
    def open(self) -> int:
        """Sessions that are open."""
        return self._sessions.open

    async def start(self) -> None:
        """Looks whether role and database are fit for it.

        Raises:
            FailedPrecondition: one is not.
            PrismError: PostgreSQL does not answer.
        """
        if self._access == "off":
            return
        try:
            session = await self._open()
            try:
                async with session.connection.transaction(readonly=True):
                    await role.require_apart(session.connection)
                    if self._synced and self._access == "write":
                        await role.require_synced(session.connection)
                    if self._access == "read":
                        await role.require_reader(session.connection)
                    elif await role.is_superuser(session.connection):
                        log.warning(
                            "Sql runs as a superuser, whose statements reach files and programs of PostgreSQL's "
                            "server; give it a role of its own"
                        )
            finally:
                session.connection.terminate()
        except Exception as error:
            raise failure(error, None) from error

    async def health(self, probe: Context) -> Health:
        """Whether PostgreSQL answers."""
        try:
            async with self._one(probe, None) as session:
                await _in_time(probe, session.connection.execute("SELECT 1"))
        except PrismError as error:
            return Health(HealthStatus.UNHEALTHY, error.message)
        return Health(details={"sql_sessions": f"{self.open}"})

    async def stop(self) -> None:
        """Ends what runs, and every session."""
        await self._sessions.stop()

    @asynccontextmanager
    async def query(self, statement: Statement, context: Context) -> AsyncIterator[Answer]:
        """See SqlStore."""
        _refuse_control(statement)
        async with self._one(context, None) as session:
            try:

                async def opened() -> _Rows:
                    prepared, arguments = await _in_time(context, _ready(session, statement))
                    return _Rows(session, context, prepared, await _in_time(context, prepared.cursor(*arguments)))

                yield await self._begun(session, [statement], context, opened, read_only=True)
            except Exception as error:
                session.usable = session.usable and not is_lost(error)
                session.forget(statement.text)
                raise failure(error, None) from error
            except asyncio.CancelledError:
                session.usable = False
                raise
            finally:
                await _ended(session)

    async def execute(
        self, statements: Sequence[Statement], context: Context, most: int, *, autocommit: bool = False
    ) -> Sequence[sql.Result]:
        """See SqlStore."""
        async with self._one(context, Outcome.NOT_APPLIED) as session:
            if autocommit:
                return await self._alone(session, statements[0], context, most)
            for each in statements:
                _refuse_control(each)
            committing = False
            try:

                async def done() -> list[sql.Result]:
                    room = Room(most)
                    return [await _in_time(context, _run(session, each, room)) for each in statements]

                results = await self._begun(session, statements, context, done, read_only=False)
                committing = True
                await _in_time(context, session.commit(synced=self._synced))
            except Exception as error:
                session.usable = session.usable and not (committing or is_lost(error))
                for each in statements:
                    session.forget(each.text)
                found = failure(error, Outcome.NOT_APPLIED)
                if not committing or isinstance(error, CallerError):
                    found.outcome = Outcome.NOT_APPLIED
                raise found from error
            except BaseException:
                session.usable = False
                raise
            else:
                return results
            finally:
                if not committing:
                    await _ended(session)

    async def _begun(
        self,
        session: Session,
        statements: Sequence[Statement],
        context: Context,
        work: Callable[[], Awaitable[T]],
        *,
        read_only: bool,
    ) -> T:
        """Does the work in a new transaction; once more where a statement was prepared for tables that are others now,
        or a caller has taken it from the session."""
        synced = self._synced and not read_only
        for stale in (_STALE, ()):
            await _in_time(context, session.begin(self._timeouts(context), read_only=read_only, synced=synced))
            try:
                return await work()
            except stale:
                for each in statements:
                    session.forget(each.text)
                await session.undo()
        raise AssertionError("the second time returns or raises")

    async def _alone(self, session: Session, statement: Statement, context: Context, most: int) -> Sequence[sql.Result]:
        """Outside a transaction."""
        if session.pooled:
            raise FailedPrecondition("a pooler in front of PostgreSQL has no statements outside a transaction")
        _refuse_control(statement)
        outcome = Outcome.NOT_APPLIED
        try:
            await session.set(self._timeouts(context))
            await _in_time(context, _ready(session, statement))
            outcome = Outcome.UNKNOWN  # what runs alone may commit a part of it, as CALL does
            return [await _in_time(context, _run(session, statement, Room(most), alone=True))]
        except Exception as error:
            found = failure(error, outcome)
            found.outcome = outcome
            raise found from error
        finally:
            session.usable = False  # its settings go with it

    @asynccontextmanager
    async def _one(self, context: Context, outcome: Outcome | None) -> AsyncIterator[Session]:
        try:
            async with self._sessions.one(context, outcome) as session:
                yield session
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            found = failure(error, outcome)
            found.outcome = outcome  # there was no session to send it by
            raise found from error

    async def _open(self) -> Session:
        connection = await connect(self._config, self._credentials, self._hosts)
        try:
            async with connection.transaction():  # behind a pooler, only a transaction stays with one server
                pooled = await connection.fetchval(_PID) != connection.get_server_pid()
                await self._catalogue.prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        return Session(connection, self._catalogue, pooled=pooled)

    def _timeouts(self, context: Context) -> tuple[str, str]:
        seconds = self._config.statement_timeout
        if context.deadline is not None:
            seconds = min(seconds, max(context.deadline.remaining(), 0.001))
        lock = round(self._config.lock_timeout * 1000)
        return f"statement_timeout = {max(round(seconds * 1000), 1)}", f"lock_timeout = {lock}"


class _Rows:
    """`prism.sdk.sql.Answer`: a portal."""

    def __init__(self, session: Session, context: Context, prepared: Any, cursor: Any) -> None:
        self._context = context
        self._cursor = cursor
        self._writers = [_writer(session.type_of(each.type.oid)) for each in prepared.get_attributes()]
        self.columns = _columns(session, prepared)

    async def fetch(self, most: int) -> Sequence[bytes]:
        """See Answer."""
        rows = await _in_time(self._context, self._cursor.fetch(most))
        writers = self._writers
        return [
            b"".join([wire.NULL if held is None else write(held) for write, held in zip(writers, row, strict=True)])
            for row in rows
        ]


def _writer(kind: PgType) -> Callable[[Any], bytes]:
    """What writes the driver's objects of a type as values of a row."""
    if kind.kind is Kind.STRING:
        return wire.of_string
    if kind.binary and kind.kind in _WRITERS:
        return _WRITERS[kind.kind]
    if kind.name == "timestamptz":
        return lambda held: wire.of_timestamp(held) if isinstance(held, int) else wire.of_value(kind.read(held))
    if kind.kind is Kind.DECIMAL:
        return lambda held: wire.of_decimal(held) if held[-1].isdigit() else wire.of_value(kind.read(held))
    return lambda held: wire.of_value(kind.read(held))


_WRITERS: Final[Mapping[Kind, Callable[[Any], bytes]]] = {
    Kind.BOOL: wire.of_bool,
    Kind.INT64: wire.of_int64,
    Kind.DOUBLE: wire.of_double,
    Kind.BYTES: wire.of_bytes,
}


async def _ready(session: Session, statement: Statement) -> tuple[Any, list[Any]]:
    """The statement, prepared, and its parameters as the driver takes them."""
    prepared = await session.prepare(statement.text)
    expected = prepared.get_parameters()
    if len(expected) != len(statement.params):
        raise InvalidArgument(
            f"{statement.path}params: {len(statement.params)} values; the statement has {len(expected)} parameters",
            outcome=Outcome.NOT_APPLIED,
        )
    arguments = []
    for index, (each, value) in enumerate(zip(expected, statement.params, strict=True)):
        try:
            arguments.append(session.type_of(each.oid).write(value))
        except Misfit as error:
            raise misfit(error, statement, index) from error
    return prepared, arguments


async def _run(session: Session, statement: Statement, room: Room, *, alone: bool = False) -> sql.Result:
    """The result of a statement, whole."""
    prepared, arguments = await _ready(session, statement)
    result = sql.Result(columns=_columns(session, prepared))
    room.take(result)
    reads = [session.type_of(each.type.oid).read for each in prepared.get_attributes()]
    portal = Portal(prepared, arguments)
    wanted = _ALONE_ROWS if alone else _FIRST_ROWS
    while portal.status is None:
        rows = await portal.fetch(wanted)
        before = room.left
        for row in rows:
            values = [NULL if held is None else one(held) for one, held in zip(reads, row, strict=True)]
            room.take(made := sql.Row(values=values))
            result.rows.append(made)
        if portal.status is None and alone:
            raise too_many_alone(_ALONE_ROWS)
        wanted = max(1, min(_MAX_ROWS, _BYTES * len(rows) // max(before - room.left, 1)))
    if not alone and not session.connection.is_in_transaction():
        raise InvalidArgument("the statement ended its transaction, which is the gateway's; leave that to it")
    affected = portal.status.rpartition(" ")[2]
    if affected.isdigit():  # of a SELECT that came in portions it counts the last one
        result.rows_affected = max(int(affected), len(result.rows))
    return result


def _columns(session: Session, prepared: Any) -> list[sql.Column]:
    found = ((each.name, session.type_of(each.type.oid)) for each in prepared.get_attributes())
    return [sql.Column(name=name, kind=each.kind, store_type=each.name) for name, each in found]


async def _in_time(context: Context, work: Awaitable[T]) -> T:
    """Waits for work until the deadline; what runs then is cancelled in the store."""
    try:
        async with asyncio.timeout(None if context.deadline is None else context.deadline.remaining()):
            return await work
    except TimeoutError as error:
        raise DeadlineExceeded("the deadline passed, and the statement was stopped") from error


async def _ended(session: Session) -> None:
    """Rolls back, if it can still be said; else the session is closed."""
    try:
        async with asyncio.timeout(5):
            await asyncio.shield(session.undo())
    except Exception:  # noqa: BLE001  # the session is given up for it
        session.usable = False


def _refuse_control(statement: Statement) -> None:
    if found := _CONTROL.match(statement.text):
        raise InvalidArgument(
            f"{statement.path}statement: {found[1].upper()} is not for callers: each call is a transaction of its own, "
            "and Batch one of several statements",
            outcome=Outcome.NOT_APPLIED,
        )
