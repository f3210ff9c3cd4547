"""Folders of objects for tests, and backends on them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from prism.backends.files.backend import FilesBackend
from prism.backends.files.config import FilesConfig
from prism.sdk import NoCredentials

Opened = Callable[..., Awaitable[FilesBackend]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    """Starts a backend on the test's folder `objects`, with further options; every one is stopped at the end.

    It has a file for each object unless they say otherwise.
    """
    backends: list[FilesBackend] = []

    async def opened(**options: object) -> FilesBackend:
        config = FilesConfig.model_validate(
            {"path": tmp_path / "objects", "sweep_interval": 3600, "inline": 0} | options
        )
        backend = FilesBackend(config, NoCredentials())
        backends.append(backend)
        await backend.start()
        return backend

    yield opened
    for each in backends:
        await each.stop()
