"""Sessions for callers' own statements: one transaction after the other, each of which leaves nothing behind.

Behind a pooler that gives each transaction another server, all that a transaction needs is said within it, and nothing
is prepared by a name.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg

from prism.backends.postgres.connect import SYNCED
from prism.backends.postgres.errors import was_answered
from prism.backends.postgres.tables.catalogue import Catalogue
from prism.backends.postgres.tables.types import PgType
from prism.errors import BackendUnavailable, CallerError, DeadlineExceeded, InvalidArgument, Outcome
from prism.sdk import Context

_PREPARED: Final = 100
"""Statements that a session keeps prepared."""
_CLOSING: Final = 5.0
"""Seconds for a session that is stopped: PostgreSQL is asked to cancel what it does."""

_SETTINGS: Final = (
    "timezone = 'UTC'",
    "datestyle = 'ISO'",
    "intervalstyle = 'postgres'",
    "bytea_output = 'hex'",
    "extra_float_digits = 1",
)
# What a caller's PREPARE made could stand in the place of a statement of ours: that session ends.
_PREPARED_BY_SQL: Final = "EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)"
_END: Final = "pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())"
_MARK: Final = "prism.prepared"
_REFUSE: Final = f"SELECT CASE WHEN {_PREPARED_BY_SQL} THEN pg_catalog.current_setting('{_MARK}') END"
"""Fails for want of a setting of that name, so that nothing is committed."""
_RESET: Final = """
SET SESSION AUTHORIZATION DEFAULT; RESET ALL; CLOSE ALL; UNLISTEN *; SELECT pg_catalog.pg_advisory_unlock_all();
DISCARD TEMP; DISCARD SEQUENCES"""


class Session:
    """A session with the server, used by one call at a time.

    Attributes:
        connection: the driver's.
        pooled: there is a pooler between.
        usable: it may be used again.
    """

    def __init__(self, connection: asyncpg.Connection, catalogue: Catalogue, *, pooled: bool) -> None:
        self.connection = connection
        self.pooled = pooled
        self.usable = True
        self._catalogue = catalogue
        self._prepared: OrderedDict[str, Any] = OrderedDict()
        self._names = 0

    async def begin(self, timeouts: Sequence[str], *, read_only: bool, synced: bool = False) -> None:
        """Begins a transaction with these settings, `name = value` each; `synced` as `durability` says.

        It has read something then: a transaction that only reads cannot be made another from now on.
        """
        mode = "READ ONLY" if read_only else "READ WRITE"
        local = ";".join(f"SET LOCAL {each}" for each in (*_SETTINGS, *timeouts))
        if synced:
            local += ";" + SYNCED.format(local="true")
        await self.connection.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED {mode};{local};SELECT 1")

    async def set(self, timeouts: Sequence[str]) -> None:
        """The same settings without a transaction."""
        await self.connection.execute(";".join(f"SET {each}" for each in (*_SETTINGS, *timeouts)))

    async def commit(self, *, synced: bool) -> None:
        """Takes back what would outlive the transaction, and commits it; `synced` as in `begin`.

        Raises:
            InvalidArgument: a statement has made what cannot be taken back; the transaction is rolled back.
        """
        again = SYNCED.format(local="true") + ";" if synced else ""  # RESET ALL has taken it back
        try:
            await self.connection.execute(f"{_REFUSE};{_RESET};{again}COMMIT")
        except asyncpg.UndefinedObjectError as error:
            if _MARK not in str(error):
                raise
            self.usable = False
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self.connection.execute(f"ROLLBACK;SELECT {_END}")
            raise InvalidArgument("PREPARE makes what outlives the call; nothing was written") from error

    async def undo(self) -> None:
        """Rolls the transaction back, and takes back what does not go with it."""
        if not self.usable:
            return
        try:
            end = f"SELECT CASE WHEN {_PREPARED_BY_SQL} THEN {_END} END"
            back = "ROLLBACK;" if self.connection.is_in_transaction() else ""
            await self.connection.execute(f"{back}{end};{_RESET}")
        except BaseException:
            self.usable = False
            raise

    async def prepare(self, text: str) -> Any:
        """A statement, with the types that it needs."""
        if (known := self._prepared.get(text)) is not None:
            self._prepared.move_to_end(text)
            return known
        try:
            statement = await self._parsed(text)
        except asyncpg.UnsupportedClientFeatureError:
            await self._catalogue.meet_all(self.connection)
            statement = await self._parsed(text)
        numbers = {each.type.oid for each in statement.get_attributes()} | {
            each.oid for each in statement.get_parameters()
        }
        if unknown := [each for each in numbers if self._catalogue.type_of(each) is None or each >= _OWN]:
            await self._catalogue.meet(self.connection, unknown)
            statement = await self._parsed(text)
        if not self.pooled:
            self._prepared[text] = statement
            if len(self._prepared) > _PREPARED:
                self._prepared.popitem(last=False)
        return statement

    def forget(self, text: str) -> None:
        """A statement is prepared no longer."""
        self._prepared.pop(text, None)

    def type_of(self, number: int) -> PgType:
        """A type that was met."""
        found = self._catalogue.type_of(number)
        if found is None:
            raise InvalidArgument(f"the statement has a value of the type {number}, which is not known any longer")
        return found

    async def _parsed(self, text: str) -> Any:
        self._names += 1
        return await self.connection.prepare(text, name="" if self.pooled else f"prism_sql_{self._names}")


_OWN: Final = 16_384


class Sessions:
    """At most so many sessions; who comes first has the next free one."""

    def __init__(self, open_session: Callable[[], Awaitable[Session]], most: int) -> None:
        self._open_session = open_session
        self._most = most
        self._idle: list[Session] = []
        self._used: set[Session] = set()
        self._count = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def open(self) -> int:
        """How many are in use."""
        return self._count

    @asynccontextmanager
    async def one(self, context: Context, outcome: Outcome | None) -> AsyncIterator[Session]:
        """A session for the block; one whose transaction was not ended within it is closed.

        Raises:
            DeadlineExceeded: none was free in time.
        """
        session = await self._taken(context, outcome)
        self._used.add(session)
        try:
            yield session
        except BaseException:
            session.usable = session.usable and not session.connection.is_in_transaction()
            raise
        finally:
            self._used.discard(session)
            self._give_back(session)

    async def stop(self) -> None:
        """Closes all; what runs is broken off, and is not committed."""
        self._closed = True
        while self._idle:
            self._close(self._idle.pop())
        for session in self._used:
            self._close(session)
        if self._closing:
            await asyncio.wait(self._closing, timeout=_CLOSING)

    async def _taken(self, context: Context, outcome: Outcome | None) -> Session:
        self._require_open(outcome)
        await self._turn(context, outcome)
        if self._closed:
            self._free()
            self._require_open(outcome)
        while self._idle:
            session = self._idle.pop()
            if not session.connection.is_closed():
                return session
        try:
            return await self._open_session()
        except BaseException:
            self._free()
            raise

    def _require_open(self, outcome: Outcome | None) -> None:
        if self._closed:
            raise BackendUnavailable("the backend is stopped; try again", outcome=outcome, retry_after=1.0)

    async def _turn(self, context: Context, outcome: Outcome | None) -> None:
        if self._count < self._most:
            self._count += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        deadline = context.deadline
        try:
            async with asyncio.timeout(None if deadline is None else deadline.remaining()):
                await turn
        except TimeoutError as error:
            if turn.done() and not turn.cancelled():
                self._free()
            raise DeadlineExceeded("no session with PostgreSQL was free in time", outcome=outcome) from error
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free()
            raise

    def _give_back(self, session: Session) -> None:
        if session.usable and not self._closed and not session.connection.is_closed():
            self._idle.append(session)
        else:
            self._close(session)
        self._free()

    def _free(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._count -= 1

    def _close(self, session: Session) -> None:
        async def close() -> None:
            with suppress(Exception):  # it is given up: how it ends is of no account
                await session.connection.close(timeout=_CLOSING)
            session.connection.terminate()

        self._closing.add(task := asyncio.create_task(close()))
        task.add_done_callback(self._closing.discard)


def is_lost(error: BaseException) -> bool:
    """Whether the session can hardly be used after an error."""
    return not isinstance(error, CallerError) and not (isinstance(error, asyncpg.PostgresError) and was_answered(error))
