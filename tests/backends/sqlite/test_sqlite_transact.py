"""Transact on SQLite beyond the suite: triggers that end transactions, and files of other applications."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.client.transact import insert
from prism.context import Context
from prism.errors import ConstraintViolated, FailedPrecondition, Outcome
from prism.interfaces import transact as t
from prism.sdk import NoCredentials
from prism.sdk.transact import StoredTransact

CONTEXT = Context("n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of another application."""
    file = tmp_path / "found.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(
            """CREATE TABLE kept (id INTEGER PRIMARY KEY);
            CREATE TRIGGER refuses BEFORE INSERT ON kept WHEN new.id = 2
                BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END;"""
        )
    return file


def backend_on(file: Path) -> SqliteBackend:
    """One that may write to it."""
    options = {"path": file.with_name("own.db"), "tables": file, "transact": {"collections": {"kept": {}}}}
    return SqliteBackend(SqliteConfig.model_validate(options), NoCredentials())


async def test_a_trigger_that_ends_the_transaction(file: Path) -> None:
    """What it refuses is refused, and the writes beside it are whole."""
    backend = backend_on(file)
    await backend.start()
    try:
        (transact,) = (each for each in backend.interfaces if isinstance(each, StoredTransact))
        requests = [t.WriteRequest(data=[insert("kept", {"id": number}).message]) for number in (1, 2, 3)]
        writes = (transact.write(each, CONTEXT) for each in requests)
        answers = await asyncio.gather(*writes, return_exceptions=True)
    finally:
        await backend.stop()
    assert isinstance(answers[1], ConstraintViolated), answers
    assert answers[1].outcome is Outcome.NOT_APPLIED
    assert [each for each in (answers[0], answers[2]) if isinstance(each, Exception)] == []
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT id FROM kept ORDER BY id").fetchall() == [(1,), (3,)]


async def test_to_ask_whether_it_holds_data_changes_nothing(file: Path) -> None:
    """The file may be of another application, and only read."""
    before = await asyncio.to_thread(file.read_bytes)
    backend = backend_on(file)
    await backend.start()
    try:
        assert not await backend.holds_data("n")
    finally:
        await backend.stop()
    assert await asyncio.to_thread(file.read_bytes) == before


async def written(file: Path, number: int) -> None:
    """One row, by a backend of its own."""
    backend = backend_on(file)
    await backend.start()
    try:
        (transact,) = (each for each in backend.interfaces if isinstance(each, StoredTransact))
        await transact.write(t.WriteRequest(data=[insert("kept", {"id": number}).message]), CONTEXT)
    finally:
        await backend.stop()


def versions(file: Path, *set_to: int) -> list[tuple[str, int, int]]:
    """Those that the file says its tables have; where numbers are given, they are set before."""
    with closing(sqlite3.connect(file)) as connection, connection:
        if set_to:
            connection.execute("UPDATE prism_versions SET version = ?, compatible_from = ?", set_to)
        return connection.execute("SELECT * FROM prism_versions").fetchall()


async def test_the_file_says_what_release_its_mailboxes_are_of(file: Path) -> None:
    """One that only added is served, and its version stays; one that changed more is refused, with what to do."""
    await written(file, 10)
    assert versions(file) == [("transact", 1, 1)]
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DROP TABLE prism_versions")  # as files were before
    await written(file, 11)
    assert versions(file, 9, 1) == [("transact", 9, 1)]
    await written(file, 12)
    assert versions(file, 9, 9) == [("transact", 9, 9)]
    with pytest.raises(FailedPrecondition, match="run the newer release again"):
        await written(file, 13)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT id FROM kept ORDER BY id").fetchall() == [(10,), (11,), (12,)]
