"""Group commit on a real connection: whose refusal is whose, what a failure undoes, versions that never come again."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import DecodeError

from prism.backends.sqlite import items, schema
from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.transaction import Transaction, Write, commit, savepoint
from prism.errors import AlreadyExists, InternalError, Outcome, StoreFull
from prism.interfaces.keyvalue import PutItem

Apply = Callable[[Transaction], Any]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    config = SqliteConfig()
    schema.prepare(tmp_path / "data.db", config)
    connection = schema.connect(tmp_path / "data.db", config)
    yield connection
    connection.close()


def put(key: bytes) -> Apply:
    return lambda transaction: items.put(transaction, b"n", b"r", PutItem(key=key, value=b"v"))


def run(connection: sqlite3.Connection, *applies: Apply) -> list[Any]:
    return commit(connection, [Write(apply, None) for apply in applies])


def keys(connection: sqlite3.Connection) -> list[bytes]:
    return [key for (key,) in connection.execute("SELECT key FROM item ORDER BY key")]


def test_a_refusal_is_its_callers_alone(connection: sqlite3.Connection) -> None:
    """A write that refuses gets its own error; the others of the group are written."""

    def refuse(_transaction: Transaction) -> None:
        raise AlreadyExists("no")

    answers = run(connection, put(b"a"), refuse, put(b"b"))
    assert isinstance(answers[1], AlreadyExists)
    assert keys(connection) == [b"a", b"b"]


def test_writes_of_a_group_see_those_before_them(connection: sqlite3.Connection) -> None:
    """They run one after the other, so a check in one holds against all the others."""

    def look(transaction: Transaction) -> bool:
        return items.exists(transaction.connection, b"n", b"r", b"a", transaction.now)

    assert run(connection, look, put(b"a"), look)[::2] == [False, True]


@pytest.mark.parametrize("failure", [sqlite3.DatabaseError("torn"), ZeroDivisionError()])
def test_a_failure_undoes_the_group(connection: sqlite3.Connection, failure: Exception) -> None:
    """When SQLite or the backend fails, nothing of the group is applied, and the next one works."""

    def fail(transaction: Transaction) -> None:
        put(b"half")(transaction)
        raise failure

    with pytest.raises(InternalError) as raised:
        run(connection, put(b"a"), fail, put(b"b"))
    assert raised.value.outcome is Outcome.NOT_APPLIED
    assert keys(connection) == []
    run(connection, put(b"c"))
    assert keys(connection) == [b"c"]


def test_versions_rise_and_are_kept_in_the_file(connection: sqlite3.Connection) -> None:
    """Each is above the last, in a group, after deletes, and in the next transaction."""

    def delete(transaction: Transaction) -> bool:
        return items.delete(transaction, b"n", b"r", b"a")

    first, second, _, third = run(connection, put(b"a"), put(b"a"), delete, put(b"a"))
    (fourth,) = run(connection, put(b"a"))
    assert first < second < third < fourth


def test_versions_rise_though_the_clock_does_not(connection: sqlite3.Connection) -> None:
    """The count in the file rules where the clock is behind it."""
    connection.execute("UPDATE state SET version = 1 << 60")
    assert run(connection, put(b"a"), put(b"a")) == [(1 << 60) + 1, (1 << 60) + 2]


def test_versions_of_a_restored_file_are_new(connection: sqlite3.Connection) -> None:
    """A file put back from a backup does not give again the versions that it gave after the backup."""
    (before,) = connection.execute("SELECT version FROM state").fetchone()
    (given,) = run(connection, put(b"a"))
    connection.execute("UPDATE state SET version = ?", (before,))
    (again,) = run(connection, put(b"a"))
    assert again > given


def test_a_group_that_changes_nothing_writes_nothing(connection: sqlite3.Connection) -> None:
    """Deleting what is missing costs no sync: the log does not grow."""
    (path,) = [row[2] for row in connection.execute("PRAGMA database_list")]
    run(connection, put(b"a"))
    size = Path(f"{path}-wal").stat().st_size
    run(connection, lambda transaction: items.delete(transaction, b"n", b"r", b"missing"))
    assert Path(f"{path}-wal").stat().st_size == size


FAILING_COMMIT = """
import resource, signal, sys
from pathlib import Path
from prism.backends.sqlite import items, schema
from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.transaction import Write, commit
from prism.errors import PrismError
from prism.interfaces.keyvalue import PutItem

path = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
schema.prepare(path, SqliteConfig())
connection = schema.connect(path, SqliteConfig())

def put(value):
    return Write(lambda transaction: items.put(transaction, b"n", b"r", PutItem(key=b"k", value=value)), None)

commit(connection, [put(b"kept")])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (Path(f"{path}-wal").stat().st_size + 5000, hard))
try:
    commit(connection, [put(bytes(100_000))])
except PrismError as error:
    print(type(error).__name__, error.outcome)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
print(connection.execute("SELECT value FROM item").fetchall())
commit(connection, [put(b"after")])
print(connection.execute("SELECT value FROM item").fetchall())
"""


def test_a_commit_that_the_disk_cuts_short(tmp_path: Path) -> None:
    """A failing disk in the middle of a COMMIT is UNKNOWN; what was there is still there, and writing goes on."""
    command = [sys.executable, "-c", FAILING_COMMIT, str(tmp_path / "data.db")]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines == ["BackendUnavailable UNKNOWN", "[(b'kept',)]", "[(b'after',)]"]


@pytest.mark.parametrize("failure", [AlreadyExists("no"), DecodeError("damaged")])
def test_a_write_in_a_savepoint_is_undone_alone(connection: sqlite3.Connection, failure: Exception) -> None:
    """Whatever it fails with, the half of it is gone, and the others of the group are written."""

    def fail(transaction: Transaction) -> None:
        with savepoint(transaction.connection):
            put(b"half")(transaction)
            raise failure

    answers = run(connection, put(b"a"), fail, put(b"b"))
    assert answers[1].outcome is Outcome.NOT_APPLIED
    assert keys(connection) == [b"a", b"b"]


def test_a_failure_that_ends_the_group_keeps_its_name(connection: sqlite3.Connection) -> None:
    """SQLite has rolled everything back: there is no savepoint to go back to."""

    def fail(transaction: Transaction) -> None:
        with savepoint(transaction.connection):
            transaction.connection.execute("ROLLBACK")
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    with pytest.raises(StoreFull):
        run(connection, put(b"a"), fail)
    assert keys(connection) == []
