"""The index file: how it is opened, whose it is, and how an older one is brought up to date."""

import sqlite3
from pathlib import Path

from prism.backends.files.config import FilesConfig
from prism.errors import FailedPrecondition, PrismError
from prism.sdk.objectstore.stored import TABLES
from prism.sdk.schema import Migration, Migrations, Version, Versions, pending, reached
from prism.sdk.sqlite.errors import primary_code, translated
from prism.sdk.sqlite.write_ahead import use_write_ahead_log

APPLICATION_ID = 0x50727346
"""Marks a file as the index of a folder of objects: "PrsF"."""

MIGRATIONS: Migrations = {"objectstore": (Migration(TABLES),)}

_VERSIONS_TABLE = """CREATE TABLE IF NOT EXISTS abstraction_versions (
    abstraction TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, compatible_from INTEGER NOT NULL
) WITHOUT ROWID"""
_SET_VERSION = "INSERT OR REPLACE INTO abstraction_versions (abstraction, version, compatible_from) VALUES (?, ?, ?)"
_SYNCHRONOUS = {"synced": "FULL", "store": "NORMAL"}


def prepare(path: Path, config: FilesConfig) -> None:
    """Makes the file where it is missing, and brings its tables up to date.

    Raises:
        PrismError: it cannot be opened, is damaged, is another application's, or of a newer release.
    """
    try:
        connection = connect(path, config)
        try:
            _migrate(connection, path)
            kept = use_write_ahead_log(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _at_start(error, path) from error
    if not kept:
        raise FailedPrecondition(f"{path} does not support a write-ahead log; put it on a local disk")


def connect(path: Path, config: FilesConfig, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection; it may be used by one thread at a time."""
    connection = sqlite3.connect(path, timeout=config.busy_timeout, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[config.durability]}")
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _versions(connection, path)
        statements = pending(MIGRATIONS, found, str(path))
        if statements:
            for statement in (_VERSIONS_TABLE, *statements):
                connection.execute(statement)
            for abstraction, version in reached(MIGRATIONS, found).items():
                connection.execute(_SET_VERSION, (abstraction, version.number, version.compatible_from))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _versions(connection: sqlite3.Connection, path: Path) -> Versions:
    """What is in the file, nothing in an empty one; refuses a file that is not for us."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not (owner or tables):
        return {}
    if owner != APPLICATION_ID:
        raise FailedPrecondition(f"{path} is the database of another application; set `path` to a folder of its own")
    rows = connection.execute("SELECT abstraction, version, compatible_from FROM abstraction_versions")
    return {abstraction: Version(*numbers) for abstraction, *numbers in rows}


def _at_start(error: sqlite3.Error, path: Path) -> PrismError:
    """What cannot mend itself is for the operator: the host does not go on trying."""
    plain = translated(error, None)
    lasting = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN}
    kind = FailedPrecondition if primary_code(error) in lasting else type(plain)
    return kind(f"{path}: {plain.message}", retry_after=plain.retry_after)
