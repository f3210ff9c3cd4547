"""The file that Reader reads: a few threads, each with a connection that cannot write, and what they know of it.

Every call has one short read transaction, so that it holds up neither the file's log nor its writers.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from prism.backends.sqlite.reader.describing import describe, table_names
from prism.backends.sqlite.reader.filters import FoundDialect
from prism.backends.sqlite.tables.values import Text
from prism.backends.sqlite.tables.values import decode as decoded
from prism.errors import DeadlineExceeded, FailedPrecondition, PrismError
from prism.interfaces import reader as r
from prism.interfaces.value import Value
from prism.sdk import Bounds, Coalescer, Deadline
from prism.sdk.reader import Collection, CollectionOptions, Column, Dialect, ReaderOptions, Undecodable, Work, not_found
from prism.sdk.sqlite.errors import primary_code, translated
from prism.sdk.sqlite.threads import Threads

T = TypeVar("T")
W = TypeVar("W", bound=Work)

_PROGRESS_STEPS = 10_000
"""Steps of SQLite's machine, well below a millisecond, between two looks at the deadline."""


class _Job:
    """What is done with a connection, and until when it is wanted."""

    __slots__ = ("apply", "deadline")

    def __init__(self, apply: Callable[["_Tables"], Any], deadline: Deadline | None) -> None:
        self.apply = apply
        self.deadline = deadline


class SqliteTables:
    """`prism.sdk.reader.Store` on a file."""

    dialect: Dialect = FoundDialect()

    def __init__(self, path: Path, options: ReaderOptions, readers: int, busy_timeout: float) -> None:
        self.path = path
        self._options = options
        self._readers = readers
        self._busy_timeout = busy_timeout
        self._threads: Threads | None = None
        self._opening = asyncio.Lock()
        by_itself = Bounds(calls=1, in_flight=readers)
        self._calls: Coalescer[_Job, Any] = Coalescer(self._run, bounds=by_itself, reads=True)
        self._known: dict[sqlite3.Connection, _Tables] = {}

    async def check(self) -> None:
        """Looks at the collections that the configuration names; without any, the file is opened when it is read.

        Raises:
            FailedPrecondition: there is no such file, or a collection is not as the configuration has it.
            PrismError: SQLite cannot open it.
        """
        if self._options.settings_of():
            raise FailedPrecondition("SQLite has no row-level security: remove `settings` from the collections")
        if not self._options.collections:
            return
        if not self.path.exists():
            raise FailedPrecondition(f"{self.path} does not exist; Reader reads a file that is there: correct `tables`")
        await self._open()

    async def _open(self) -> Threads:
        async with self._opening:
            if self._threads is None:
                connections = await asyncio.to_thread(self._connect)
                self._threads = Threads("prism-sqlite-tables", connections)
            return self._threads

    def _connect(self) -> list[sqlite3.Connection]:
        connections: list[sqlite3.Connection] = []
        try:
            for _ in range(self._readers):
                connections.append(connect(self.path, self._busy_timeout))  # noqa: PERF401 - closed below where one fails
            tables = _Tables(connections[0], self._options)
            for name in self._options.collections:
                tables.checked(name)
        except sqlite3.Error as error:
            for each in connections:
                each.close()
            raise translated(error, None) from error
        except PrismError:
            for each in connections:
                each.close()
            raise
        self._known = {each: _Tables(each, self._options) for each in connections}
        return connections

    async def close(self) -> None:
        """Completes what was asked and closes the file."""
        if self._threads is not None:
            await self._calls.drain()  # with them: what waits would open the file again
            threads, self._threads = self._threads, None
            await threads.stop()
            self._known.clear()

    async def names(self, context: r.Context) -> Sequence[str]:
        """See Store."""
        if not self.path.exists():
            return ()
        names: Sequence[str] = await self._call(context, lambda tables: tables.names())
        return names

    async def describe(self, name: str, context: r.Context) -> Collection:
        """See Store."""
        self._check_there(name)
        found: Collection = await self._call(context, lambda tables: tables.collection(name))
        return found

    async def run(self, name: str, make: Callable[[Collection], W], context: r.Context) -> W:
        """See Store."""

        def work(tables: _Tables) -> W:
            made = make(tables.collection(name))
            while (statement := made.statement()) is not None:
                rows = tables.connection.execute(statement.text, statement.parameters)
                try:
                    for row in rows:
                        if not made.take(row):
                            break
                finally:
                    rows.close()
            return made

        self._check_there(name)
        done: W = await self._call(context, work)
        return done

    def _check_there(self, name: str) -> None:
        """A file that has not been made yet has no tables."""
        if self._threads is None and not self.path.exists():
            raise not_found(name)

    def decode(self, _column: Column, raw: Any) -> Value:
        """See Store: each row decides."""
        if isinstance(raw, Undecodable):
            return decoded(Text(raw))
        if isinstance(raw, str) and "\0" in raw:
            return decoded(Text(raw.encode()))
        return decoded(raw)

    async def _call(self, context: r.Context, apply: Callable[["_Tables"], T]) -> T:
        result: T = await self._calls.submit(context.namespace, _Job(apply, context.deadline))
        return result

    async def _run(self, jobs: Sequence[_Job]) -> Sequence[Any]:
        (job,) = jobs
        threads = self._threads or await self._open()
        return [await threads.run(lambda connection: _transaction(self._known[connection], job))]


class _Tables:
    """The tables of the file as one connection knows them; looked at anew when the file's schema has changed."""

    def __init__(self, connection: sqlite3.Connection, options: ReaderOptions) -> None:
        self.connection = connection
        self._options = options
        self._version = -1
        self._collections: dict[str, Collection] = {}

    def begun(self) -> None:
        """A transaction has begun: what is known may be of a schema before."""
        (version,) = self.connection.execute("PRAGMA main.schema_version").fetchone()
        if version != self._version:
            self._version = version
            self._collections.clear()

    def names(self) -> list[str]:
        """The names of the collections."""
        tables = table_names(self.connection) if self._options.every_table else []
        return [*dict.fromkeys([*self._options.collections, *tables])]

    def collection(self, name: str) -> Collection:
        """A collection, as it is in this transaction."""
        found = self._collections.get(name)
        if found is None:
            found = self._collections[name] = self.checked(name)
        return found

    def checked(self, name: str) -> Collection:
        """The same, looked at anew."""
        options = self._options.collections.get(name)
        if options is None:
            if not self._options.every_table or name not in table_names(self.connection):
                raise not_found(name)
            options = CollectionOptions(table=name)
        return describe(self.connection, name, options)


def _transaction(tables: _Tables, job: _Job) -> Any:
    connection = tables.connection
    if job.deadline is not None:
        if job.deadline.expired():
            raise DeadlineExceeded("the deadline passed before the read began")
        connection.set_progress_handler(job.deadline.expired, _PROGRESS_STEPS)
    try:
        connection.execute("BEGIN")
        tables.begun()
        return job.apply(tables)
    except sqlite3.Error as error:
        if primary_code(error) == sqlite3.SQLITE_ERROR:
            raise FailedPrecondition(
                f"SQLite refuses this read, for the table or view is not whole: {error}"
            ) from error
        raise translated(error, None) from error
    finally:
        connection.set_progress_handler(None, 0)
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def connect(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """A connection that cannot write."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro",
        uri=True,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA query_only = ON")
    connection.text_factory = _text
    return connection


def _text(stored: bytes) -> str | Undecodable:
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return Undecodable(stored)
