"""A database file for each test."""

from collections.abc import AsyncIterator

import pytest

from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.testing import TemporaryStore


@pytest.fixture
async def database() -> AsyncIterator[TemporaryStore]:
    """A file of the test's own."""
    database = TemporaryStore()
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def backend(database: TemporaryStore) -> SqliteBackend:
    """A started backend on the file, which sweeps only when told to."""
    return await database.backend(sweep_interval=3600)
