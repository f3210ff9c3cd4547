"""SQLite's result codes as callers see them."""

import sqlite3

import pytest

from prism.errors import (
    BackendUnavailable,
    Conflict,
    DataLoss,
    DeadlineExceeded,
    InternalError,
    InvalidArgument,
    Outcome,
    PrismError,
    StoreFull,
)
from prism.sdk.sqlite.errors import outcome_of_commit, translated


def failure(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("what SQLite said")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_NAME"
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, Conflict),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Conflict),
        (sqlite3.SQLITE_LOCKED, Conflict),
        (sqlite3.SQLITE_FULL, StoreFull),
        (sqlite3.SQLITE_READONLY, StoreFull),
        (sqlite3.SQLITE_IOERR, BackendUnavailable),
        (sqlite3.SQLITE_IOERR_FSYNC, BackendUnavailable),
        (sqlite3.SQLITE_CANTOPEN, BackendUnavailable),
        (sqlite3.SQLITE_PERM, BackendUnavailable),
        (sqlite3.SQLITE_NOMEM, BackendUnavailable),
        (sqlite3.SQLITE_PROTOCOL, BackendUnavailable),
        (sqlite3.SQLITE_CORRUPT, DataLoss),
        (sqlite3.SQLITE_CORRUPT_INDEX, DataLoss),
        (sqlite3.SQLITE_NOTADB, DataLoss),
        (sqlite3.SQLITE_TOOBIG, InvalidArgument),
        (sqlite3.SQLITE_INTERRUPT, DeadlineExceeded),
        (sqlite3.SQLITE_MISUSE, InternalError),
    ],
)
def test_each_code_has_its_class(code: int, kind: type[PrismError]) -> None:
    """The class by the primary code, the message with SQLite's own words, the outcome as told."""
    error = translated(failure(code), Outcome.UNKNOWN)
    assert type(error) is kind
    assert error.message.endswith("(SQLITE_NAME: what SQLite said)")
    assert error.outcome is Outcome.UNKNOWN


def test_an_error_without_a_code() -> None:
    """What the Python module raises by itself is a defect of ours."""
    assert isinstance(translated(sqlite3.ProgrammingError("misuse"), None), InternalError)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM])
def test_a_commit_that_wrote_no_last_frame(code: int) -> None:
    """Where SQLite could not have completed the log, nothing was applied."""
    assert outcome_of_commit(failure(code)) is Outcome.NOT_APPLIED


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_CORRUPT])
def test_a_commit_that_may_have_been_written(code: int) -> None:
    """Where the log may be complete but unsynced, nobody can know."""
    assert outcome_of_commit(failure(code)) is Outcome.UNKNOWN
