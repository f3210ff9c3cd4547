"""Sessions of Reader: each call has a read-only transaction of its own, whose settings hold whatever the role's are."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg

from prism.backends.postgres.sessions import Session
from prism.backends.postgres.tables.catalogue import Catalogue
from prism.sdk.reader import Statement

SETTINGS: Final = {
    "search_path": "pg_catalog",
    "DateStyle": "'ISO, YMD'",
    "IntervalStyle": "'postgres'",
    "TimeZone": "'UTC'",
    "extra_float_digits": "1",
    "bytea_output": "'hex'",
    "lc_monetary": "'C'",
    "client_min_messages": "error",
    "row_security": "on",
    "plan_cache_mode": "auto",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
"""The text of values is the same for every reader, and a page is read by an index wherever one serves."""

_PREPARED: Final = 200
"""Statements that a session keeps prepared; those that were used longest ago go first."""
_ROWS_AT_ONCE: Final = 128


class ReadSession:
    """One connection, and what is prepared on it."""

    def __init__(self, session: Session) -> None:
        self.connection: asyncpg.Connection = session.connection
        self.pooled = session.pooled
        self._prepared: OrderedDict[str, asyncpg.prepared_stmt.PreparedStatement] = OrderedDict()
        self._number = 0

    async def prepare(self, catalogue: Catalogue) -> None:
        """Makes it ready for its first transaction."""
        await catalogue.prepare(self.connection)
        if not self.pooled:
            await self.connection.execute(_text("SET", SETTINGS))

    async def begin(self, timeout: float) -> None:
        """Begins a transaction that writes nothing, whose statements end after `timeout` seconds."""
        settings = {"statement_timeout": str(max(1, round(timeout * 1000)))}
        if self.pooled:
            settings |= SETTINGS
        begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;"
        await self.connection.execute(begin + _text("SET LOCAL", settings))

    async def end(self) -> None:
        """Ends the transaction, whatever state it is in."""
        await self.connection.execute("ROLLBACK")

    async def fetch(self, text: str, *arguments: Any) -> list[asyncpg.Record]:
        """The rows of a statement of the catalogue."""
        if self.pooled:
            rows: list[asyncpg.Record] = await self.connection.fetch(text, *arguments)
            return rows
        prepared = await self._prepare(text)
        found: list[asyncpg.Record] = await prepared.fetch(*arguments)
        return found

    async def each(self, statement: Statement, take: Callable[[Any], bool]) -> None:
        """Gives the rows of a statement one by one, a few at a time in memory, until no more are wanted."""
        arguments = statement.parameters
        if self.pooled:  # a pooler's servers do not share what is prepared by a name
            for row in await self.connection.fetch(statement.text, *arguments):
                if not take(row):
                    return
            return
        prepared = await self._prepare(statement.text)
        if statement.most is not None and statement.most <= _ROWS_AT_ONCE:  # a cursor's end is a round trip more
            for row in await prepared.fetch(*arguments):
                if not take(row):
                    return
            return
        async for row in prepared.cursor(*arguments, prefetch=_ROWS_AT_ONCE):
            if not take(row):
                return

    async def _prepare(self, text: str) -> asyncpg.prepared_stmt.PreparedStatement:
        found = self._prepared.get(text)
        if found is None:
            self._number += 1
            found = await self.connection.prepare(text, name=f"prism_reader_{self._number}")
            self._prepared[text] = found
            if len(self._prepared) > _PREPARED:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(text)
        return found


class ReadSessions:
    """The sessions of one backend's Reader; as many as calls are under way, kept when they are idle."""

    def __init__(self, open_session: Callable[[], Awaitable[Session]], catalogue: Catalogue) -> None:
        self._open_session = open_session
        self._catalogue = catalogue
        self._idle: list[ReadSession] = []
        self._open: set[ReadSession] = set()
        self._closed = False

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._open)

    async def take(self) -> ReadSession:
        """One that is idle, or a new one."""
        while self._idle:
            session = self._idle.pop()
            if not session.connection.is_closed():
                return session
            self.drop(session)
        self._require_open()
        session = ReadSession(await self._open_session())
        self._open.add(session)
        try:
            self._require_open()  # it may have been stopped meanwhile
            await session.prepare(self._catalogue)
        except BaseException:
            self.drop(session)
            raise
        return session

    def _require_open(self) -> None:
        if self._closed:
            raise asyncpg.InterfaceError("the backend is stopped")

    def give_back(self, session: ReadSession) -> None:
        """It is idle."""
        self._idle.append(session)

    def drop(self, session: ReadSession) -> None:
        """It is not to be used again."""
        self._open.discard(session)
        session.connection.terminate()

    async def stop(self) -> None:
        """Ends them all; what is under way fails, and no more are opened."""
        self._closed = True
        self._idle.clear()
        for session in list(self._open):
            self.drop(session)
        await asyncio.sleep(0)


def _text(word: str, settings: dict[str, str]) -> str:
    return ";".join(f"{word} {name} = {value}" for name, value in settings.items())
