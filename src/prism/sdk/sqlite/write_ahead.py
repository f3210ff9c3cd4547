"""SQLite's write-ahead log, by which those that read and the one that writes do not wait for each other."""

import sqlite3
import time
from typing import Final

from prism.sdk.sqlite.errors import primary_code

_PAUSE: Final = 0.01


def use_write_ahead_log(connection: sqlite3.Connection) -> bool:
    """Gives the file a write-ahead log, which it keeps; False: its file system supports none.

    Where another process does the same with a new file, SQLite is busy at once, whatever `busy_timeout` is: it would
    wait for itself. It is asked again for as long as that.

    Raises:
        sqlite3.Error: it stays busy, or the file cannot be used.
    """
    (milliseconds,) = connection.execute("PRAGMA busy_timeout").fetchone()
    until = time.monotonic() + milliseconds / 1000
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_PAUSE)
        else:
            return bool(mode == "wal")
