"""Sessions for transactions of several statements on tables that Prism did not make.

They plan as PostgreSQL does by itself, and find what the tables' triggers name by the role's own search path.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from prism.backends.postgres import timestamptz
from prism.backends.postgres.connect import PLANS
from prism.backends.postgres.errors import was_answered
from prism.backends.postgres.sessions import Rows, Session

_SETTINGS: Final = {
    "timezone": "'UTC'",
    "datestyle": "'ISO'",
    "intervalstyle": "'postgres'",
    "bytea_output": "'hex'",
    "extra_float_digits": "1",
}
_PREPARED: Final = 100
"""Statements that a session keeps prepared."""


class Connected:
    """A session, and whether what it does must not be sent again.

    Attributes:
        connection: the driver's.
        committing: COMMIT may have reached the server.
    """

    def __init__(self, session: Session, begin: str) -> None:
        self.connection = session.connection
        self.committing = False
        self._schema = session.schema
        self._pooled = session.pooled
        self._begin = begin
        self._prepared: OrderedDict[str, Any] = OrderedDict()

    async def begin(self, *, serializable: bool, lock_timeout: float | None = None) -> None:
        """Begins a transaction; one that waits less long for locks than the session does, where that is given."""
        self.committing = False
        level = "SERIALIZABLE" if serializable else "READ COMMITTED"
        waits = "" if lock_timeout is None else f"; SET LOCAL lock_timeout = {round(lock_timeout * 1000)}"
        await self.connection.execute(f"BEGIN ISOLATION LEVEL {level}{self._begin}{waits}")

    async def fetch(self, sql: str, *arguments: Any) -> Rows:
        """Runs a statement."""
        rows: Rows = await (await self._ready(sql)).fetch(*arguments)
        return rows

    async def change(self, sql: str, *arguments: Any) -> tuple[Rows, int]:
        """Runs a statement that changes rows; what it returns, and how many rows it met."""
        statement = await self._ready(sql)
        rows: Rows = await statement.fetch(*arguments)
        return rows, int(statement.get_statusmsg().rpartition(" ")[2])

    async def _ready(self, sql: str) -> Any:
        if self._pooled:
            return await self.connection.prepare(sql, name="")
        prepared = self._prepared.get(sql)
        if prepared is None:
            if len(self._prepared) >= _PREPARED:
                self._prepared.popitem(last=False)
            prepared = self._prepared[sql] = await self.connection.prepare(sql)
        else:
            self._prepared.move_to_end(sql)
        return prepared

    async def commit(self) -> None:
        """Ends the transaction; when this returns, it is as durable as configured."""
        self.committing = True
        await self.connection.execute("COMMIT")
        self.committing = False

    async def roll_back(self) -> None:
        """Ends it with nothing done, or the session with it."""
        try:
            await self.connection.execute("ROLLBACK")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            self.connection.terminate()


class TransactionSessions:
    """Sessions of one backend, opened when they are needed and kept.

    Args:
        open_session: opens one as the others of the backend are.
        most: at a time.
    """

    def __init__(self, open_session: Callable[[], Awaitable[Session]], most: int) -> None:
        self._open_session = open_session
        self._turns = asyncio.Semaphore(most)
        self._idle: list[Connected] = []
        self._open: set[Connected] = set()
        self._closed = False

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._open)

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[Connected, None]:
        """A session for the block; what the block leaves in a transaction is rolled back."""
        async with self._turns:
            connected = await self._take()
            try:
                yield connected
            except Exception as error:
                if connected.committing or (not was_answered(error) and isinstance(error, _OF_DRIVER)):
                    self._drop(connected)
                raise
            except BaseException:
                self._drop(connected)  # it was broken off: the server may be at work still
                raise
            finally:
                await self._give_back(connected)

    async def _take(self) -> Connected:
        if self._closed:
            raise asyncpg.InterfaceError("the backend is stopped")
        while self._idle:
            connected = self._idle.pop()
            if not connected.connection.is_closed():
                return connected
            self._drop(connected)
        session = await self._open_session()
        try:
            own = {**_SETTINGS, **dict.fromkeys((*PLANS, "search_path"), "DEFAULT")}
            begin = ""
            if session.pooled:
                begin = "".join(f"; SET LOCAL {name} = {value}" for name, value in own.items())
            else:
                await session.connection.execute("; ".join(f"SET {name} = {value}" for name, value in own.items()))
            await timestamptz.prepare(session.connection)
        except BaseException:
            session.connection.terminate()
            raise
        connected = Connected(session, begin)
        self._open.add(connected)
        return connected

    async def _give_back(self, connected: Connected) -> None:
        usable = False
        try:
            if connected in self._open and not connected.connection.is_closed():
                if connected.connection.is_in_transaction():
                    await connected.roll_back()
                usable = not connected.connection.is_closed() and not self._closed
        finally:  # also where the caller leaves meanwhile
            if usable:
                self._idle.append(connected)
            else:
                self._drop(connected)

    def _drop(self, connected: Connected) -> None:
        self._open.discard(connected)
        connected.connection.terminate()

    def stop(self) -> None:
        """Ends every session; transactions under way fail."""
        self._closed = True
        for connected in list(self._open):
            self._drop(connected)


_OF_DRIVER: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
