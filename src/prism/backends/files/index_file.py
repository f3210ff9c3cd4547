"""The index on disk: a thread that writes in groups and some that read in batches; the event loop waits for none.

A group is one transaction, and so one sync of the disk. Each write runs on what the one before left, so a condition is
looked at together with the write that it is for.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from prism.backends.files.config import FilesConfig
from prism.backends.files.errors import translated as of_files
from prism.backends.files.schema import connect, prepare
from prism.context import Context
from prism.errors import BackendError, BackendUnavailable, DeadlineExceeded, InternalError, Outcome, PrismError
from prism.sdk import Bounds, Coalescer, Deadline
from prism.sdk.objectstore.stored import Index
from prism.sdk.sqlite.errors import outcome_of_commit, translated
from prism.sdk.sqlite.threads import Threads

T = TypeVar("T")
_READERS = 2


class _Work:
    """What waits: what it does, and until when it is wanted."""

    __slots__ = ("apply", "deadline")

    def __init__(self, apply: Callable[[Index], Any], deadline: Deadline | None) -> None:
        self.apply = apply
        self.deadline = deadline


class IndexFile:
    """An open index.

    Args:
        path: the file.
        config: of the backend.
        before_commit: called on the writing thread before what the group wrote becomes visible.

    Attributes:
        path: see above.
        trouble: why the last group failed; empty where it did not.
    """

    def __init__(self, path: Path, config: FilesConfig, before_commit: Callable[[], None]) -> None:
        self.path = path
        self.trouble = ""
        self._config = config
        self._before_commit = before_commit
        self._inode = 0
        self._accepts = False
        self._writer: Threads
        self._readers: Threads
        self._groups: Coalescer[_Work, Any] = Coalescer(self._commit, bounds=Bounds(in_flight=1))
        self._batches: Coalescer[_Work, Any] = Coalescer(self._read, bounds=Bounds(in_flight=_READERS), reads=True)

    def prepare(self) -> list[sqlite3.Connection]:
        """Makes the file or brings it up to date, and opens it: the one that writes, then those that read; blocks."""
        prepare(self.path, self._config)
        opened: list[sqlite3.Connection] = []
        try:
            opened.append(connect(self.path, self._config))
            opened.extend(connect(self.path, self._config, read_only=True) for _ in range(_READERS))
        except sqlite3.Error as error:
            for each in opened:
                each.close()
            raise translated(error, None) from error
        return opened

    def start(self, connections: list[sqlite3.Connection]) -> None:
        """Starts the threads on what `prepare` opened."""
        self._writer = Threads("prism-files-index-writer", connections[:1])
        self._readers = Threads("prism-files-index-reader", connections[1:])
        self._inode = self.path.stat().st_ino
        self._accepts = True

    async def stop(self) -> None:
        """Completes what was asked and closes the file."""
        if not self._accepts:
            return
        self._accepts = False
        await self._batches.drain()
        await self._groups.drain()
        await self._readers.stop()
        await self._writer.stop()

    async def write(self, context: Context, work: Callable[[Index], T]) -> T:
        """Runs a write in the next group; answers when that is durable."""
        self._check_open(Outcome.NOT_APPLIED)
        answer: T = await self._groups.submit(context.namespace, _Work(work, context.deadline))
        return answer

    async def read(self, context: Context, work: Callable[[Index], T]) -> T:
        """Runs a short read in the next batch."""
        self._check_open(None)
        answer: T = await self._batches.submit(context.namespace, _Work(work, context.deadline))
        return answer

    def in_place(self) -> bool:
        """Whether the path still leads to the file that is open."""
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False

    @property
    def misplaced(self) -> str:
        """What to do where the file is not `in_place`."""
        return f"{self.path} was removed or replaced under the gateway; put it back and restart"

    def _check_open(self, outcome: Outcome | None) -> None:
        if not self._accepts:
            raise BackendUnavailable(
                f"{self.path} is not open; try again in a moment", outcome=outcome, retry_after=1.0
            )

    async def _commit(self, group: Sequence[_Work]) -> Sequence[Any]:
        try:
            answers = await self._writer.run(lambda connection: self._commit_in_place(connection, group))
        except BackendError as error:
            self.trouble = error.message
            raise
        self.trouble = ""
        return answers

    def _commit_in_place(self, connection: sqlite3.Connection, group: Sequence[_Work]) -> list[Any]:
        """Acknowledges no write into a file that the path no longer leads to."""
        if not self.in_place():
            raise BackendUnavailable(self.misplaced, outcome=Outcome.NOT_APPLIED)
        try:
            connection.execute("BEGIN IMMEDIATE")
            index = Index(connection, _now())
            answers = [_applied(index, work) for work in group]
            self._before_commit()
        except sqlite3.Error as error:
            _roll_back(connection)
            raise translated(error, Outcome.NOT_APPLIED) from error
        except OSError as error:
            _roll_back(connection)
            raise of_files(error, Outcome.NOT_APPLIED) from error
        except BaseException:
            _roll_back(connection)
            raise
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            _roll_back(connection)
            raise translated(error, outcome_of_commit(error)) from error
        return answers

    async def _read(self, batch: Sequence[_Work]) -> Sequence[Any]:
        return await self._readers.run(lambda connection: _read_batch(connection, batch))


def _now() -> int:
    return time.time_ns() // 1000


def _applied(index: Index, work: _Work) -> Any:
    """The answer of a write, or its refusal, which is its caller's alone: it refuses before it changes anything."""
    if work.deadline is not None and work.deadline.expired():
        return DeadlineExceeded("the deadline passed before the write began", outcome=Outcome.NOT_APPLIED)
    index.wasted = False
    try:
        return work.apply(index)
    except PrismError as refusal:
        refusal.outcome = refusal.outcome or Outcome.NOT_APPLIED
        return refusal
    except sqlite3.Error:
        raise
    except Exception as error:
        raise InternalError(f"a write failed: {error!r}; report this", outcome=Outcome.NOT_APPLIED) from error


def _read_batch(connection: sqlite3.Connection, batch: Sequence[_Work]) -> list[Any]:
    try:
        connection.execute("BEGIN")
        index = Index(connection, _now())
        return [_one(index, work) for work in batch]
    except sqlite3.Error as error:
        raise translated(error, None) from error
    finally:
        _roll_back(connection)


def _one(index: Index, work: _Work) -> Any:
    if work.deadline is not None and work.deadline.expired():
        return DeadlineExceeded("the deadline passed before the read began")
    try:
        return work.apply(index)
    except PrismError as refusal:
        return refusal


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
