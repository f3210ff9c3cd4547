"""A SQLite database for tests."""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from prism.acceptance.store.backend import SMALL_PUBSUB, SMALL_SERIES, Fault, LocalStore
from prism.acceptance.store.tables import READER, statements
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.sdk import NoCredentials


class TemporaryStore:
    """A database file of its own, and backends on it; every one of them is stopped with it.

    Attributes:
        config: as a configuration file gives it.
    """

    def __init__(self) -> None:
        self.config: dict[str, str | int | float] = {}
        self._folder = Path()
        self._backends: list[SqliteBackend] = []

    async def start(self) -> None:
        """Makes the folder; the file comes with the first backend."""
        self._folder = Path(tempfile.mkdtemp(prefix="prism-sqlite-"))
        self.config = {"path": str(self._folder / "data" / "test.db")}

    async def backend(self, **options: str | float) -> SqliteBackend:
        """One more backend on the file, started; `options` beyond `config`."""
        backend = SqliteBackend(SqliteConfig.model_validate(self.config | options), NoCredentials())
        self._backends.append(backend)
        await backend.start()
        return backend

    async def reset(self) -> None:
        """Begins with another file; backends made before are stopped."""
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        """Stops the backends and removes the file: nothing is left."""
        while self._backends:
            await self._backends.pop().stop()
        shutil.rmtree(self._folder)


class SqliteTestBackend(LocalStore):
    """`prism.acceptance.TestBackend`: files in a temporary folder."""

    lacks: Mapping[str, str] = {
        **LocalStore.lacks,
        **dict.fromkeys(
            ("read_only", "full", "damaged"),
            "the file cannot be so under its feet; tests of the backend do it from within",
        ),
    }

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._holding: list[sqlite3.Connection] = []

    async def start(self) -> None:
        """Makes the folder; each place's file comes with its first backend."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="prism-sqlite-"))

    async def stop(self) -> None:
        """Removes the files; what had one open has been stopped before."""
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None

    async def reset(self) -> None:
        """Begins with another folder."""
        await self.stop()
        await self.start()

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """A file of that name; PubSub has little room, so that tests see what becomes of what is over it."""
        if self._folder is None:
            raise RuntimeError("the test store has not been started: call start() first")
        path, tables = self._folder / place / "prism.db", self._folder / place / "tables.db"
        if not tables.exists():
            tables.parent.mkdir(mode=0o700, exist_ok=True)
            with closing(sqlite3.connect(tables)) as connection:
                for statement in statements("INTEGER PRIMARY KEY"):
                    connection.execute(statement)
        return {
            "path": str(path), "tables": str(tables), "sql": "write", "busy_timeout": 0.5, "sweep_interval": 0.2,
            "pubsub": dict(SMALL_PUBSUB), "timeseries": dict(SMALL_SERIES), "reader": dict(READER),
        }  # fmt: skip

    async def execute(self, place: str, *given: str) -> list[tuple[object, ...]]:
        """Runs statements as another program would."""

        def run() -> list[tuple[object, ...]]:
            if self._folder is None:
                raise RuntimeError("the test store has not been started: call start() first")
            file = self._folder / place / "tables.db"
            with closing(sqlite3.connect(file, timeout=20, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                for statement in given:
                    found = connection.execute(statement).fetchall()
                connection.execute("COMMIT")
                return found

        return await asyncio.to_thread(run)

    async def break_(self, fault: Fault) -> None:  # noqa: ARG002  # the protocol has it
        """Begins to write to every file, as another process would that does not come to an end."""
        for file in sorted(self._folder.glob("*/*.db")) if self._folder else ():
            connection = sqlite3.connect(file, isolation_level=None)
            self._holding.append(connection)
            connection.execute("BEGIN IMMEDIATE")

    async def mend(self) -> None:
        """Ends that."""
        while self._holding:
            self._holding.pop().close()
