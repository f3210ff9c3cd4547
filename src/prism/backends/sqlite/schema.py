"""The database file: how it is opened, whose it is, what is in it, and how an older one is brought up to date."""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.errors import primary_code, translated
from prism.errors import FailedPrecondition, PrismError

APPLICATION_ID = 0x5072736D
"""Marks a file as Prism's: "Prsm"."""

MIGRATIONS: Sequence[Sequence[str]] = (
    (
        # The columns that listings need come first: a long value lies on pages of its own, which they never read.
        """CREATE TABLE item (
            namespace BLOB NOT NULL, id BLOB NOT NULL, key BLOB NOT NULL,
            version INTEGER NOT NULL, expires_at INTEGER, metadata BLOB NOT NULL, value BLOB NOT NULL,
            PRIMARY KEY (namespace, id, key)
        ) WITHOUT ROWID""",
        "CREATE INDEX item_expiry ON item (expires_at) WHERE expires_at IS NOT NULL",
        """CREATE TABLE idempotency (
            namespace BLOB NOT NULL, key TEXT NOT NULL,
            until INTEGER NOT NULL, fingerprint BLOB NOT NULL, answer BLOB NOT NULL,
            PRIMARY KEY (namespace, key)
        ) WITHOUT ROWID""",
        "CREATE INDEX idempotency_until ON idempotency (until)",
        "CREATE TABLE state (version INTEGER NOT NULL)",
        "INSERT INTO state VALUES (0)",
    ),
    (
        """CREATE TABLE cache (
            namespace BLOB NOT NULL, key BLOB NOT NULL, expires_at INTEGER, value BLOB NOT NULL,
            PRIMARY KEY (namespace, key)
        ) WITHOUT ROWID""",
        "CREATE INDEX cache_expiry ON cache (expires_at) WHERE expires_at IS NOT NULL",
    ),
)
"""What leads from each schema version to the next; the version is SQLite's `user_version`."""

_SYNCHRONOUS = {"synced": "FULL", "store": "NORMAL"}


def prepare(path: Path, config: SqliteConfig) -> None:
    """Makes the file and its folder where they are missing, and brings its schema up to date.

    Raises:
        BackendUnavailable: the file cannot be opened, or another process holds it.
        FailedPrecondition: the file is not Prism's, damaged, read-only or of a newer release.
    """
    try:
        _make_folder(path.parent)
        connection = _connect(path, config)
        try:
            _migrate(connection, path)
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _at_start(error, path) from error
    except OSError as error:
        raise FailedPrecondition(
            f"the folder of {path} cannot be made: {error}; set `path` to a writable one"
        ) from error
    if mode != "wal":
        raise FailedPrecondition(f"{path} allows no write-ahead log; put it on a local disk")


def connect(path: Path, config: SqliteConfig, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to a prepared file; it may be used by one thread at a time."""
    connection = _connect(path, config)
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(path: Path, config: SqliteConfig) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=config.busy_timeout, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[config.durability]}")
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    above = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(above)  # SQLite syncs its own folder, nobody that folder's entry
    finally:
        os.close(above)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN")  # one look at all of it: another process may be making it
    try:
        version = _version(connection, path)
    finally:
        connection.execute("ROLLBACK")
    if version == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in MIGRATIONS[_version(connection, path) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The file's schema version, 0 for an empty file; refuses a file that is not for us."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not (owner or version or objects):
        return 0
    if owner != APPLICATION_ID:
        raise FailedPrecondition(f"{path} is the database of another application; set `path` to a file of its own")
    if version > len(MIGRATIONS):
        raise FailedPrecondition(
            f"{path} has schema version {version}, this release knows up to {len(MIGRATIONS)}; "
            "run the newer Prism that wrote it, or set `path` to another file"
        )
    return int(version)


def _at_start(error: sqlite3.Error, path: Path) -> PrismError:
    """What cannot mend itself is for the operator: the host does not go on trying."""
    plain = translated(error, None)
    lasting = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL}
    kind = FailedPrecondition if primary_code(error) in lasting else type(plain)
    return kind(f"{path}: {plain.message}", retry_after=plain.retry_after)
