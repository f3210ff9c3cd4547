"""Files that are damaged, cut short, or caught in the middle of a write by a crash of the machine."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.testing import TemporaryStore
from prism.errors import DataLoss, Outcome
from prism.sdk import HealthStatus, NoCredentials

from .keyvalues import HERE, keyvalue, put, value_of

PAGE = 4096
VALUE = b"x" * 1000
NAMES = [f"r{number:03}" for number in range(200)]


async def filled(database: TemporaryStore) -> Path:
    """A file with an item of every name, and without a log."""
    backend = await database.backend(sweep_interval=3600)
    await asyncio.gather(*(keyvalue(backend).put(put(name, value=VALUE), HERE) for name in NAMES))
    await backend.stop()
    return Path(str(database.config["path"]))


def overwrite(path: Path, first: int) -> None:
    """Damages every page from that one on."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(first * PAGE)
        file.write(b"\xa5" * (size - first * PAGE))


async def test_a_write_that_meets_a_damaged_page_is_data_loss(database: TemporaryStore) -> None:
    """It is NOT_APPLIED and says what to do, health tells of it, and those beside it in its group are written."""
    path = await filled(database)
    overwrite(path, path.stat().st_size // PAGE // 2)
    backend = await database.backend(sweep_interval=3600)
    puts = (keyvalue(backend).put(put(name, value=b"new"), HERE) for name in NAMES)
    written = await asyncio.gather(*puts, return_exceptions=True)
    refused = [each for each in written if isinstance(each, DataLoss)]
    assert 0 < len(refused) < len(NAMES)
    assert {each.outcome for each in refused} == {Outcome.NOT_APPLIED}
    assert "restore it, or salvage it" in refused[0].message
    assert (await backend.health()).status is not HealthStatus.HEALTHY
    read = await asyncio.gather(*(value_of(backend, name) for name in NAMES), return_exceptions=True)
    for wrote, found in zip(written, read, strict=True):
        # The way to an item that was written may lead a reader past a damaged page: nothing is made up instead.
        assert isinstance(found, DataLoss) or found == (VALUE if isinstance(wrote, DataLoss) else b"new")


async def start_and_read(backend: SqliteBackend, name: str) -> bytes | None:
    """What it says of an item, once it is open."""
    await backend.start()
    try:
        return await value_of(backend, name)
    finally:
        await backend.stop()


@pytest.mark.parametrize("kept", [1, 2, 3])
async def test_a_file_that_was_cut_short(database: TemporaryStore, kept: int) -> None:
    """Pages that are gone are noticed: nothing is served as if it had never been stored."""
    path = await filled(database)
    with path.open("r+b") as file:
        file.truncate(kept * PAGE)
    backend = SqliteBackend(SqliteConfig(path=path), NoCredentials())
    with pytest.raises(DataLoss, match="damaged; restore it"):
        await start_and_read(backend, "r199")


async def test_a_first_page_that_is_lost(database: TemporaryStore) -> None:
    """The file is not taken for an empty one."""
    path = await filled(database)
    overwrite(path, 0)
    backend = SqliteBackend(SqliteConfig(path=path), NoCredentials())
    before = path.read_bytes()
    with pytest.raises(DataLoss, match="not a SQLite database, or its first page is lost; restore it"):
        await backend.start()
    assert path.read_bytes() == before


async def test_the_machine_crashes_amid_a_write(database: TemporaryStore, tmp_path: Path) -> None:
    """What a crash leaves is the synced file and log, with a torn tail behind what was acknowledged: wherever it tears,
    all that was acknowledged is there, and what was not is whole or absent."""
    backend = await database.backend(sweep_interval=3600)
    await asyncio.gather(*(keyvalue(backend).put(put(f"r{number}", value=VALUE), HERE) for number in range(10)))
    path = Path(str(database.config["path"]))
    acknowledged = path.with_name(f"{path.name}-wal").stat().st_size
    await keyvalue(backend).put(put("torn", value=VALUE * 20), HERE)
    log = path.with_name(f"{path.name}-wal").read_bytes()
    tears = range(acknowledged, len(log) + 1, max(1, (len(log) - acknowledged) // 6))
    found = []
    for number, tear in enumerate(tears):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(path, folder / "data.db")
        (folder / "data.db-wal").write_bytes(log[:tear] + b"\xa5" * (len(log) - tear))
        after = SqliteBackend(SqliteConfig(path=folder / "data.db"), NoCredentials())
        await after.start()
        assert [await value_of(after, f"r{number}") for number in range(10)] == [VALUE] * 10
        found.append(await value_of(after, "torn"))
        await keyvalue(after).put(put("torn", value=b"after"), HERE)
        assert await value_of(after, "torn") == b"after"
        await after.stop()
        with closing(sqlite3.connect(folder / "data.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert set(found) <= {None, VALUE * 20}
    assert found[0] is None
