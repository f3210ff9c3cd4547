"""A file on a file system that is mounted read-only: reads are served, writes are refused, nothing is made there."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.errors import BackendUnavailable, FailedPrecondition, Outcome, StoreFull
from prism.interfaces.keyvalue import ListRecordsRequest, ScanRequest
from prism.sdk import HealthStatus, NoCredentials
from small_disk import SmallDisk, small_disk

from .keyvalues import HERE, keyvalue, put, value_of


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A file system of its own."""
    with small_disk(tmp_path, 8) as disk:
        yield disk


def on(path: Path) -> SqliteBackend:
    return SqliteBackend(SqliteConfig(path=path, sweep_interval=0.05), NoCredentials())


async def filled(path: Path) -> None:
    """A file with an item, closed as it should be."""
    backend = on(path)
    await backend.start()
    await keyvalue(backend).put(put("r"), HERE)
    await backend.stop()


async def test_reads_are_served(disk: SmallDisk) -> None:
    """Every kind of them; a put is STORE_FULL and NOT_APPLIED, health says why; writable again, all works."""
    path = disk.folder / "data.db"
    await filled(path)
    disk.freeze()
    backend = on(path)
    await backend.start()
    assert await value_of(backend, "r") == b"v"
    assert [item.key for item in (await keyvalue(backend).scan(ScanRequest(id="r"), HERE)).items] == [b"k"]
    assert (await keyvalue(backend).list_records(ListRecordsRequest(), HERE)).ids == ["r"]
    assert await backend.holds_data("here")
    with pytest.raises(StoreFull, match="is read-only, so only reads are served: make it") as caught:
        await keyvalue(backend).put(put("r"), HERE)
    assert caught.value.outcome is Outcome.NOT_APPLIED
    health = await backend.health()
    assert health.status is HealthStatus.DEGRADED
    assert "read-only" in health.message
    await backend.stop()
    assert [each.name for each in disk.folder.iterdir()] == ["data.db"]
    disk.freeze(thaw=True)
    await backend.start()
    await keyvalue(backend).put(put("r", value=b"w"), HERE)
    assert await value_of(backend, "r") == b"w"
    assert (await backend.health()).status is HealthStatus.HEALTHY
    await backend.stop()


async def test_a_writer_that_comes_later_is_noticed(disk: SmallDisk) -> None:
    """What was unchanging and then changes is not read as if it had not: the operator is told to reload."""
    path = disk.folder / "data.db"
    await filled(path)
    disk.freeze()
    backend = on(path)
    await backend.start()
    disk.freeze(thaw=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM item")
    with pytest.raises(BackendUnavailable, match="written to since: reload"):
        await value_of(backend, "r")
    await backend.stop()
    await backend.start()
    assert await value_of(backend, "r") is None
    await backend.stop()


async def test_a_file_that_was_left_with_a_log(disk: SmallDisk, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Acknowledged writes in the log of a crash are not left out: they are read, or the start says what to do."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "data.db"
    running = on(elsewhere)
    await running.start()
    await keyvalue(running).put(put("r"), HERE)
    path = disk.folder / "data.db"
    for ending in ("", "-wal"):
        shutil.copy(f"{elsewhere}{ending}", f"{path}{ending}")
    await running.stop()
    disk.freeze()
    backend = on(path)
    with pytest.raises(FailedPrecondition, match=r"not closed cleanly.*writable, and start once"):
        await backend.start()
    disk.freeze(thaw=True)
    await backend.start()
    assert await value_of(backend, "r") == b"v"
    await backend.stop()
