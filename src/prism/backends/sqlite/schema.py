"""The database file: how it is opened, whose it is, what is in it, and how an older one is brought up to date."""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from prism.backends.sqlite.config import SqliteConfig
from prism.errors import DataLoss, FailedPrecondition, PrismError
from prism.sdk.schema import Migration, Migrations, Version, Versions, pending, reached
from prism.sdk.sqlite.errors import primary_code, translated
from prism.sdk.sqlite.write_ahead import use_write_ahead_log

APPLICATION_ID = 0x5072736D
"""Marks a file as Prism's: "Prsm"."""

MIGRATIONS: Migrations = {
    "keyvalue": (
        Migration(
            (
                # The columns that listings need come first: a long value lies on pages of its own, which they never
                # read.
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
                "INSERT INTO state (version) VALUES (0)",
            )
        ),
    ),
    "cache": (
        Migration(
            (
                """CREATE TABLE cache (
                    namespace BLOB NOT NULL, key BLOB NOT NULL, expires_at INTEGER, value BLOB NOT NULL,
                    PRIMARY KEY (namespace, key)
                ) WITHOUT ROWID""",
                "CREATE INDEX cache_expiry ON cache (expires_at) WHERE expires_at IS NOT NULL",
            )
        ),
    ),
    "graph": (
        Migration(
            (
                """CREATE TABLE graph_node (
                    namespace TEXT NOT NULL, id TEXT NOT NULL, record BLOB NOT NULL, PRIMARY KEY (namespace, id)
                ) WITHOUT ROWID""",
                """CREATE TABLE graph_label (
                    namespace TEXT NOT NULL, label TEXT NOT NULL, id TEXT NOT NULL,
                    PRIMARY KEY (namespace, label, id),
                    FOREIGN KEY (namespace, id) REFERENCES graph_node (namespace, id)
                ) WITHOUT ROWID""",
                "CREATE INDEX graph_label_node ON graph_label (namespace, id)",
                # The foreign keys refuse what goes wrong in spite of the checks; each has an index to be looked up by.
                """CREATE TABLE graph_edge (
                    namespace TEXT NOT NULL, from_id TEXT NOT NULL, label TEXT NOT NULL, to_id TEXT NOT NULL,
                    key TEXT NOT NULL, record BLOB NOT NULL,
                    PRIMARY KEY (namespace, from_id, label, to_id, key),
                    FOREIGN KEY (namespace, from_id) REFERENCES graph_node (namespace, id),
                    FOREIGN KEY (namespace, to_id) REFERENCES graph_node (namespace, id)
                ) WITHOUT ROWID""",
                "CREATE INDEX graph_edge_to ON graph_edge (namespace, to_id, label, from_id, key)",
            )
        ),
    ),
    "queue": (
        Migration(
            (
                # AUTOINCREMENT: no number comes again, so that what is new always lies behind what was read.
                """CREATE TABLE queue_topic (
                    number INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, name TEXT NOT NULL,
                    config TEXT NOT NULL, UNIQUE (namespace, name)
                )""",
                """CREATE TABLE queue_group (
                    number INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL, name TEXT NOT NULL,
                    config TEXT NOT NULL, epoch INTEGER NOT NULL, offered INTEGER NOT NULL,
                    acknowledged INTEGER NOT NULL, expired INTEGER NOT NULL, dead_removed INTEGER NOT NULL,
                    used_at INTEGER NOT NULL, UNIQUE (topic, name)
                )""",
                """CREATE TABLE queue_message (
                    seq INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL, message_id TEXT NOT NULL,
                    ordering_key TEXT NOT NULL, published_at INTEGER NOT NULL, due_at INTEGER NOT NULL,
                    ttl INTEGER NOT NULL, expires_at INTEGER NOT NULL, traceparent TEXT NOT NULL,
                    size INTEGER NOT NULL, gone INTEGER NOT NULL, attributes TEXT NOT NULL, payload BLOB NOT NULL
                )""",
                "CREATE INDEX queue_message_topic ON queue_message (topic, seq)",
                "CREATE INDEX queue_message_id ON queue_message (topic, message_id)",
                "CREATE INDEX queue_message_expiry ON queue_message (topic, expires_at)",
                """CREATE TABLE queue_entry (
                    grp INTEGER NOT NULL, seq INTEGER NOT NULL, state INTEGER NOT NULL, blocked INTEGER NOT NULL,
                    at INTEGER NOT NULL, expires_at INTEGER NOT NULL, key TEXT NOT NULL, failed INTEGER NOT NULL,
                    token INTEGER NOT NULL, lease_from INTEGER NOT NULL, lease_until INTEGER NOT NULL,
                    consumer TEXT NOT NULL, session TEXT NOT NULL, reason TEXT NOT NULL,
                    PRIMARY KEY (grp, seq)
                ) WITHOUT ROWID""",
                "CREATE INDEX queue_entry_due ON queue_entry (grp, state, blocked, at, seq)",
                "CREATE INDEX queue_entry_expiry ON queue_entry (grp, expires_at) WHERE state = 1",
                "CREATE INDEX queue_entry_key ON queue_entry (grp, key, seq) WHERE key <> '' AND state IN (1, 3)",
                "CREATE INDEX queue_entry_message ON queue_entry (seq)",
                """CREATE TABLE queue_idempotency (
                    namespace TEXT NOT NULL, key TEXT NOT NULL, until INTEGER NOT NULL, fingerprint BLOB NOT NULL,
                    message_ids TEXT NOT NULL, PRIMARY KEY (namespace, key)
                ) WITHOUT ROWID""",
                "CREATE INDEX queue_idempotency_until ON queue_idempotency (until)",
                "CREATE TABLE queue_secret (secret BLOB NOT NULL)",
                "INSERT INTO queue_secret (secret) VALUES (randomblob(32))",
            )
        ),
    ),
    "pubsub": (
        Migration(
            (
                """CREATE TABLE pubsub_message (
                    seq INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, published_at INTEGER NOT NULL,
                    size INTEGER NOT NULL, topic TEXT NOT NULL, message_id TEXT NOT NULL, attributes TEXT NOT NULL,
                    payload BLOB NOT NULL
                )""",
                "CREATE INDEX pubsub_message_namespace ON pubsub_message (namespace, seq, published_at)",
                """CREATE TABLE pubsub_log (
                    namespace TEXT NOT NULL PRIMARY KEY, floor INTEGER NOT NULL, bytes INTEGER NOT NULL
                ) WITHOUT ROWID""",
                "CREATE TABLE pubsub_identity (identity BLOB NOT NULL)",
                "INSERT INTO pubsub_identity (identity) VALUES (randomblob(8))",
            )
        ),
    ),
    "timeseries": (
        Migration(
            (
                # The events of each stream are in a table of its own (`timeseries/table.py`).
                """CREATE TABLE series_stream (
                    number INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, name TEXT NOT NULL,
                    version INTEGER NOT NULL, config BLOB NOT NULL, arrival INTEGER NOT NULL, floor INTEGER NOT NULL,
                    UNIQUE (namespace, name)
                )""",
                """CREATE TABLE series_key (
                    namespace TEXT NOT NULL, key TEXT NOT NULL,
                    until INTEGER NOT NULL, digest BLOB NOT NULL, answer BLOB NOT NULL,
                    PRIMARY KEY (namespace, key)
                ) WITHOUT ROWID""",
                "CREATE INDEX series_key_until ON series_key (until)",
                "CREATE TABLE series_identity (identity BLOB NOT NULL)",
                "INSERT INTO series_identity (identity) VALUES (randomblob(8))",
            )
        ),
    ),
}
"""What leads from each version of an abstraction's tables to the next. They only add (`prism.sdk.schema`)."""

FILE_VERSION = 2
"""SQLite's `user_version`. The releases before versions were per abstraction look at nothing else; it stays."""

_OF_FILE: Sequence[Versions] = (
    {},
    {"keyvalue": Version(1, 1)},
    {"keyvalue": Version(1, 1), "cache": Version(1, 1)},
)
"""What a file of each `user_version` holds at least; the table `abstraction_versions` knows more, if there is one."""

_VERSIONS_TABLE = """CREATE TABLE IF NOT EXISTS abstraction_versions (
    abstraction TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, compatible_from INTEGER NOT NULL
) WITHOUT ROWID"""
_SET_VERSION = "INSERT OR REPLACE INTO abstraction_versions (abstraction, version, compatible_from) VALUES (?, ?, ?)"

_SYNCHRONOUS = {"synced": "FULL", "store": "NORMAL"}


PAGE = 4096
"""Bytes of a page of the file."""
_LOG_PAGES = 1000
"""After how many pages SQLite moves its log into the file, by default."""


def prepare(path: Path, config: SqliteConfig) -> None:
    """Makes the file and its folder where they are missing, and brings its schema up to date.

    Raises:
        BackendUnavailable: the file cannot be opened, or another process holds it.
        DataLoss: the file is damaged.
        FailedPrecondition: the file is not Prism's, read-only or of a newer release.
    """
    try:
        make_folder(path.parent)
        connection = _connect(path, config)
        try:
            _migrate(connection, path)
            kept = use_write_ahead_log(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise at_start(error, path) from error
    except OSError as error:
        raise FailedPrecondition(
            f"the folder of {path} cannot be made: {error}; set `path` to a file in a writable folder"
        ) from error
    if not kept:
        raise FailedPrecondition(f"{path} does not support a write-ahead log; put it on a local disk")


def connect(path: Path, config: SqliteConfig, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to a prepared file; it may be used by one thread at a time."""
    connection = _connect(path, config)
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def is_read_only(path: Path) -> bool:
    """Whether the file is there and this process may not write to it, or not make SQLite's log beside it."""
    return path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def is_unchanging(path: Path) -> bool:
    """Whether it lies on a file system that is mounted read-only, with all that was written in it: no log is left."""
    log = log_of(path)
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY) and not (log.exists() and log.stat().st_size)


def log_of(path: Path) -> Path:
    """The write-ahead log beside a file."""
    return path.with_name(f"{path.name}-wal")


def connect_read_only(path: Path, config: SqliteConfig, *, unchanging: bool) -> sqlite3.Connection:
    """A connection to a file that `is_read_only`: nothing is made, neither tables nor files beside it.

    Raises:
        FailedPrecondition: its tables are of a release before, or it was left with a log that cannot be opened here.
        PrismError: as `prepare` does.
    """
    uri = f"file:{quote(str(path))}?mode=ro" + ("&immutable=1" if unchanging else "")
    try:
        connection = sqlite3.connect(
            uri, uri=True, timeout=config.busy_timeout, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA query_only = ON")
            behind = pending(MIGRATIONS, _versions(connection, path), str(path))
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        if primary_code(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise FailedPrecondition(
                f"{path} is read-only and was not closed cleanly, so it cannot be read as it is: make it and its "
                f"folder writable, and start once ({error})"
            ) from error
        raise at_start(error, path) from error
    if behind:
        connection.close()
        raise FailedPrecondition(
            f"{path} is read-only and its tables are those of a release before: make it and its folder writable, so "
            "that they are upgraded"
        )
    return connection


def _connect(path: Path, config: SqliteConfig) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=config.busy_timeout, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[config.durability]}")
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if config.reserve:  # must hold what the log has for the file
        connection.execute(f"PRAGMA wal_autocheckpoint = {min(_LOG_PAGES, max(config.reserve // 2 // PAGE, 1))}")
    return connection


def make_folder(folder: Path) -> None:
    """Makes a folder for this user alone, and its entry durable."""
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    above = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(above)  # SQLite syncs its own folder, but not that folder's entry
    finally:
        os.close(above)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN")  # one look at all of it: another process may be making it
    try:
        statements = pending(MIGRATIONS, _versions(connection, path), str(path))
    finally:
        connection.execute("ROLLBACK")
    if not statements:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _versions(connection, path)
        for statement in (_VERSIONS_TABLE, *pending(MIGRATIONS, found, str(path))):
            connection.execute(statement)
        for abstraction, version in reached(MIGRATIONS, found).items():
            connection.execute(_SET_VERSION, (abstraction, version.number, version.compatible_from))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FILE_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _versions(connection: sqlite3.Connection, path: Path) -> Versions:
    """What is in the file, nothing in an empty one; refuses a file that is not for us."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not (owner or version or tables):
        return {}
    if owner != APPLICATION_ID:
        raise FailedPrecondition(f"{path} is the database of another application; set `path` to a file of its own")
    if version > FILE_VERSION:
        raise FailedPrecondition(
            f"{path} has file version {version}, this release knows up to {FILE_VERSION}; "
            "run the newer Prism that wrote it, or set `path` to another file"
        )
    if version < 0:
        raise DataLoss(f"{path} is damaged: its file version is {version}, which no release has written; restore it")
    found = dict(_OF_FILE[version])
    if "abstraction_versions" in tables:
        rows = connection.execute("SELECT abstraction, version, compatible_from FROM abstraction_versions")
        found |= {abstraction: Version(*numbers) for abstraction, *numbers in rows}
    return found


def at_start(error: sqlite3.Error, path: Path) -> PrismError:
    """What cannot mend itself is for the operator: the host does not go on trying."""
    plain = translated(error, None)
    lasting = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL}
    kind = FailedPrecondition if primary_code(error) in lasting else type(plain)
    return kind(f"{path}: {plain.message}", retry_after=plain.retry_after)
