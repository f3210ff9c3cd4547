"""Transfers over connections that break: what has come is not sent twice, and what comes is of one object."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.objects_http.site import Site
from prism.acceptance.store.proxy import Proxy
from prism.client import Client, ConditionNotMet, DataLoss, GatewayUnavailable, ObjectInfo, ObjectStore, PrismError
from prism.client.objects.download import partial_path
from prism.client.objects.upload import UploadState

SIZE = 3_000_000
DATA = random.Random(1).randbytes(SIZE)
PART = 500_000


class Ledger:
    """What a test has seen pass, and what it does at some of it."""

    def __init__(self) -> None:
        self.passed = 0
        self.sent = 0

    def __call__(self, count: int) -> None:
        """So many further bytes."""
        self.passed += count
        self.sent += max(0, count)


async def test_reading_goes_on_where_it_was(objects: ObjectStore, proxy: Proxy) -> None:
    """Cut in the midst of every third of the object, its bytes come once and in order."""
    await objects.put("k", DATA)
    ledger = Ledger()
    got = bytearray()
    before = proxy.accepted
    async with objects.get("k", on_progress=ledger) as reader:
        async for chunk in reader:
            got += chunk
            if len(got) // (SIZE // 3) > (len(got) - len(chunk)) // (SIZE // 3):
                await proxy.cut()
    assert got == DATA
    assert ledger.passed == SIZE
    assert proxy.accepted > before + 1


async def test_another_object_is_not_read_on(objects: ObjectStore, proxy: Proxy, site: Site) -> None:
    """What took its place meanwhile is not joined to what came of the first."""
    await objects.put("k", DATA)
    async with Client(site.address) as prism, objects.get("k") as reader:
        await anext(reader)
        await prism.objects().put("k", DATA[::-1])
        await proxy.cut()
        with pytest.raises(ConditionNotMet):
            await reader.read()


async def test_an_outage_ends(objects: ObjectStore, proxy: Proxy) -> None:
    """Nothing comes for so long: its error is raised."""
    await objects.put("k", DATA)
    async with objects.get("k", outage_timeout=0.1) as reader:
        await anext(reader)
        await proxy.stop()
        with pytest.raises(GatewayUnavailable):
            await reader.read()


async def test_a_download_is_resumed_by_a_later_one(objects: ObjectStore, proxy: Proxy, tmp_path: Path) -> None:
    """What has come is kept beside the file, which is there whole or not at all."""
    stored = await objects.put("k", DATA)
    path = tmp_path / "file"
    path.write_bytes(b"old")
    proxy.cut_in_answer(SIZE // 2)
    with pytest.raises(GatewayUnavailable):
        await objects.download("k", path, outage_timeout=0)
    assert path.read_bytes() == b"old"
    info = await objects.head("k")
    assert info is not None
    assert info.etag == stored.etag
    have = partial_path(path, info).stat().st_size
    assert 0 < have <= SIZE // 2
    ledger = Ledger()
    await objects.download("k", path, on_progress=ledger)
    assert path.read_bytes() == DATA
    assert ledger.passed == SIZE
    assert await asyncio.to_thread(os.listdir, tmp_path) == ["file"]


async def test_what_is_damaged_beside_the_file_is_found_out(objects: ObjectStore, tmp_path: Path) -> None:
    """By the checksum, where the store knows it; a next download begins anew."""
    await objects.put("k", DATA)
    info = await objects.head("k")
    assert info is not None
    if not info.sha256:
        pytest.skip("the store keeps no checksum")
    path = tmp_path / "file"
    partial_path(path, info).write_bytes(b"x" * 1000)
    with pytest.raises(DataLoss):
        await objects.download("k", path)
    await objects.download("k", path)
    assert path.read_bytes() == DATA


async def test_what_is_left_of_another_object_is_not_used(objects: ObjectStore, tmp_path: Path) -> None:
    """It is kept under that one's name; one that is too long is not this one's either."""
    await objects.put("k", DATA)
    info = await objects.head("k")
    assert info is not None
    path = tmp_path / "file"
    partial_path(path, ObjectInfo("k", SIZE, "other")).write_bytes(b"x" * 1000)
    partial_path(path, info).write_bytes(b"x" * (SIZE + 1))
    await objects.download("k", path, resume=True)
    assert path.read_bytes() == DATA


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of six parts."""
    path = tmp_path / "source"
    path.write_bytes(DATA)
    return path


async def test_parts_that_fail_are_sent_again(objects: ObjectStore, proxy: Proxy, file: Path) -> None:
    """The connection is cut over and over: the object is whole, and no part was lost or sent for nothing."""
    ledger = Ledger()
    cuts = 3

    def progress(count: int) -> None:
        nonlocal cuts
        ledger(count)
        if cuts and ledger.passed > (4 - cuts) * 700_000:
            cuts -= 1
            cutting.append(asyncio.ensure_future(proxy.cut()))

    cutting: list[asyncio.Future[None]] = []
    stored = await objects.upload("k", file, part_size=PART, parallel=2, on_progress=progress)
    await asyncio.gather(*cutting)
    assert not cuts
    assert (stored.size, ledger.passed) == (SIZE, SIZE)
    assert await objects.read("k") == DATA


async def test_an_upload_is_resumed_by_a_later_program(
    objects: ObjectStore, proxy: Proxy, file: Path, tmp_path: Path
) -> None:
    """By the file that keeps its name: the parts that are there are not sent again."""
    state = tmp_path / "state" / "upload.json"
    await _given_up(objects, proxy, file, state)
    kept = UploadState.read(state)
    assert kept is not None
    there = [part.number async for part in objects.list_parts("k", kept.upload)]
    assert there
    ledger = Ledger()
    sent: list[int] = []
    put_part = objects.put_part

    async def counted(key: str, upload: str, number: int, *args: object, **given: object) -> object:
        sent.append(number)
        return await put_part(key, upload, number, *args, **given)  # type: ignore[arg-type]

    objects.put_part = counted  # type: ignore[assignment,method-assign]
    await objects.upload("k", file, part_size=PART, state=state, on_progress=ledger)
    assert set(sent) == set(range(1, 7)) - set(there)
    assert ledger.passed == SIZE
    assert await objects.read("k") == DATA
    assert not state.exists()


async def test_a_changed_file_is_sent_anew(objects: ObjectStore, proxy: Proxy, file: Path, tmp_path: Path) -> None:
    """Nothing of what has come of the file as it was becomes part of it as it is."""
    state = tmp_path / "upload.json"
    await _given_up(objects, proxy, file, state)
    await asyncio.to_thread(file.write_bytes, DATA[::-1])
    await objects.upload("k", file, part_size=PART, state=state)
    assert await objects.read("k") == DATA[::-1]


async def test_an_upload_that_is_gone_begins_anew(
    objects: ObjectStore, proxy: Proxy, file: Path, tmp_path: Path
) -> None:
    """It has expired, or was given up; a file of state that says nothing is none."""
    state = tmp_path / "upload.json"
    await _given_up(objects, proxy, file, state)
    kept = UploadState.read(state)
    assert kept is not None
    await objects.abort_upload("k", kept.upload)
    await objects.upload("k", file, part_size=PART, state=state)
    assert await objects.read("k") == DATA
    state.write_text("{")
    await objects.upload("l", file, part_size=PART, state=state)
    assert await objects.read("l") == DATA


async def _given_up(objects: ObjectStore, proxy: Proxy, file: Path, state: Path) -> None:
    """An upload of which some parts have come."""

    async def stop() -> None:
        await proxy.stop()

    stopping: list[asyncio.Future[None]] = []
    ledger = Ledger()

    def progress(count: int) -> None:
        ledger(count)
        if ledger.passed > 1_700_000 and not stopping:
            stopping.append(asyncio.ensure_future(stop()))

    with pytest.raises(PrismError):
        await objects.upload("k", file, part_size=PART, parallel=1, state=state, on_progress=progress, outage_timeout=0)
    await asyncio.gather(*stopping)
    await proxy.start()


async def test_a_put_is_repeated_only_where_nothing_was_stored(objects: ObjectStore, proxy: Proxy) -> None:
    """What cannot be sent twice, or may have been stored, is not sent again without being asked."""
    sent = 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal sent
        sent += 1
        yield DATA[:1000]
        await proxy.cut()
        yield DATA[1000:]

    with pytest.raises(GatewayUnavailable):
        await objects.put("k", source())
    assert sent == 1
