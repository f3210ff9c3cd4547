"""Sessions with PostgreSQL: opened when needed, kept, and replaced when lost.

Not asyncpg's pool: its acquire and release cost a reset and more than an idle call's whole budget. Here nothing needs a
reset, for every statement is a transaction of its own, and no call waits for a session, for the lanes that ask for one
have no more batches in flight than there may be sessions.
"""

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic
from typing import Any

import asyncpg

from prism.backends.postgres.errors import may_pass, translate, was_answered, was_refused_unsent
from prism.backends.postgres.statements import Statement

ATTEMPTS = 5
_BACKOFF = 0.002
_MADE = 64
"""Statements that a session keeps of those that were made for calls."""
_REFUSED = 1.0  # seconds for which a refused session is not asked for again while there are others

_NO_MORE = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ProtocolViolationError,
)
"""The server, or a pooler, takes no more sessions of ours, and goes on with those that stand."""

_MISPLACED = (asyncpg.InvalidCachedStatementError, asyncpg.ReadOnlySQLTransactionError)
"""A new session fares better: it plans anew, or finds the primary after a failover."""

Rows = list[asyncpg.Record]


class Session:
    """One connection and the statements prepared on it."""

    __slots__ = ("_made", "_prepared", "connection", "schema")

    pooled = False

    def __init__(self, connection: asyncpg.Connection, schema: str) -> None:
        self.connection = connection
        self.schema = schema
        self._prepared: dict[Statement, asyncpg.prepared_stmt.PreparedStatement] = {}
        self._made: OrderedDict[str, asyncpg.prepared_stmt.PreparedStatement] = OrderedDict()

    async def prepare(self, statement: Statement) -> Callable[..., Awaitable[Rows]]:
        """The statement, ready to be run with its parameters."""
        if not statement.named:
            return (await self._prepare_made(statement.sql(self.schema))).fetch
        prepared = self._prepared.get(statement)
        if prepared is None:
            name = f"prism_{len(self._prepared)}"
            prepared = await self.connection.prepare(statement.sql(self.schema), name=name)
            self._prepared[statement] = prepared
        return prepared.fetch

    async def _prepare_made(self, sql: str) -> asyncpg.prepared_stmt.PreparedStatement:
        """A statement that was made for a call: the last ones are kept, for callers ask the same again and again."""
        prepared = self._made.pop(sql, None) or await self.connection.prepare(sql)
        self._made[sql] = prepared
        if len(self._made) > _MADE:
            self._made.popitem(last=False)  # the driver closes it
        return prepared


class PooledSession(Session):
    """One connection to a pooler, which may give each transaction another server, and keeps no setting of a session.

    So each statement is a transaction that begins with its settings, and nothing is prepared by a name.
    """

    __slots__ = ("_begin",)

    pooled = True

    def __init__(self, connection: asyncpg.Connection, schema: str, begin: str) -> None:
        super().__init__(connection, schema)
        self._begin = begin

    async def prepare(self, statement: Statement) -> Callable[..., Awaitable[Rows]]:
        """The statement, in a transaction that has begun."""
        try:
            await self.connection.execute(self._begin)
        except asyncpg.PostgresError:
            self.connection.terminate()
            raise
        return partial(self._run, statement.sql(self.schema))

    async def _run(self, sql: str, *arguments: Any) -> Rows:
        try:
            rows: Rows = await self.connection.fetch(sql, *arguments)
        except asyncpg.PostgresError as error:
            if was_answered(error):
                await self._roll_back()
            raise
        await self.connection.execute("COMMIT")
        return rows

    async def _roll_back(self) -> None:
        try:
            await self.connection.execute("ROLLBACK")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            self.connection.terminate()


class Sessions:
    """The sessions of one backend."""

    def __init__(self, open_session: Callable[[], Awaitable[Session]]) -> None:
        self._open_session = open_session
        self._idle: list[Session] = []
        self._open: set[Session] = set()
        self._closed = True
        self._waiting: deque[asyncio.Future[Session]] = deque()
        self._refused: asyncpg.PostgresError | None = None
        self._refused_until = 0.0

    @property
    def idle(self) -> int:
        """How many wait for work."""
        return len(self._idle)

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._open)

    async def start(self) -> None:
        """Lets statements in, having opened one session.

        Raises:
            PrismError: no session can be opened; see `translate`.
        """
        self._closed = False
        try:
            self._give_back(await self._take())
        except Exception as error:
            self._closed = True
            raise translate(error, writes=False, sent=False) from error

    async def stop(self) -> None:
        """Ends every session; statements in flight fail."""
        self._closed = True
        self._idle.clear()
        for session in list(self._open):
            self._drop(session)

    async def fetch(self, statement: Statement, *arguments: Any) -> Rows:
        """Runs a statement, which is a transaction of its own.

        A conflict with another transaction is tried again a few times; so is a read whose session was lost.

        Raises:
            PrismError: as `translate` says.
        """
        attempt = 1
        while True:
            sent = False
            session: Session | None = None
            try:
                session = await self._take()
                fetch = await session.prepare(statement)
                sent = True
                rows = await fetch(*arguments)
            except Exception as error:
                sent = sent and not was_refused_unsent(error)
                self._settle(session, error)
                again = may_pass(error, writes=statement.writes, sent=sent, connected=session is not None)
                if attempt == ATTEMPTS or not again:
                    raise translate(error, writes=statement.writes, sent=sent) from error
            except BaseException:
                if session is not None:
                    self._drop(session)
                raise
            else:
                self._give_back(session)
                return rows
            await asyncio.sleep(random.uniform(0, _BACKOFF * 2**attempt))  # noqa: S311  # jitter
            attempt += 1

    async def _take(self) -> Session:
        if self._closed:
            raise asyncpg.InterfaceError("the backend is stopped")
        if (idle := self._take_idle()) is not None:
            return idle
        if self._refused is not None and self._open and monotonic() < self._refused_until:
            return await self._one_that_stands(self._refused)
        try:
            session = await self._open_session()
        except _NO_MORE as error:
            self._refused, self._refused_until = error, monotonic() + _REFUSED
            return self._take_idle() or await self._one_that_stands(error)
        self._refused = None
        self._open.add(session)
        if self._closed:
            self._drop(session)
            raise asyncpg.InterfaceError("the backend was stopped")
        return session

    def _take_idle(self) -> Session | None:
        while self._idle:
            session = self._idle.pop()
            if not session.connection.is_closed():
                return session
            self._drop(session)
        return None

    async def _one_that_stands(self, refusal: asyncpg.PostgresError) -> Session:
        """Waits for a session that was opened before another was refused: neither a password that is being rotated
        nor a server that has fewer connections than the pool would take fails a call.

        Raises:
            asyncpg.PostgresError: the refusal, where no session is left.
        """
        if not self._open:
            raise refusal
        turn: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give_back(turn.result())
            raise

    def _give_back(self, session: Session) -> None:
        if self._closed:
            self._drop(session)
            return
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(session)
                return
        self._idle.append(session)

    def _settle(self, session: Session | None, error: Exception) -> None:
        """Keeps a session after an error only where it is certainly usable."""
        if session is None:
            return
        if was_answered(error) and not isinstance(error, _MISPLACED):
            self._give_back(session)
        else:
            self._drop(session)

    def _drop(self, session: Session) -> None:
        self._open.discard(session)
        session.connection.terminate()
        if not self._open:
            refusal = self._refused or asyncpg.InterfaceError("the session was lost")
            while self._waiting:
                turn = self._waiting.popleft()
                if not turn.done():
                    turn.set_exception(refusal)
