"""A server whose disk is full for real: the old object is there, the new one leaves nothing, and room helps at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.s3.objects import MIB, PART, Objects, objects_on
from missing import missing
from objects import content
from prism.acceptance.store.polling import eventually
from prism.backends.s3.testing import ServerMissing, Versitygw  # the folder's conftest has looked for the driver
from prism.errors import Outcome, StoreFull
from small_disk import SmallDisk, small_disk


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[tuple[Objects, SmallDisk]]:
    """A bucket on a disk of 20 megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, 20) as disk:
        try:
            server = Versitygw(within=folder)
        except ServerMissing as absent:
            missing(str(absent))
        await asyncio.to_thread(server.start)
        try:
            async with objects_on(server, "full") as objects:
                yield objects, disk
        finally:
            await asyncio.to_thread(server.stop)


@pytest.mark.parametrize("size", [3 * MIB, 30 * MIB], ids=["one piece", "parts"])
async def test_a_full_disk_keeps_the_old_object(full: tuple[Objects, SmallDisk], size: int) -> None:
    """In one piece and by parts; what failed is not there, and its parts are gone."""
    objects, disk = full
    old = content(PART + 1, 1)
    await objects.put("key", old)
    filler = 0
    while disk.free > 2 * MIB and size < PART:
        await objects.put(f"filler {filler}", content(MIB, filler))
        filler += 1
    new = content(size, 2)
    with pytest.raises(StoreFull) as caught:
        await objects.put("key", *(new[begin : begin + MIB] for begin in range(0, size, MIB)))
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert await objects.get("key") == old

    async def no_upload() -> bool:
        return await objects.uploads() == []

    await eventually(no_upload, "the server says when it has removed them")
    await asyncio.to_thread(disk.grow, 80)
    await objects.put("key", *(new[begin : begin + MIB] for begin in range(0, size, MIB)))
    assert await objects.get("key") == new
