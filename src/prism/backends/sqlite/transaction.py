"""Group commit: the writes that wait together share one transaction, and so one sync of the disk.

They run one after the other, each on what the one before left, so this merges no statements: a compare-and-swap in a
group is as exact as alone. A write refuses (raises a PrismError) before it changes anything, or in a `savepoint`, so a
refusal is its caller's alone; when SQLite itself fails, everything is rolled back and no write is applied.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from google.protobuf.message import DecodeError

from prism.errors import DataLoss, DeadlineExceeded, InternalError, Outcome, PrismError
from prism.sdk import Deadline
from prism.sdk.sqlite.errors import outcome_of_commit, translated


def now() -> int:
    """The store's clock: this machine's, in microseconds since 1970."""
    return time.time_ns() // 1000


class Transaction:
    """What a write works with.

    Attributes:
        connection: with a write transaction begun.
        now: the instant at which everything in it happens.
    """

    __slots__ = ("_stored", "_version", "connection", "now")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.now = now()
        self._stored: int | None = None
        self._version = 0

    def next_version(self) -> int:
        """A version never given before.

        It is counted in the file. Not falling behind the clock keeps it new even in a file restored from a backup.
        """
        if self._stored is None:
            (self._stored,) = self.connection.execute("SELECT version FROM state").fetchone()
            self._version = max(self._stored, self.now)
        self._version += 1
        return self._version

    def commit(self) -> None:
        """Ends the transaction; when this returns, it is as durable as configured."""
        if self._stored is not None:
            self.connection.execute("UPDATE state SET version = ?", (self._version,))
        try:
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise translated(error, outcome_of_commit(error)) from error


class Write:
    """A write that waits: what it does, and until when it is wanted."""

    __slots__ = ("apply", "deadline")

    def __init__(self, apply: Callable[[Transaction], Any], deadline: Deadline | None) -> None:
        self.apply = apply
        self.deadline = deadline


@contextmanager
def savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    """Undoes what one write of a group has changed where it fails; SQLite itself may have ended the whole group."""
    connection.execute("SAVEPOINT alone")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO alone")
            connection.execute("RELEASE alone")
        raise
    connection.execute("RELEASE alone")


def commit(connection: sqlite3.Connection, writes: Sequence[Write]) -> list[Any]:
    """Applies writes in one transaction; the answer or the refusal of each.

    Raises:
        PrismError: SQLite failed; the outcome holds for all.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        refusal = translated(error, Outcome.NOT_APPLIED)
        refusal.__cause__ = error
        return [refusal] * len(writes)  # no use in trying one by one: each would wait as long
    try:
        transaction = Transaction(connection)
        answers = [_apply(transaction, write) for write in writes]
        transaction.commit()
    except sqlite3.Error as error:
        raise translated(error, Outcome.NOT_APPLIED) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return answers


def grows(connection: sqlite3.Connection, writes: Sequence[Write]) -> bool:
    """Whether the file needs more pages for the writes; nothing of them is kept."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        before = pages(connection)
        transaction = Transaction(connection)
        for write in writes:
            _apply(transaction, write)
        return pages(connection) > before
    except sqlite3.Error:  # not even this has room
        return True
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def pages(connection: sqlite3.Connection) -> int:
    """Pages of the file with what the log and the open transaction add."""
    (count,) = connection.execute("PRAGMA page_count").fetchone()
    return int(count)


def _apply(transaction: Transaction, write: Write) -> Any:
    if write.deadline is not None and write.deadline.expired():
        return DeadlineExceeded("the deadline passed before the write began", outcome=Outcome.NOT_APPLIED)
    try:
        return write.apply(transaction)
    except PrismError as refusal:
        refusal.outcome = refusal.outcome or Outcome.NOT_APPLIED
        return refusal
    except DecodeError as error:
        failure = DataLoss("what the file holds of this is damaged; restore it", outcome=Outcome.NOT_APPLIED)
        failure.__cause__ = error
        return failure
    except sqlite3.Error:
        raise
    except Exception as error:
        raise InternalError(f"a write failed: {error!r}; report this", outcome=Outcome.NOT_APPLIED) from error
