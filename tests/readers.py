"""A server whose namespace reads a SQLite file, for tests of what calls it."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from client.upstream import Upstream
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.plugins.discovery import discover
from prism.sdk import Binding, NoCredentials

CITIES = [(1, "Wien", 2_005_760), (2, "Graz", 302_660), (3, "Linz", 211_944), (4, "Nirgends", None)]


@asynccontextmanager
async def reading(folder: Path) -> AsyncIterator[Upstream]:
    """A server that reads the table `city`, for the length of a block."""
    with closing(sqlite3.connect(folder / "tables.db")) as file:
        file.execute("CREATE TABLE city (id INTEGER PRIMARY KEY, name TEXT NOT NULL, people INTEGER)")
        file.execute("CREATE INDEX city_by_people ON city (people DESC, id)")
        file.executemany("INSERT INTO city VALUES (?, ?, ?)", CITIES)
        file.commit()
    config = {"path": folder / "prism.db", "tables": folder / "tables.db", "reader": {"every_table": True}}
    backend = SqliteBackend(SqliteConfig.model_validate(config), NoCredentials())
    try:
        await backend.start()
        upstream = Upstream(Binding(backend.interfaces, discover().found["sqlite"].manifest.capabilities))
        await upstream.listen()
        try:
            yield upstream
        finally:
            await upstream.close()
    finally:
        await backend.stop()
