"""A backend on a real server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from prism.backends.postgres.backend import PostgresBackend
from prism.backends.postgres.config import PostgresConfig, PostgresCredentials

from .store import OpenStore, Store


@pytest.fixture
async def open_store() -> AsyncIterator[OpenStore]:
    """Starts a backend on a connection string, with options of its configuration; ends it with the test."""
    async with AsyncExitStack() as stack:

        async def open_(url: str, *, start: bool = True, credentials: Any = None, **options: Any) -> Store:
            config = PostgresConfig(connection_string=url, **options)
            backend = PostgresBackend(config, credentials or PostgresCredentials())
            stack.push_async_callback(backend.stop)
            if start:
                await backend.start()
            return Store(backend)

        yield open_


@pytest.fixture
async def store(open_store: OpenStore, postgres_url: str) -> Store:
    """A started backend on an empty database."""
    return await open_store(postgres_url)


@pytest.fixture
async def outsider(postgres_url: str, store: Store) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else's session with the same tables, in a transaction."""
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("BEGIN")
    yield connection
    await connection.close()
