"""A disk that is full for real: the old object is there, deletes go on, and room helps at once."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from objects import HERE, content, read, requests
from prism.backends.files.backend import FilesBackend
from prism.backends.files.config import FilesConfig
from prism.errors import Outcome, StoreFull
from prism.interfaces import objectstore as o
from prism.sdk import HealthStatus, NoCredentials
from prism.sdk.objectstore.stored import StoredObjects
from small_disk import SmallDisk, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Twelve megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, 12) as disk:
        yield disk


@pytest.fixture(params=[1 << 20, 0], ids=["with a reserve", "without"])
async def backend(disk: SmallDisk, request: pytest.FixtureRequest) -> AsyncIterator[FilesBackend]:
    """A started backend on that disk."""
    config = FilesConfig(path=disk.folder / "objects", sweep_interval=3600, reserve=request.param)
    backend = FilesBackend(config, NoCredentials())
    await backend.start()
    yield backend
    await backend.stop()


def store(backend: FilesBackend) -> StoredObjects:
    """Its ObjectStore."""
    (objects,) = backend.interfaces
    assert isinstance(objects, StoredObjects)
    return objects


async def test_a_full_disk_keeps_the_old_object(backend: FilesBackend, disk: SmallDisk) -> None:
    """A Put that has no room is STORE_FULL and NOT_APPLIED, leaves no file, and the object before is there."""
    objects = store(backend)
    await objects.put(requests("k", content(1 << 20, 1)), HERE)
    before = disk.free
    for _ in range(3):
        with pytest.raises(StoreFull) as caught:
            await objects.put(requests("k", content(16 << 20, 2)), HERE)
        assert caught.value.outcome is Outcome.NOT_APPLIED
        assert "free some space" in caught.value.message
        assert disk.free >= before - (1 << 20)
    assert await read(objects, "k") == content(1 << 20, 1)
    with pytest.raises(StoreFull):
        await objects.put(requests("k", b"", size=1 << 40), HERE)  # declared, and refused before a chunk comes


async def test_a_full_disk_is_emptied_by_deletes(disk: SmallDisk) -> None:
    """The reserve leaves the index room: objects are deleted, and then there is room again."""
    config = FilesConfig(path=disk.folder / "objects", sweep_interval=3600, reserve=2 << 20)
    backend = FilesBackend(config, NoCredentials())
    await backend.start()
    try:
        objects, count = store(backend), 0
        for _ in range(20):
            try:
                await objects.put(requests(f"k{count}", content(900_000, count)), HERE)
            except StoreFull:
                break
            count += 1
        assert 5 <= count < 20
        assert (await backend.health()).status is HealthStatus.DEGRADED
        for number in range(count):
            assert await read(objects, f"k{number}") == content(900_000, number)
        await objects.delete_many(o.DeleteManyRequest(keys=[f"k{number}" for number in range(count)]), HERE)
        await objects.stop()
        await objects.put(requests("after", content(900_000)), HERE)
        assert await read(objects, "after") == content(900_000)
    finally:
        await backend.stop()


async def test_small_objects_leave_the_reserve_too(disk: SmallDisk) -> None:
    """What needs no file fills the index: it is refused before the disk is full, and deletes go on."""
    config = FilesConfig(path=disk.folder / "objects", sweep_interval=3600, reserve=4 << 20, inline=64 << 10)
    backend = FilesBackend(config, NoCredentials())
    await backend.start()
    try:
        objects, count = store(backend), 0
        for _ in range(1000):
            try:
                await objects.put(requests(f"k{count}", content(60_000, count)), HERE)
            except StoreFull:
                break
            count += 1
        assert 10 <= count < 1000
        assert await read(objects, f"k{count - 1}") == content(60_000, count - 1)
        await objects.delete_many(o.DeleteManyRequest(keys=[f"k{number}" for number in range(count)]), HERE)
        assert await read(objects, "k0") is None
    finally:
        await backend.stop()
