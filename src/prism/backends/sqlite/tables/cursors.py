"""Connections to a file of tables that are there: each has a thread, and one call at a time has it to itself."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from prism.backends.sqlite.tables.guard import Authorizer, Guard
from prism.errors import BackendUnavailable, DeadlineExceeded, Outcome
from prism.sdk import Context, Deadline
from prism.sdk.sqlite.threads import Threads

T = TypeVar("T")
_STEPS = 1_000
"""Steps of SQLite's machine between two looks at the deadline."""


class Session:
    """One connection; its statement can be stopped from outside, and no other one can be met by that.

    Attributes:
        guard: what statements on it may do.
    """

    def __init__(self, name: str, connection: sqlite3.Connection, allows: Authorizer) -> None:
        self.guard = Guard(connection, allows)
        self._thread = Threads(name, [connection])
        self._deadline: Deadline | None = None
        self._stopped = False
        connection.set_progress_handler(self._over, _STEPS)

    def begin(self, deadline: Deadline | None) -> None:
        """A call has it from now on."""
        self._deadline, self._stopped = deadline, False

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Runs a job in its thread. Where the caller goes meanwhile, the job is stopped and waited for."""
        work = self._thread.run(job)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self._stopped = True  # what runs sees it within a thousand steps
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()
            raise

    async def end(self, job: Callable[[sqlite3.Connection], None]) -> None:
        """Runs what ends a call, which no deadline stops."""
        self._deadline, self._stopped = None, False
        await self._thread.run(job)

    async def close(self) -> None:
        """Ends what runs, and the thread with its connection."""
        self._stopped = True
        await self._thread.stop()

    def _over(self) -> bool:
        return self._stopped or (self._deadline is not None and self._deadline.expired())


class Sessions:
    """So many connections; who comes first has the next free one."""

    def __init__(self, sessions: list[Session]) -> None:
        self._free = list(sessions)
        self._every = sessions
        self._waiting: deque[asyncio.Future[Session]] = deque()
        self._closed = False

    @asynccontextmanager
    async def one(self, context: Context, *, outcome: Outcome | None = None) -> AsyncIterator[Session]:
        """One of them, for the block.

        Raises:
            DeadlineExceeded: none was free in time.
        """
        session = await self._taken(context.deadline, outcome)
        session.begin(context.deadline)
        try:
            yield session
        finally:
            self._give_back(session)

    async def close(self) -> None:
        """Stops what runs, and ends all."""
        self._closed = True
        for each in self._waiting:
            if not each.done():
                each.set_exception(_closed(None))
        await asyncio.gather(*(each.close() for each in self._every))

    async def _taken(self, deadline: Deadline | None, outcome: Outcome | None) -> Session:
        if self._closed:
            raise _closed(outcome)
        if self._free:
            return self._free.pop()
        turn: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(None if deadline is None else deadline.remaining()):
                return await asyncio.shield(turn)
        except TimeoutError as error:
            self._leave(turn)
            raise DeadlineExceeded("no connection to the file was free in time", outcome=outcome) from error
        except BackendUnavailable as error:
            raise _closed(outcome) from error
        except asyncio.CancelledError:
            self._leave(turn)
            raise

    def _leave(self, turn: "asyncio.Future[Session]") -> None:
        """The caller waits no longer; what it was given meanwhile is for the next one."""
        if turn.done():
            if turn.exception() is None:
                self._give_back(turn.result())
        else:
            turn.cancel()

    def _give_back(self, session: Session) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(session)
                return
        self._free.append(session)


def _closed(outcome: Outcome | None) -> BackendUnavailable:
    return BackendUnavailable("the file was closed; try again in a moment", outcome=outcome, retry_after=1.0)
