"""SQLite's result codes as Prism's errors. Source: sqlite.org/rescode.html."""

import sqlite3
from collections.abc import Mapping

from prism.errors import (
    BackendUnavailable,
    Conflict,
    ConstraintViolated,
    DataLoss,
    DeadlineExceeded,
    InternalError,
    InvalidArgument,
    Outcome,
    PrismError,
    StoreFull,
)

_CODES: Mapping[int, tuple[type[PrismError], str]] = {
    sqlite3.SQLITE_BUSY: (Conflict, "another process is writing to the database file; try again"),
    sqlite3.SQLITE_LOCKED: (Conflict, "another connection is writing to the same table; try again"),
    sqlite3.SQLITE_FULL: (StoreFull, "the disk or the database file is full; free some space or delete data"),
    sqlite3.SQLITE_READONLY: (StoreFull, "the database file is read-only; make it and its folder writable"),
    sqlite3.SQLITE_IOERR: (BackendUnavailable, "the disk failed; look into the system's log, then try again"),
    sqlite3.SQLITE_CANTOPEN: (BackendUnavailable, "the database file cannot be opened; check path, owner and mode"),
    sqlite3.SQLITE_PERM: (BackendUnavailable, "the database file cannot be used; check its owner and mode"),
    sqlite3.SQLITE_NOMEM: (BackendUnavailable, "out of memory; try again, or give the gateway more"),
    sqlite3.SQLITE_PROTOCOL: (BackendUnavailable, "too many processes use the database file at once; try again"),
    sqlite3.SQLITE_CORRUPT: (
        DataLoss,
        "the database file is damaged; restore it, or salvage it with `sqlite3 .recover`",
    ),
    sqlite3.SQLITE_NOTADB: (DataLoss, "the file is not a SQLite database, or its first page is lost; restore it"),
    sqlite3.SQLITE_CONSTRAINT: (ConstraintViolated, "a constraint of the table refuses a row; correct the row"),
    sqlite3.SQLITE_TOOBIG: (InvalidArgument, "the request is larger than SQLite stores; send less at once"),
    sqlite3.SQLITE_INTERRUPT: (DeadlineExceeded, "the deadline passed while SQLite was searching; ask for less"),
}

_DAMAGE = frozenset({sqlite3.SQLITE_IOERR_CORRUPTFS, sqlite3.SQLITE_IOERR_DATA})
"""Extended codes of SQLITE_IOERR that are about what is on the disk: the file system, or a checksum, says so."""

_RETRY_AFTER: Mapping[type[PrismError], float] = {Conflict: 0.1, BackendUnavailable: 1.0}


def primary_code(error: sqlite3.Error) -> int:
    """The result code without its extension; 0 for an error of the Python module's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def translated(error: sqlite3.Error, outcome: Outcome | None) -> PrismError:
    """The error that callers get; raise it `from` SQLite's.

    Args:
        error: SQLite's.
        outcome: what is known of a write; None for a read.
    """
    damaged = getattr(error, "sqlite_errorcode", 0) in _DAMAGE
    code = sqlite3.SQLITE_CORRUPT if damaged else primary_code(error)
    kind, advice = _CODES.get(code, (InternalError, "SQLite failed unexpectedly; report this"))
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return kind(f"{advice} ({name}: {error})", outcome=outcome, retry_after=_RETRY_AFTER.get(kind))


def outcome_of_commit(error: sqlite3.Error) -> Outcome:
    """What a failed COMMIT did: its last frame may be in the log, unsynced, unless SQLite could not write it at all."""
    untouched = {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
    }
    return Outcome.NOT_APPLIED if primary_code(error) in untouched else Outcome.UNKNOWN
