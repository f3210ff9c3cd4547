"""A file gets its write-ahead log, whatever others do with it at that moment."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from prism.sdk.sqlite.write_ahead import use_write_ahead_log


def make(path: Path, *, timeout: float) -> sqlite3.Connection:
    """A connection to a file with a table."""
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
    connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
    return connection


def test_many_change_the_mode_of_a_new_file_at_once(tmp_path: Path) -> None:
    """SQLite is busy at once for all but one of them; each has it in the end."""
    count, files = 6, 30
    together = Barrier(count, timeout=10)

    def change(_: int) -> list[bool]:
        changed = []
        for number in range(files):
            with closing(make(tmp_path / f"{number}.db", timeout=30)) as connection:
                together.wait()
                changed.append(use_write_ahead_log(connection))
        return changed

    with ThreadPoolExecutor(count) as threads:
        assert list(threads.map(change, range(count))) == [[True] * files] * count


def test_it_is_busy_no_longer_than_the_connection_waits(tmp_path: Path) -> None:
    """Then SQLite's error says so."""
    path = tmp_path / "a.db"
    with closing(make(path, timeout=30)) as reader, closing(make(path, timeout=0.02)) as connection:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM t").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            use_write_ahead_log(connection)


def test_it_says_where_there_is_none() -> None:
    """As for what lies in memory alone."""
    with closing(sqlite3.connect(":memory:")) as connection:
        assert not use_write_ahead_log(connection)
