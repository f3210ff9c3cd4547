"""Sql on SQLite: statements on a file of tables that are there already, guarded by SQLite's own means."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from prism.backends.sqlite.schema import APPLICATION_ID
from prism.backends.sqlite.tables import guard
from prism.backends.sqlite.tables.cursors import Session, Sessions
from prism.backends.sqlite.tables.values import Text, decode, encode, written
from prism.context import Context
from prism.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    LimitExceeded,
    Outcome,
    PrismError,
)
from prism.interfaces import sql
from prism.sdk.sql import READS, Access, Answer, Room, SqlStore, Statement, misfit
from prism.sdk.sqlite.errors import outcome_of_commit, primary_code, translated
from prism.sdk.sqlite.write_ahead import use_write_ahead_log
from prism.sdk.tables import Misfit

_MAX_VALUE: Final = 64 << 20
"""Bytes in one text, blob or row of a statement: what it computes is bounded too."""
_ABOUT_STATEMENTS: Final = frozenset(
    {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_TOOBIG}
)
_REFUSED: Final = frozenset({sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY})
_OUT_OF_REACH: Final = "another file, a transaction, a setting and tables named prism_* are out of its reach"
_ONLY_ONE: Final = "one statement at a time"


class SqliteSql(SqlStore):
    """Statements on one file.

    Args:
        path: the file.
        access: what callers may do.
        readers: statements that read at the same time.
        busy_timeout: seconds to wait for others that write.
    """

    def __init__(self, path: Path, access: Access, readers: int, busy_timeout: float) -> None:
        self._path = path.resolve()
        self._access = access
        self._count = readers
        self._busy_timeout = busy_timeout
        self._sessions: tuple[Sessions, Sessions] | None = None
        self._opening = asyncio.Lock()

    async def start(self) -> None:
        """Opens the file where statements only read; where they write, it is made and opened when it is first used.

        Raises:
            FailedPrecondition: it is not there, or is Prism's own.
            PrismError: it cannot be opened.
        """
        if self._access == "read":
            await self._opened()

    async def _opened(self) -> tuple[Sessions, Sessions]:
        """Those that read, and the one that writes."""
        async with self._opening:
            if self._sessions is None:
                try:
                    connections = await asyncio.to_thread(self._open)
                except sqlite3.Error as error:
                    plain = translated(error, None)
                    raise type(plain)(f"{self._path}: {plain.message}", retry_after=plain.retry_after) from error
                reading, writing = connections[: self._count], connections[self._count :]
                self._sessions = (
                    Sessions([Session("prism-sqlite-sql", each, guard.reading) for each in reading]),
                    Sessions([Session("prism-sqlite-sql-writer", each, guard.writing) for each in writing]),
                )
            return self._sessions

    async def stop(self) -> None:
        """Stops what runs, and closes the file."""
        sessions, self._sessions = self._sessions, None
        for each in sessions or ():
            await each.close()

    @asynccontextmanager
    async def query(self, statement: Statement, context: Context) -> AsyncIterator[Answer]:
        """See SqlStore."""
        params = _bound(statement)
        readers, _ = await self._opened()
        async with readers.one(context) as session:
            opened: list[sqlite3.Cursor] = []

            def begin(connection: sqlite3.Connection) -> None:
                opened.append(_begun(session, connection, statement, params))

            try:
                await session.run(begin)
                yield _Rows(session, opened[0])
            except sqlite3.Error as error:
                raise _failure(error, None) from error
            finally:
                await _undone(session, opened)

    async def execute(
        self, statements: Sequence[Statement], context: Context, most: int, *, autocommit: bool = False
    ) -> Sequence[sql.Result]:
        """See SqlStore."""
        bound = [(each, _bound(each)) for each in statements]

        def run(session: Session, connection: sqlite3.Connection) -> Sequence[sql.Result]:
            if autocommit:
                return _alone(session.guard, connection, *bound[0], most)
            return _together(session.guard, connection, bound, most)

        _, writer = await self._opened()
        async with writer.one(context, outcome=Outcome.NOT_APPLIED) as session:
            return await session.run(partial(run, session))

    def _open(self) -> list[sqlite3.Connection]:
        """Those that read, and one that writes where there is one."""
        if self._access == "write" and not self._path.exists():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = self._connect("rwc")
            use_write_ahead_log(made)
            made.close()
        if not self._path.exists():
            raise FailedPrecondition(f"{self._path} does not exist; correct `tables` in the namespace's config")
        opened: list[sqlite3.Connection] = []
        try:
            for _ in range(self._count):
                opened.append(self._connect("ro"))  # noqa: PERF401  # closed where one fails
            (owner,) = opened[0].execute("PRAGMA application_id").fetchone()
            if owner == APPLICATION_ID:
                raise FailedPrecondition(
                    f"{self._path} holds what Prism keeps for namespaces; set `tables` to a file of its own"
                )
            for each in opened:
                each.execute("PRAGMA query_only = ON")
            if self._access == "write":
                writer = self._connect("rw")
                opened.append(writer)
                writer.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            for each in opened:
                each.close()
            raise
        return opened

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode={mode}",
            uri=True, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False, cached_statements=128,
        )  # fmt: skip
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.text_factory = Text
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE)
        return connection


class _Rows:
    """`prism.sdk.sql.Answer`: a cursor in a session's thread."""

    def __init__(self, session: Session, cursor: sqlite3.Cursor) -> None:
        self._session = session
        self._cursor = cursor
        self.columns = _columns(cursor)

    async def fetch(self, most: int) -> Sequence[bytes]:
        """See Answer. The thread writes them: it would sleep meanwhile."""

        def rows(_: sqlite3.Connection) -> list[bytes]:
            return [b"".join(map(written, row)) for row in self._cursor.fetchmany(most)]

        return await self._session.run(rows)


def _begun(
    session: Session, connection: sqlite3.Connection, statement: Statement, params: Sequence[Any]
) -> sqlite3.Cursor:
    session.guard.transact(guard.BEGIN)
    return _run(connection, statement, params)


async def _undone(session: Session, opened: Sequence[sqlite3.Cursor]) -> None:
    """Ends the transaction of a statement that read."""

    def end(connection: sqlite3.Connection) -> None:
        for cursor in opened:
            cursor.close()  # let go elsewhere, it would wait on the event loop for the statement of the next call
        if connection.in_transaction:
            session.guard.transact(guard.ROLLBACK)

    await asyncio.shield(session.end(end))


def _run(connection: sqlite3.Connection, statement: Statement, params: Sequence[Any]) -> sqlite3.Cursor:
    try:
        return connection.execute(statement.text, params)
    except (sqlite3.ProgrammingError, sqlite3.Warning) as error:  # of the Python module: it has no code
        raise InvalidArgument(f"{statement.path}statement: {_said(error)}", outcome=Outcome.NOT_APPLIED) from error
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"{statement.path}statement: {error}", outcome=Outcome.NOT_APPLIED) from error


def _said(error: Exception) -> str:
    return f"send {_ONLY_ONE}" if _ONLY_ONE in str(error) else str(error)


def _together(
    held: guard.Guard, connection: sqlite3.Connection, bound: Sequence[tuple[Statement, Sequence[Any]]], most: int
) -> Sequence[sql.Result]:
    """All in one transaction."""
    committing = False
    try:
        held.transact(guard.BEGIN_WRITING)
        room = Room(most)
        results = [_result(connection, *each, room) for each in bound]
        committing = True
        held.transact(guard.COMMIT)
    except sqlite3.Error as error:
        raise _failure(error, outcome_of_commit(error) if committing else Outcome.NOT_APPLIED) from error
    except PrismError as error:
        error.outcome = Outcome.NOT_APPLIED
        raise
    else:
        return results
    finally:
        if connection.in_transaction:
            held.transact(guard.ROLLBACK)


def _alone(
    held: guard.Guard, connection: sqlite3.Connection, statement: Statement, params: Sequence[Any], most: int
) -> Sequence[sql.Result]:
    """Outside a transaction of ours."""
    try:
        held.expect(guard.alone())
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1)
        return [_result(connection, statement, params, Room(most))]
    except LimitExceeded as error:
        error.outcome = Outcome.UNKNOWN  # it ran, as far as its rows were asked for
        raise
    except sqlite3.Error as error:
        refused = primary_code(error) in _REFUSED | _ABOUT_STATEMENTS
        raise _failure(error, Outcome.NOT_APPLIED if refused else outcome_of_commit(error)) from error
    finally:
        connection.set_authorizer(None)
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for _, name, _ in connection.execute("PRAGMA database_list").fetchall():
            if bytes(name) not in {b"main", b"temp"}:
                connection.execute("DETACH " + '"' + name.decode().replace('"', '""') + '"')
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        held.expect(guard.writing)


def _result(connection: sqlite3.Connection, statement: Statement, params: Sequence[Any], room: Room) -> sql.Result:
    before = connection.total_changes
    with closing(_run(connection, statement, params)) as cursor:
        result = sql.Result(columns=_columns(cursor))
        room.take(result)
        rows = []
        for each in cursor:
            row = sql.Row(values=[decode(value) for value in each])
            room.take(row)
            rows.append(row)
        result.rows.extend(rows)
        result.rows_affected = max(cursor.rowcount, 0) if connection.total_changes != before else 0
    return result


def _columns(cursor: sqlite3.Cursor) -> list[sql.Column]:
    found = cursor.description or ()
    return [sql.Column(name=_name(each[0]), kind=sql.DYNAMIC) for each in found]


def _name(name: str | bytes) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name


def _bound(statement: Statement) -> list[Any]:
    bound = []
    for index, each in enumerate(statement.params):
        try:
            bound.append(encode(each))
        except Misfit as error:
            raise misfit(error, statement, index) from error
    return bound


def _failure(error: sqlite3.Error, outcome: Outcome | None) -> PrismError:
    """The error of a statement, with SQLite's code."""
    code = primary_code(error)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    made: PrismError
    if code == sqlite3.SQLITE_INTERRUPT:
        made = DeadlineExceeded("the deadline passed, and the statement was stopped", outcome=outcome)
    elif code in _REFUSED:
        why = READS if outcome is None else _OUT_OF_REACH
        made = FailedPrecondition(f"the statement may not do this ({error}): {why}", outcome=outcome)
    elif code in _ABOUT_STATEMENTS:
        made = InvalidArgument(f"SQLite refuses the statement: {error}", outcome=outcome)
    else:
        made = translated(error, outcome)
    made.metadata["sql_code"] = name
    return made
