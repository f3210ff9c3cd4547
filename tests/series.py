"""A server whose namespace keeps TimeSeries in a SQLite file, for tests of what calls it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from client.upstream import Upstream
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.plugins.discovery import discover
from prism.sdk import Binding, NoCredentials


@asynccontextmanager
async def keeping_series(folder: Path) -> AsyncIterator[Upstream]:
    """A server for the length of a block."""
    backend = SqliteBackend(SqliteConfig.model_validate({"path": folder / "prism.db"}), NoCredentials())
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
