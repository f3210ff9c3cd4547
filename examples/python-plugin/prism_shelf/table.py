"""The table. One transaction at a time, in a thread: nothing else of the plugin waits for the disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from prism.errors import BackendUnavailable, Outcome

Answer = TypeVar("Answer")

_SCHEMA = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS item (
  namespace TEXT, id BLOB, key BLOB, value BLOB, metadata BLOB, version INTEGER, PRIMARY KEY (namespace, id, key)
) WITHOUT ROWID
"""


class Table:
    def __init__(self, path: str) -> None:
        self._path, self._lock = path, asyncio.Lock()
        self._database: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Does the work in a transaction; a caller that gives up leaves it to end by itself."""

        async def locked() -> Answer:
            async with self._lock:
                return await asyncio.to_thread(self._transaction, work)

        return await asyncio.shield(asyncio.create_task(locked()))

    def _transaction(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        try:
            if self._database is None:
                self._database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
                self._database.executescript(_SCHEMA)
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                return work(self._database)
        except sqlite3.Error as error:
            raise BackendUnavailable(f"{self._path}: {error}; see to the file", outcome=Outcome.UNKNOWN) from error

    async def close(self) -> None:
        async with self._lock:
            if self._database is not None:
                self._database.close()
