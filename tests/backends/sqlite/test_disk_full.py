"""A file on a disk that is full for real: who needs room is refused, all else is served, and room helps at once."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.errors import FailedPrecondition, Outcome, PrismError, StoreFull
from prism.sdk import HealthStatus, NoCredentials
from small_disk import SmallDisk, small_disk

from .keyvalues import HERE, keyvalue, put, value_of

LARGE = bytes(200_000)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, 4) as disk:
        yield disk


@pytest.fixture
async def backend(disk: SmallDisk) -> AsyncIterator[SqliteBackend]:
    """A started backend whose file and log are on that disk."""
    backend = SqliteBackend(SqliteConfig(path=disk.folder / "data.db", sweep_interval=3600), NoCredentials())
    await backend.start()
    yield backend
    await backend.stop()


async def put_until_refused(backend: SqliteBackend) -> tuple[list[str], PrismError]:
    """Puts large items until one fails; those that were acknowledged, and the error."""
    acknowledged: list[str] = []
    while True:
        try:
            await keyvalue(backend).put(put(f"r{len(acknowledged)}", value=LARGE), HERE)
        except PrismError as error:
            return acknowledged, error
        acknowledged.append(f"r{len(acknowledged)}")


async def test_what_does_not_fit_is_not_applied(backend: SqliteBackend, disk: SmallDisk) -> None:
    """STORE_FULL with what to do; the rest is served and counted on, health is degraded until there is room again."""
    acknowledged, error = await put_until_refused(backend)
    assert acknowledged
    assert isinstance(error, StoreFull)
    assert error.outcome is Outcome.NOT_APPLIED
    assert "free some space" in error.message
    health = await backend.health()
    assert health.status is HealthStatus.DEGRADED
    assert "full" in health.message
    results = await asyncio.gather(
        *(keyvalue(backend).put(put(f"late{number}", value=LARGE), HERE) for number in range(10)),
        return_exceptions=True,
    )
    assert {(type(each), getattr(each, "outcome", None)) for each in results} == {(StoreFull, Outcome.NOT_APPLIED)}
    assert [await value_of(backend, id_) for id_ in acknowledged] == [LARGE] * len(acknowledged)
    assert [await value_of(backend, f"late{number}") for number in range(10)] == [None] * 10
    disk.grow(40)
    await keyvalue(backend).put(put("late", value=LARGE), HERE)
    assert (await backend.health()).status is HealthStatus.HEALTHY


async def test_a_full_disk_costs_nothing_acknowledged(backend: SqliteBackend, disk: SmallDisk) -> None:
    """Stopped while the disk is full, where the log finds no room in the file, and opened again: all is there."""
    acknowledged, _ = await put_until_refused(backend)
    await backend.stop()
    again = SqliteBackend(SqliteConfig(path=disk.folder / "data.db"), NoCredentials())
    await again.start()
    assert [await value_of(again, id_) for id_ in acknowledged] == [LARGE] * len(acknowledged)
    await again.stop()
    with closing(sqlite3.connect(disk.folder / "data.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_start_without_any_room(disk: SmallDisk) -> None:
    """The operator is told what is full; with room the same backend starts."""
    ballast = disk.folder / "ballast"
    ballast.write_bytes(bytes(disk.free))
    backend = SqliteBackend(SqliteConfig(path=disk.folder / "data.db"), NoCredentials())
    with pytest.raises(FailedPrecondition, match=r"data\.db: the disk or the database file is full"):
        await backend.start()
    ballast.unlink()
    await backend.start()
    await keyvalue(backend).put(put("r"), HERE)
    await backend.stop()
