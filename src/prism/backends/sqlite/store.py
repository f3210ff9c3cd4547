"""The store: a thread that writes in groups, some that read in batches, some that scan; the event loop waits for none.

Scans have threads of their own, so that a long one holds up no Get.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.reserve import Reserve
from prism.backends.sqlite.schema import (
    PAGE,
    connect,
    connect_read_only,
    is_read_only,
    is_unchanging,
    log_of,
    prepare,
)
from prism.backends.sqlite.transaction import Transaction, Write, commit, grows, now, pages
from prism.errors import (
    BackendError,
    BackendUnavailable,
    Conflict,
    DeadlineExceeded,
    Outcome,
    PrismError,
    StoreFull,
)
from prism.sdk import Bounds, Coalescer, Context, Deadline
from prism.sdk.sqlite.errors import translated
from prism.sdk.sqlite.threads import Threads

T = TypeVar("T")
Layout = Callable[[Path, SqliteConfig], None]
_OPENING = 1 << 20
"""Bytes that opening a file may need for its log and index; where they are missing, the reserve gives its room."""
_PROGRESS_STEPS = 10_000
"""Steps of SQLite's machine, well below a millisecond, between two looks at the deadline of a long query."""


class Read:
    """A read that waits: what it reads with a connection at an instant, and until when it is wanted."""

    __slots__ = ("apply", "deadline")

    def __init__(self, apply: Callable[[sqlite3.Connection, int], Any], deadline: Deadline | None) -> None:
        self.apply = apply
        self.deadline = deadline


class Store:
    """An open database file.

    Attributes:
        path: the file, without symbolic links.
        commits: group commits so far.
        writes: writes in them.
        trouble: why the last group failed; empty where it did not, or only lost to another process.
        read_only: why nothing is written; empty where it is.
    """

    def __init__(self, config: SqliteConfig, layout: Layout | None = None) -> None:
        """
        Args:
            config: where the file is, and how it is used.
            layout: what is made in it where that is missing; unset: Prism's own tables, in a file of Prism's.
        """
        self.path = Path(config.path).resolve()
        self._layout = layout
        self.commits = 0
        self.writes = 0
        self.trouble = ""
        self.read_only = ""
        self._state: object = None
        self._config = config
        self._accepts = False
        self._inode = 0
        self._reserve = Reserve(self.path, config.reserve)
        self._full = ""
        self._writer: Threads
        self._readers: Threads
        self._scanners: Threads
        self._watcher: Threads | None = None
        self._groups: Coalescer[Write, Any] = Coalescer(self._commit, bounds=Bounds(in_flight=1))
        self._batches: Coalescer[Read, Any] = Coalescer(self._read, bounds=Bounds(in_flight=config.readers), reads=True)
        by_itself = Bounds(calls=1, in_flight=config.readers)
        self._queries: Coalescer[Read, Any] = Coalescer(self._query, bounds=by_itself, reads=True)

    async def open(self) -> None:
        """Prepares the file and starts the threads; see `Backend.start` for what it raises."""
        if self._accepts:
            return
        connections = await asyncio.to_thread(self._connect)
        readers = connections[-2 * self._config.readers :]
        self._writer = Threads("prism-sqlite-writer", connections[: -len(readers)])
        self._readers = Threads("prism-sqlite-reader", readers[: self._config.readers])
        self._scanners = Threads("prism-sqlite-scanner", readers[self._config.readers :])
        self._inode = self.path.stat().st_ino
        self._accepts = True

    def _connect(self) -> list[sqlite3.Connection]:
        """One that writes, unless the file is read-only, and those that read."""
        self.read_only, self._state = "", None
        if self._layout is None and is_read_only(self.path):
            return self._connect_read_only()
        if self._reserve.free() < _OPENING:
            self._reserve.drop()
        (self._layout or prepare)(self.path, self._config)
        opened: list[sqlite3.Connection] = []
        try:
            opened.append(connect(self.path, self._config))
            opened[0].execute("PRAGMA foreign_keys = ON")  # Graph has some, and others' tables may
            opened.extend(connect(self.path, self._config, read_only=True) for _ in range(2 * self._config.readers))
        except sqlite3.Error as error:
            for connection in opened:
                connection.close()
            raise translated(error, None) from error
        self._reserve.make()
        return opened

    def _connect_read_only(self) -> list[sqlite3.Connection]:
        unchanging = is_unchanging(self.path)
        state = self._seen()
        opened: list[sqlite3.Connection] = []
        try:
            for _ in range(2 * self._config.readers):
                opened.append(connect_read_only(self.path, self._config, unchanging=unchanging))  # noqa: PERF401
        except BaseException:
            for connection in opened:
                connection.close()
            raise
        self._state = state if unchanging else None
        self.read_only = (
            f"{self.path} is read-only, so only reads are served: make it and its folder writable, then reload the "
            "namespace's plugin or restart"
        )
        return opened

    def _seen(self) -> object:
        """What changes when another process writes to the file."""
        found, log = self.path.stat(), log_of(self.path)
        return found.st_ino, found.st_size, found.st_mtime_ns, log.exists() and log.stat().st_size

    def _check_unchanged(self) -> None:
        """SQLite takes an unchanging file at its word: it looks for no writer."""
        if self._state is not None and self._state != self._seen():
            raise BackendUnavailable(
                f"{self.path} was read-only at the start and has been written to since: reload the namespace's plugin"
            )

    async def close(self) -> None:
        """Completes what was asked, moves the log into the file and closes it."""
        if not self._accepts:
            return
        self._accepts = False
        await self._batches.drain()
        await self._groups.drain()
        await self._queries.drain()
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            await watcher.stop()
        await self._readers.stop()
        await self._scanners.stop()
        if not self.read_only:
            await asyncio.wait([self._writer.run(self._close_log)])
        await self._writer.stop()

    def write(self, context: Context, apply: Callable[[Transaction], T], *, size: int = 0) -> "asyncio.Future[T]":
        """Runs `apply` in the next group commit; answers when that is durable."""
        self._check_open(Outcome.NOT_APPLIED)
        if self.read_only:
            raise StoreFull(self.read_only, outcome=Outcome.NOT_APPLIED)
        return self._groups.submit(context.namespace, Write(apply, context.deadline), size=size)

    def read(self, context: Context, apply: Callable[[sqlite3.Connection, int], T]) -> "asyncio.Future[T]":
        """Runs a short read in the next batch."""
        self._check_open(None)
        return self._batches.submit(context.namespace, Read(apply, context.deadline))

    def query(self, context: Context, apply: Callable[[sqlite3.Connection, int], T]) -> "asyncio.Future[T]":
        """Runs a longer read by itself, in its namespace's turn; it ends when the deadline passes."""
        self._check_open(None)
        return self._queries.submit(context.namespace, Read(apply, context.deadline))

    async def changes(self) -> int:
        """A number that changes with every commit of another connection to the file, of any process."""
        self._check_open(None)
        if self._watcher is None:
            self._watcher = Threads("prism-sqlite-watcher", [connect(self.path, self._config, read_only=True)])
        return await self._watcher.run(_data_version)

    @property
    def misplaced(self) -> str:
        """What to do where the file is not `in_place`."""
        return f"{self.path} was removed or replaced under the gateway; put it back and restart"

    def in_place(self) -> bool:
        """Whether the path still leads to the file that is open."""
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False

    def _check_open(self, outcome: Outcome | None) -> None:
        if not self._accepts:
            raise BackendUnavailable(
                f"{self.path} is not open; try again in a moment", outcome=outcome, retry_after=1.0
            )

    async def _commit(self, writes: Sequence[Write]) -> Sequence[Any]:
        try:
            answers = await self._writer.run(lambda connection: self._commit_in_place(connection, writes))
        except BackendError as error:
            self.trouble = error.message
            raise
        self.commits += 1
        self.writes += len(writes)
        self.trouble = next((answer.message for answer in answers if _is_trouble(answer)), self._full)
        return answers

    def _commit_in_place(self, connection: sqlite3.Connection, writes: Sequence[Write]) -> Sequence[Any]:
        """Acknowledges no write into a file that the path no longer leads to."""
        if not self.in_place():
            raise BackendUnavailable(self.misplaced, outcome=Outcome.NOT_APPLIED)
        self._full = ""
        try:
            return commit(connection, writes)
        except StoreFull:
            if len(writes) > 1 or not self._config.reserve or grows(connection, writes):
                raise  # several come again one by one
        return self._commit_on_full_disk(connection, writes)

    def _commit_on_full_disk(self, connection: sqlite3.Connection, writes: Sequence[Write]) -> Sequence[Any]:
        """Does with the room of the reserve what needs no more room in the file."""
        self._reserve.drop()
        try:
            self._empty_log(connection)
            answers = commit(connection, writes)
        finally:
            self._empty_log(connection)
            self._reserve.make()
        self._full = f"{self.path}: the disk is full, and only what needs no more room is stored; free some space"
        return answers

    def _empty_log(self, connection: sqlite3.Connection) -> None:
        """Moves the log into the file and cuts it, unless the file has no room to grow: the attempt would fill it."""
        if self._growth(connection) <= self._reserve.free():
            with suppress(
                sqlite3.OperationalError
            ):  # the log stays as long as it is; the next write says what is wrong
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _growth(self, connection: sqlite3.Connection) -> int:
        """Bytes by which the file is shorter than with what is in the log."""
        return pages(connection) * PAGE - self.path.stat().st_size

    def _close_log(self, connection: sqlite3.Connection) -> None:
        if self._growth(connection) > self._reserve.free():
            self._reserve.drop()
        self._empty_log(connection)
        self._reserve.make()

    def keep_reserve(self) -> "asyncio.Future[None]":
        """Makes the reserve again where it is missing, or not whole, and there is room for it by now."""
        return self._writer.run(lambda _connection: self._reserve.make())

    async def _query(self, queries: Sequence[Read]) -> Sequence[Any]:
        def query(connection: sqlite3.Connection) -> Any:
            self._check_unchanged()
            return _query(connection, only)

        (only,) = queries
        return [await self._scanners.run(query)]

    async def _read(self, reads: Sequence[Read]) -> Sequence[Any]:
        def read(connection: sqlite3.Connection) -> list[Any]:
            self._check_unchanged()
            return _read_batch(connection, reads)

        return await self._readers.run(read)


def _data_version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    return int(version)


def _is_trouble(answer: object) -> bool:
    return isinstance(answer, BackendError) and not isinstance(answer, Conflict)


def _read_batch(connection: sqlite3.Connection, reads: Sequence[Read]) -> list[Any]:
    """Every read sees the same state of the file, so a put of several items is never seen in part."""
    instant = now()
    try:
        connection.execute("BEGIN")
        return [_one(connection, read, instant) for read in reads]
    except sqlite3.Error as error:
        raise translated(error, None) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")  # ends it as well as COMMIT, which fails after a damaged page


def _one(connection: sqlite3.Connection, read: Read, instant: int) -> Any:
    if read.deadline is not None and read.deadline.expired():
        return _too_late()
    try:
        return read.apply(connection, instant)
    except sqlite3.Error as error:
        failure = translated(error, None)
        failure.__cause__ = error
        return failure
    except PrismError as refusal:  # it is its caller's alone
        return refusal


def _query(connection: sqlite3.Connection, read: Read) -> Any:
    if read.deadline is not None:
        if read.deadline.expired():
            raise _too_late()
        connection.set_progress_handler(read.deadline.expired, _PROGRESS_STEPS)
    try:
        return read.apply(connection, now())
    except sqlite3.Error as error:
        raise translated(error, None) from error
    finally:
        connection.set_progress_handler(None, 0)


def _too_late() -> DeadlineExceeded:
    return DeadlineExceeded("the deadline passed before the read began")
