"""A file on a disk that is full for real: who needs room is refused, all else is served, and room helps at once."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.errors import FailedPrecondition, Outcome, PrismError, StoreFull
from prism.interfaces.keyvalue import DeleteRequest
from prism.sdk import HealthStatus, NoCredentials
from small_disk import SmallDisk, small_disk

from .keyvalues import HERE, keyvalue, put, value_of

LARGE = bytes(200_000)
RESERVE = 2 << 20


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


@pytest.fixture
def larger(tmp_path: Path) -> Iterator[SmallDisk]:
    """Eight megabytes: room for a reserve of two, and for data."""
    folder = tmp_path / "larger"
    folder.mkdir()
    with small_disk(folder, 8) as disk:
        yield disk


def reserving(disk: SmallDisk, reserve: int = RESERVE, sweep_interval: float = 3600) -> SqliteBackend:
    """A backend with a reserve, to be started."""
    config = SqliteConfig(path=disk.folder / "data.db", reserve=reserve, sweep_interval=sweep_interval)
    return SqliteBackend(config, NoCredentials())


async def delete(backend: SqliteBackend, id_: str) -> None:
    """Deletes what `put` puts."""
    await keyvalue(backend).delete(DeleteRequest(id=id_, keys=[b"k"]), HERE)


def fill(disk: SmallDisk, name: str = "ballast") -> Path:
    """Takes what is left of the disk, as another program does."""
    ballast = disk.folder / name
    ballast.write_bytes(bytes(disk.free))
    assert disk.free == 0
    return ballast


async def put_until_refused(
    backend: SqliteBackend, value: bytes = LARGE, name: str = "r"
) -> tuple[list[str], PrismError]:
    """Puts items, large ones unless told otherwise, until one fails; those that were acknowledged, and the error."""
    acknowledged: list[str] = []
    while True:
        try:
            await keyvalue(backend).put(put(f"{name}{len(acknowledged)}", value=value), HERE)
        except PrismError as error:
            return acknowledged, error
        acknowledged.append(f"{name}{len(acknowledged)}")


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


async def test_what_needs_no_room_is_done_on_a_full_disk(larger: SmallDisk) -> None:
    """A put is refused; deletes are done, then as many puts as were deleted; it is degraded until there is room."""
    reserve = larger.folder / "data.db-reserve"
    backend = reserving(larger)
    await backend.start()
    acknowledged, error = await put_until_refused(backend)
    assert isinstance(error, StoreFull)
    assert error.outcome is Outcome.NOT_APPLIED
    fill(larger)
    await put_until_refused(backend, bytes(100), name="small")  # no room is left in the log either
    with pytest.raises(StoreFull):
        await keyvalue(backend).put(put("late", value=LARGE), HERE)
    assert reserve.stat().st_blocks * 512 == RESERVE
    for id_ in acknowledged:
        # The log gives room back, at a moment that depends on how many tables there are.
        ballast = fill(larger, "log") if id_ == acknowledged[-1] else None
        await delete(backend, id_)
        assert reserve.stat().st_size >= RESERVE * 7 // 8, "the next one finds no reserve"
    health = await backend.health()
    assert health.status is HealthStatus.DEGRADED
    assert "the disk is full" in health.message
    assert ballast is not None
    ballast.unlink()
    for id_ in acknowledged:
        await keyvalue(backend).put(put(id_, value=LARGE), HERE)
    with pytest.raises(StoreFull):
        await keyvalue(backend).put(put("late", value=LARGE * 20), HERE)
    assert [await value_of(backend, id_) for id_ in acknowledged] == [LARGE] * len(acknowledged)
    larger.grow(40)
    await keyvalue(backend).put(put("late", value=LARGE), HERE)
    assert (await backend.health()).status is HealthStatus.HEALTHY
    await backend.stop()


async def test_a_delete_among_puts_on_a_full_disk(larger: SmallDisk) -> None:
    """In one group commit each has its own answer."""
    backend = reserving(larger)
    await backend.start()
    acknowledged, _ = await put_until_refused(backend)
    fill(larger)
    puts = [keyvalue(backend).put(put(f"late{number}", value=LARGE * 20), HERE) for number in range(3)]
    refusals = await asyncio.gather(puts[0], delete(backend, acknowledged[0]), *puts[1:], return_exceptions=True)
    assert [type(each) for each in refusals] == [StoreFull, type(None), StoreFull, StoreFull]
    assert await value_of(backend, acknowledged[0]) is None
    await backend.stop()


async def test_what_expires_frees_room_on_a_full_disk(larger: SmallDisk) -> None:
    """The sweep goes on, so that puts do, without a hand."""
    backend = reserving(larger, sweep_interval=0.05)
    await backend.start()
    await keyvalue(backend).put(put("brief", value=LARGE, ttl=Duration(nanos=300_000_000)), HERE)
    await put_until_refused(backend)
    fill(larger)
    async with asyncio.timeout(10):
        while True:
            try:
                await keyvalue(backend).put(put("late", value=LARGE), HERE)
            except StoreFull:
                await asyncio.sleep(0.05)  # nothing tells when a sweep has been
            else:
                break
    await backend.stop()


KILLED = """
import asyncio, os, sys
from pathlib import Path
from prism.backends.sqlite.reserve import Reserve
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.sdk import NoCredentials
from backends.sqlite.keyvalues import HERE, keyvalue
from prism.interfaces.keyvalue import DeleteRequest

async def main():
    config = SqliteConfig(path=Path(sys.argv[1]), reserve=int(sys.argv[2]), sweep_interval=3600)
    backend = SqliteBackend(config, NoCredentials())
    await backend.start()
    Reserve.make = lambda self: os._exit(9)
    await keyvalue(backend).delete(DeleteRequest(id="r0", keys=[b"k"]), HERE)

asyncio.run(main())
"""


async def test_killed_before_the_reserve_is_made_again(larger: SmallDisk) -> None:
    """Started again: what was acknowledged is there, the delete was done or not, and the next one is done."""
    backend = reserving(larger)
    await backend.start()
    acknowledged, _ = await put_until_refused(backend)
    await backend.stop()
    fill(larger)
    tests = str(Path(__file__).parents[2])
    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", KILLED, str(larger.folder / "data.db"), str(RESERVE)],
        env=os.environ | {"PYTHONPATH": tests},
        check=False,
    )
    assert killed.returncode == 9
    reserve = larger.folder / "data.db-reserve"
    assert reserve.stat().st_size == 0
    again = reserving(larger)
    await again.start()
    assert reserve.stat().st_size >= RESERVE * 7 // 8
    assert [await value_of(again, id_) for id_ in acknowledged[1:]] == [LARGE] * (len(acknowledged) - 1)
    for id_ in acknowledged:
        await delete(again, id_)
    await keyvalue(again).put(put("late", value=LARGE), HERE)
    await again.stop()


async def test_a_start_on_a_full_disk_without_a_reserve(larger: SmallDisk) -> None:
    """It serves what it can, refuses with the reason, and makes the reserve as soon as there is room."""
    backend = reserving(larger, reserve=0)
    await backend.start()
    await keyvalue(backend).put(put("r", value=LARGE), HERE)
    await backend.stop()
    assert not (larger.folder / "data.db-reserve").exists()
    ballast = larger.folder / "ballast"
    ballast.write_bytes(bytes(larger.free - (64 << 10)))  # what opening the file needs
    again = reserving(larger, sweep_interval=0.05)
    await again.start()
    assert await value_of(again, "r") == LARGE
    with pytest.raises(StoreFull) as refused:
        await keyvalue(again).put(put("late", value=LARGE * 20), HERE)
    assert refused.value.outcome is Outcome.NOT_APPLIED
    assert not (larger.folder / "data.db-reserve").exists()
    larger.grow(20)
    async with asyncio.timeout(10):
        while not (larger.folder / "data.db-reserve").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # nothing tells when a sweep has been
    await again.stop()


async def test_a_start_where_others_have_filled_the_disk(larger: SmallDisk) -> None:
    """The reserve gives the room that opening the file needs."""
    backend = reserving(larger)
    await backend.start()
    await keyvalue(backend).put(put("r"), HERE)
    await backend.stop()
    fill(larger)
    again = reserving(larger)
    await again.start()
    assert await value_of(again, "r") == b"v"
    await delete(again, "r")
    await again.stop()


async def test_no_reserve_is_kept_that_was_not_asked_for(tmp_path: Path) -> None:
    """Size 0 removes one of before; another size replaces it."""
    path = tmp_path / "data.db"
    for size in (RESERVE, 1 << 20, 0):
        backend = SqliteBackend(SqliteConfig(path=path, reserve=size), NoCredentials())
        await backend.start()
        reserve = tmp_path / "data.db-reserve"
        assert (reserve.stat().st_size if reserve.exists() else 0) == size
        await backend.stop()
