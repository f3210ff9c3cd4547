"""Disks that are full for real: of the tables, which costs a write, and of the log, which costs the server."""

import asyncio
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from missing import missing
from prism.backends.postgres.testing import PostgresServer, ServerMissing, memory
from prism.errors import BackendUnavailable, Outcome, PrismError, StoreFull
from prism.sdk import HealthStatus
from small_disk import SmallDisk, small_disk

from .store import OpenStore, Store

LARGE = 200_000


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of this module's, which may crash."""
    try:
        server = PostgresServer(within=memory())
    except ServerMissing as absent:
        missing(str(absent))
    with server:
        yield server


def owned_alike(folder: Path, like: Path) -> Path:
    """The folder, for the server's account alone."""
    found = like.stat()
    os.chown(folder, found.st_uid, found.st_gid)
    folder.chmod(0o700)
    return folder


@pytest.fixture
def tables(server: PostgresServer) -> Iterator[SmallDisk]:
    """A disk for the tablespace `small`."""
    folder = server.folder / "tables"
    folder.mkdir()
    with small_disk(folder, 20) as disk:
        owned_alike(folder, server.folder / "data")
        server.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
        yield disk
        server.reset()
        server.execute("DROP TABLESPACE small")


@pytest.fixture
def log(server: PostgresServer) -> Iterator[SmallDisk]:
    """A disk for the server's write-ahead log, whose segments are of 16 MB."""
    server.shut_down()
    folder, link = server.folder / "log-disk", server.folder / "data" / "pg_wal"
    folder.mkdir()
    with small_disk(folder, 80) as disk:
        shutil.copytree(link, folder / "pg_wal")
        for each in (folder, folder / "pg_wal", *(folder / "pg_wal").iterdir()):
            owned_alike(each, link)
        shutil.rmtree(link)
        link.symlink_to(folder / "pg_wal")
        server.start()
        yield disk
        server.shut_down()
    server.stop()
    server.start()


async def put_until_refused(store: Store) -> tuple[dict[str, bytes], PrismError]:
    """Puts large items until one fails; what was acknowledged, and the error."""
    acknowledged: dict[str, bytes] = {}
    while True:
        id_, value = f"r{len(acknowledged)}", secrets.token_bytes(LARGE)
        try:
            await store.put(id_, {b"k": value}, timeout=20)
        except PrismError as error:
            return acknowledged, error
        acknowledged[id_] = value


async def test_a_disk_without_room_for_an_item(server: PostgresServer, tables: SmallDisk, open_store: OpenStore):
    """The put that does not fit is STORE_FULL, NOT_APPLIED; all that was acknowledged is served; room helps at once."""
    store = await open_store(server.create_database("TABLESPACE small"))
    acknowledged, error = await put_until_refused(store)
    assert isinstance(error, StoreFull)
    assert "PostgreSQL's disk is full: free some space" in error.message
    assert error.outcome is Outcome.NOT_APPLIED
    assert tables.free < LARGE
    puts = [store.put("late", {b"k": secrets.token_bytes(LARGE)}) for _ in range(20)]
    refused = await asyncio.gather(*puts, return_exceptions=True)
    assert {(type(each), getattr(each, "outcome", None)) for each in refused} == {(StoreFull, Outcome.NOT_APPLIED)}
    assert await store.get("late", b"k") == await store.get(f"r{len(acknowledged)}", b"k") == {}
    for id_, value in acknowledged.items():
        assert await store.get(id_, b"k") == {b"k": value}
    assert (await store.call("Delete", id="r0")).count == 1
    tables.grow(40)
    await store.put("late", {b"k": secrets.token_bytes(LARGE)})
    assert (await store.backend.health()).status is HealthStatus.HEALTHY


async def test_a_log_without_room_costs_the_server_and_nothing_acknowledged(
    server: PostgresServer, log: SmallDisk, open_store: OpenStore
):
    """PostgreSQL gives up when it cannot log: the write in flight is UNKNOWN, those after it NOT_APPLIED; with room and
    a start by its operator, all that was acknowledged is there and the gateway serves by itself."""
    store = await open_store(server.create_database())
    with (log.folder / "ballast").open("wb") as ballast:
        ballast.write(bytes(max(0, log.free - (18 << 20))))
    acknowledged, error = await put_until_refused(store)
    assert acknowledged
    assert (type(error), error.outcome) == (BackendUnavailable, Outcome.UNKNOWN)
    await asyncio.to_thread(server.wait)
    with pytest.raises(BackendUnavailable) as caught:
        await store.put("late", {b"k": b"v"})
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert (await store.backend.health()).status is HealthStatus.UNHEALTHY
    (log.folder / "ballast").unlink()
    await asyncio.to_thread(server.restart)
    for id_, value in acknowledged.items():
        assert await store.get(id_, b"k") == {b"k": value}
    await store.put("late", {b"k": b"v"})
    assert (await store.backend.health()).status is HealthStatus.HEALTHY
