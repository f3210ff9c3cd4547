"""The way to the server: its driver, statements that end with their caller's time, and writes that know their outcome.

A write is a transaction of its own, of a begin, its statements and a commit: whatever fails before the commit was not
applied. One that is given up closes its connection, at which the server ends what ran on it; the server has the
caller's time too.

Source: the driver's documentation, "Async API", "Cancellation"; Bolt Protocol, "BEGIN", "tx_timeout".
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from neo4j import (
    READ_ACCESS,
    WRITE_ACCESS,
    AsyncDriver,
    AsyncGraphDatabase,
    AsyncManagedTransaction,
    AsyncResult,
    AsyncSession,
    Query,
    ResultSummary,
)
from neo4j.api import AsyncBookmarkManager
from neo4j.exceptions import Neo4jError, ServiceUnavailable, SessionExpired

from prism.backends.opencypher.config import OpenCypherConfig
from prism.backends.opencypher.errors import BROKEN, CONFLICTS, code_of, translate
from prism.context import Context
from prism.errors import BackendUnavailable, DeadlineExceeded, Outcome
from prism.sdk.tls import client_context

T = TypeVar("T")

Run = Callable[..., Awaitable[AsyncResult]]
"""Runs a statement in a transaction: `run(statement, parameters)`."""

_ATTEMPTS: Final = 12
"""Of a write that others stand in the way of."""
_FIRST_PAUSE: Final = 0.005
_MOST_PAUSE: Final = 0.2
"""Seconds between two attempts, at random up to these."""
_LEAST: Final = 0.001
"""Seconds of a statement's time: 0 would mean no end."""


class Records:
    """What a statement gives. Each wait for it ends when its time is over; no clock is held while its reader rests.

    Args:
        result: of the driver's.
        until: the loop's time at which it is over.
    """

    def __init__(self, result: AsyncResult, until: float) -> None:
        self._result = result
        self._until = until

    @property
    def columns(self) -> Sequence[str]:
        """Their names."""
        return self._result.keys()

    async def __aiter__(self) -> AsyncIterator[list[Any]]:
        records = aiter(self._result)
        while True:
            async with asyncio.timeout_at(self._until):
                record = await anext(records, None)
            if record is None:
                return
            yield record.values()

    async def every(self) -> list[list[Any]]:
        """All rows."""
        async with asyncio.timeout_at(self._until):
            return [record.values() async for record in self._result]

    async def summary(self) -> ResultSummary:
        """What the server did; rows that are left are not sent."""
        async with asyncio.timeout_at(self._until):
            return await self._result.consume()


class Link:
    """Statements on one server or cluster, by one user.

    Args:
        config: where it is.
        username: of the user.
        password: of the user; None where it asks for none.
        bookmarks: what was written, which a caller's statement that reads is to see on a cluster; None for none.

    Attributes:
        repeated: writes that were tried again, because others stood in the way.
    """

    def __init__(
        self,
        config: OpenCypherConfig,
        username: str,
        password: str | None,
        bookmarks: AsyncBookmarkManager | None = None,
    ) -> None:
        self._config = config
        self._bookmarks = bookmarks
        self._login = None if password is None else (username, password)
        self._driver: AsyncDriver | None = None
        self.repeated = 0

    def start(self) -> None:
        """Makes ready; the first statement dials.

        Raises:
            FailedPrecondition: a file of certificates cannot be used.
        """
        if self._driver is not None:
            return
        config = self._config
        options: dict[str, Any] = {}
        if config.secure:
            options["ssl_context"] = client_context(config.ca, config.certificate, config.key)
            options["ssl_context"].check_hostname = config.verify_hostname
        self._driver = AsyncGraphDatabase.driver(
            config.url.replace("+s://", "://"),
            auth=self._login,
            max_connection_pool_size=config.connections,
            connection_timeout=config.connect_timeout,
            connection_acquisition_timeout=config.statement_timeout,
            notifications_min_severity="OFF",
            telemetry_disabled=True,
            user_agent="prism",
            **options,
        )

    async def stop(self) -> None:
        """Closes every connection."""
        driver, self._driver = self._driver, None
        if driver is not None:
            await driver.close()

    async def rows(self, context: Context, statement: str, **parameters: Any) -> list[list[Any]]:
        """All rows of a statement that reads.

        Raises:
            DeadlineExceeded: the time is over.
            PrismError: as `translate` has it.
        """
        async with self.reading(context, statement, parameters) as records:
            return await records.every()

    @asynccontextmanager
    async def reading(
        self, context: Context, statement: str, parameters: Mapping[str, Any], *, of_caller: bool = False
    ) -> AsyncIterator[Records]:
        """The answer of a statement that reads: a caller's in a transaction that may not write, one of Prism's own by
        the leader, which has what was acknowledged.

        Args:
            context: of the call, whose deadline counts.
            statement: in openCypher.
            parameters: of it.
            of_caller: the statement is the caller's own.

        Raises:
            DeadlineExceeded: the time is over.
            PrismError: as `translate` has it.
        """
        seconds = self._seconds(context)
        until = asyncio.get_running_loop().time() + seconds
        try:
            async with _closing(self._session(READ_ACCESS if of_caller else WRITE_ACCESS), until) as session:
                query = Query(statement, timeout=seconds)  # names in it are quoted
                async with asyncio.timeout_at(until):
                    try:
                        result = await session.run(query, dict(parameters))
                    except (SessionExpired, ServiceUnavailable) as error:
                        if _not_reached(error):
                            raise
                        result = await session.run(query, dict(parameters))  # an idle connection may have been closed
                yield Records(result, until)
        except TimeoutError as error:
            raise DeadlineExceeded("Neo4j did not answer before the deadline; allow more time") from error
        except Exception as error:
            raise translate(error, None, of_caller=of_caller) from error

    async def write(
        self,
        context: Context,
        work: Callable[[AsyncManagedTransaction], Awaitable[T]],
        *,
        of_caller: bool = False,
        conflicts: Container[str] = CONFLICTS,
    ) -> T:
        """Does work in a transaction; again from its start where another one stood in the way.

        Args:
            context: of the call, whose deadline counts.
            work: the statements; what it returns is returned when they are committed.
            of_caller: the statements are the caller's own.
            conflicts: codes of the server that say that another one stood in the way.

        Raises:
            DeadlineExceeded: the time is over.
            PrismError: as `translate` has it, or what the work raises.
        """
        attempt = _Attempt(Outcome.NOT_APPLIED)
        again = True
        pause = _FIRST_PAUSE
        seconds = self._seconds(context)
        try:
            async with asyncio.timeout(seconds) as limit:
                for number in range(1, _ATTEMPTS + 1):
                    attempt = _Attempt(Outcome.NOT_APPLIED)
                    left = (limit.when() or 0.0) - asyncio.get_running_loop().time()
                    try:
                        async with self._session(WRITE_ACCESS) as session:
                            return await attempt.done(session, work, max(left, _LEAST))
                    except (SessionExpired, ServiceUnavailable) as error:
                        if attempt.begun or not again or _not_reached(error):
                            raise
                        again = False  # an idle connection may have been closed
                    except Neo4jError as error:
                        if code_of(error) not in conflicts or number == _ATTEMPTS:
                            raise
                        self.repeated += 1
                        await asyncio.sleep(random.uniform(0, pause))  # noqa: S311  # so that two do not meet again
                        pause = min(2 * pause, _MOST_PAUSE)
        except TimeoutError as error:
            raise DeadlineExceeded(
                "Neo4j did not answer before the deadline; allow more time", outcome=attempt.outcome
            ) from error
        except Exception as error:
            raise translate(error, attempt.outcome, of_caller=of_caller) from error
        raise AssertionError("the last attempt returns or raises")

    def _session(self, access: str) -> AsyncSession:
        if self._driver is None:
            raise BackendUnavailable("the backend is stopped", outcome=Outcome.NOT_APPLIED)
        return self._driver.session(
            database=self._config.database, default_access_mode=access, bookmark_manager=self._bookmarks
        )

    def _seconds(self, context: Context) -> float:
        seconds = self._config.statement_timeout
        return seconds if context.deadline is None else min(seconds, max(context.deadline.remaining(), _LEAST))


class _Attempt:
    """One transaction, and how far it came.

    Attributes:
        begun: the server has said that it began.
        outcome: of it, should it fail now.
    """

    def __init__(self, outcome: Outcome) -> None:
        self.begun = False
        self.outcome = outcome

    async def done(
        self, session: AsyncSession, work: Callable[[AsyncManagedTransaction], Awaitable[T]], seconds: float
    ) -> T:
        async with await session.begin_transaction(timeout=seconds) as transaction:
            self.begun = True
            answer = await work(transaction)  # type: ignore[arg-type]  # both run statements
            self.outcome = Outcome.UNKNOWN
            try:
                await transaction.commit()
            except Neo4jError as error:
                if not code_of(error).startswith(BROKEN):
                    self.outcome = Outcome.NOT_APPLIED
                raise
        return answer


@asynccontextmanager
async def _closing(session: AsyncSession, until: float) -> AsyncIterator[AsyncSession]:
    """Closes a session by that time, with its connection where it is given up: at that the server ends what runs."""
    try:
        yield session
    except (TimeoutError, asyncio.CancelledError, GeneratorExit):
        session.cancel()
        raise
    finally:
        try:
            async with asyncio.timeout_at(until):
                await session.close()
        except TimeoutError:
            session.cancel()


def _not_reached(error: Exception) -> bool:
    """Whether no connection could be made, so that the next would not be either."""
    return str(error).startswith("Couldn't connect")
