"""A SQLite database for tests."""

import shutil
import tempfile
from pathlib import Path

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
