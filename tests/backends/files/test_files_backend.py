"""What is in the folder: whole objects and nothing else, whatever happened before."""

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from google.protobuf.duration_pb2 import Duration

from objects import HERE, content, read, requests
from prism.backends.files.backend import FilesBackend
from prism.errors import BackendUnavailable, DataLoss, FailedPrecondition, Outcome, PrismError, TransferIdle
from prism.interfaces import objectstore as o
from prism.sdk import HealthStatus
from prism.sdk.objectstore.stored import StoredObjects

from .conftest import Opened


def store(backend: FilesBackend) -> StoredObjects:
    """Its ObjectStore."""
    (objects,) = backend.interfaces
    assert isinstance(objects, StoredObjects)
    return objects


def blobs(folder: Path) -> set[Path]:
    """Every file below `blobs`."""
    return {path for path in (folder / "objects" / "blobs").rglob("*") if path.is_file()}


async def until_blobs(folder: Path, count: int) -> None:
    """Waits until there are so many; what is gone is removed in the background."""
    async with asyncio.timeout(10):
        while len(blobs(folder)) != count:  # noqa: ASYNC110  # a folder tells nothing
            await asyncio.sleep(0.01)


async def test_what_was_put_is_there_after_a_restart(opened: Opened, tmp_path: Path) -> None:
    """Content, properties, uploads and their parts."""
    first = await opened()
    objects = store(first)
    await objects.put(requests("k", content(200_000), properties=o.Properties(content_type="a/b")), HERE)
    upload = (await objects.start_upload(o.StartUploadRequest(key="big"), HERE)).upload
    part = await objects.put_part(part_of("big", upload, 1, b"one"), HERE)
    await first.stop()
    objects = store(await opened())
    assert await read(objects, "k") == content(200_000)
    head = await objects.head(o.HeadRequest(key="k"), HERE)
    assert head.object.properties.content_type == "a/b"
    listed = await objects.list_parts(o.ListPartsRequest(key="big", upload=upload), HERE)
    assert [each.etag for each in listed.parts] == [part.part.etag]
    second = await objects.put_part(part_of("big", upload, 2, b"two"), HERE)
    names = [o.PartName(number=each.part.number, etag=each.part.etag) for each in (part, second)]
    await objects.complete_upload(o.CompleteUploadRequest(key="big", upload=upload, parts=names), HERE)
    assert await read(objects, "big") == b"onetwo"


async def part_of(key: str, upload: str, number: int, data: bytes) -> AsyncIterator[o.PutPartRequest]:
    """What a PutPart sends."""
    yield o.PutPartRequest(head=o.PutPartHead(key=key, upload=upload, number=number))
    yield o.PutPartRequest(chunk=data)
    yield o.PutPartRequest(finish=o.Finish(size=len(data)))


async def test_what_is_replaced_deleted_or_failed_leaves_no_file(opened: Opened, tmp_path: Path) -> None:
    """The folder has the blobs of the objects that there are, under names that have nothing of a key."""
    objects = store(await opened())
    for seed in range(3):
        await objects.put(requests("secret-key", content(1000, seed)), HERE)
    await objects.put(requests("other", b"x"), HERE)
    await objects.delete(o.DeleteRequest(key="other"), HERE)
    with pytest.raises(PrismError):
        await objects.put(stopping("third"), HERE)
    await until_blobs(tmp_path, 1)
    (blob,) = blobs(tmp_path)
    assert blob.read_bytes() == content(1000, 2)
    assert "secret" not in str(blob.relative_to(tmp_path))
    assert stat.S_IMODE(blob.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "objects").stat().st_mode) == 0o700


async def stopping(key: str) -> AsyncIterator[o.PutRequest]:
    """A Put that breaks off."""
    yield o.PutRequest(head=o.PutHead(key=key))
    for _ in range(40):
        yield o.PutRequest(chunk=bytes(100_000))


async def test_a_caller_that_goes_away_leaves_no_file(opened: Opened, tmp_path: Path) -> None:
    """A Put that is cancelled in its midst."""
    objects = store(await opened())
    written = asyncio.Event()

    async def hanging() -> AsyncIterator[o.PutRequest]:
        yield o.PutRequest(head=o.PutHead(key="k"))
        for _ in range(30):
            yield o.PutRequest(chunk=bytes(100_000))
        written.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(objects.put(hanging(), HERE))
    await written.wait()
    await until_blobs(tmp_path, 1)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    await until_blobs(tmp_path, 0)
    assert objects.clean
    assert objects.budget.transfers == 0


async def test_a_caller_that_goes_away_at_the_first_write(opened: Opened, tmp_path: Path) -> None:
    """Before there is a file, as it is made, and after: nothing is left, and the caller's own end is what it gets."""
    objects = store(await opened())
    for turns in range(12):
        putting = asyncio.create_task(objects.put(requests("k", content(2 << 20)), HERE))
        for _ in range(turns):
            await asyncio.sleep(0)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
    await until_blobs(tmp_path, 0)
    assert objects.clean
    assert await read(objects, "k") is None


async def test_a_copy_shares_its_file(opened: Opened, tmp_path: Path) -> None:
    """The blob is removed with the last object that has it."""
    objects = store(await opened())
    await objects.put(requests("a", b"shared"), HERE)
    await objects.copy(o.CopyRequest(from_key="a", to_key="b"), HERE)
    assert len(blobs(tmp_path)) == 1
    await objects.delete(o.DeleteRequest(key="a"), HERE)
    assert await read(objects, "b") == b"shared"
    await objects.delete(o.DeleteRequest(key="b"), HERE)
    await until_blobs(tmp_path, 0)


async def test_uploads_that_expire_leave_no_file(opened: Opened, tmp_path: Path) -> None:
    """Those not completed, and objects whose ttl has passed."""
    backend = await opened(objects={"upload_ttl": 0.5}, sweep_interval=0.02)
    objects = store(backend)
    upload = (await objects.start_upload(o.StartUploadRequest(key="k"), HERE)).upload
    await objects.put_part(part_of("k", upload, 1, b"x"), HERE)
    await objects.put(requests("short", b"y", ttl=Duration(nanos=50_000_000)), HERE)
    await objects.put(requests("stays", b"z"), HERE)
    await until_blobs(tmp_path, 1)
    assert await read(objects, "stays") == b"z"


async def test_what_a_killed_process_left_is_removed(opened: Opened, tmp_path: Path) -> None:
    """Files of an instance that no process holds and no row names; never those of one that lives."""
    first = await opened()
    await store(first).put(requests("k", b"kept"), HERE)
    (kept,) = blobs(tmp_path)
    await first.stop()
    dead = "0123456789abcdef"
    left = tmp_path / "objects" / "blobs" / f"{dead}-0"
    left.mkdir()
    for number in range(3):
        (left / f"{number:032x}").write_bytes(b"torn")
    (tmp_path / "objects" / "instances" / dead).touch()
    living = await opened()
    writing = asyncio.Event()

    async def slow() -> AsyncIterator[o.PutRequest]:
        yield o.PutRequest(head=o.PutHead(key="slow"))
        yield o.PutRequest(chunk=bytes(3 << 20))
        yield o.PutRequest(chunk=b"1")
        writing.set()
        await done.wait()
        yield o.PutRequest(finish=o.Finish(size=(3 << 20) + 1))

    done = asyncio.Event()
    putting = asyncio.create_task(store(living).put(slow(), HERE))
    await writing.wait()
    await until_blobs(tmp_path, 2)
    assert not left.exists()
    other = await opened()
    await asyncio.gather(*(asyncio.create_task(each) for each in [store(other).sweep(10)]))
    done.set()
    await putting
    assert kept in blobs(tmp_path)
    assert len(await read(store(other), "slow") or b"") == (3 << 20) + 1


async def test_an_instance_that_ends_leaves_no_mark(opened: Opened, tmp_path: Path) -> None:
    """Nothing is to be looked through at the next start, and no empty folder stays."""
    backend = await opened()
    await store(backend).put(requests("k", b"x"), HERE)
    await store(backend).delete(o.DeleteRequest(key="k"), HERE)
    assert len(list((tmp_path / "objects" / "instances").iterdir())) == 1
    await backend.stop()
    assert list((tmp_path / "objects" / "instances").iterdir()) == []
    assert list((tmp_path / "objects" / "blobs").iterdir()) == []


async def test_a_file_that_is_gone_is_data_loss(opened: Opened, tmp_path: Path) -> None:
    """A blob removed by hand: a Get says so before it gives a byte, and a new object mends it."""
    objects = store(await opened())
    await objects.put(requests("k", b"x"), HERE)
    for each in blobs(tmp_path):
        each.unlink()
    with pytest.raises(DataLoss, match="put it anew"):
        await read(objects, "k")
    await objects.put(requests("k", b"y"), HERE)
    assert await read(objects, "k") == b"y"


async def test_a_file_that_is_shorter_is_data_loss(opened: Opened, tmp_path: Path) -> None:
    """A blob that was cut: the answer is cut too, and never ends as if it were whole."""
    objects = store(await opened())
    await objects.put(requests("k", content(3 << 20)), HERE)
    (blob,) = blobs(tmp_path)
    os.truncate(blob, 2 << 20)
    ended = False

    async def get() -> None:
        nonlocal ended
        async for response in objects.get(o.GetRequest(key="k"), HERE):
            ended = response.HasField("end")

    with pytest.raises(DataLoss, match="shorter"):
        await get()
    assert not ended


async def test_a_name_in_the_index_is_never_a_path(opened: Opened, tmp_path: Path) -> None:
    """An index that was written to by another names no file outside the folder."""
    outside = tmp_path / "outside"
    outside.write_text("secret")
    objects = store(await opened())
    await objects.put(requests("k", b"x"), HERE)
    with sqlite3.connect(tmp_path / "objects" / "index.db") as index:
        index.execute("UPDATE object_piece SET blob = '../../outside'")
    with pytest.raises(DataLoss):
        await read(objects, "k")
    await objects.delete(o.DeleteRequest(key="k"), HERE)
    await objects.sweep(10)
    await objects.stop()
    assert outside.read_text() == "secret"


async def test_a_folder_of_another_application_is_refused(opened: Opened, tmp_path: Path) -> None:
    """Its database is not an index of objects."""
    (tmp_path / "objects").mkdir()
    with sqlite3.connect(tmp_path / "objects" / "index.db") as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(FailedPrecondition, match="another application"):
        await opened()
    assert list((tmp_path / "objects" / "instances").iterdir()) == []


async def test_an_index_that_was_replaced_takes_no_writes(opened: Opened, tmp_path: Path) -> None:
    """Nothing is acknowledged into a file that the path no longer leads to; health says so."""
    backend = await opened()
    objects = store(backend)
    (tmp_path / "objects" / "index.db").rename(tmp_path / "moved")
    with pytest.raises(BackendUnavailable, match="removed or replaced") as caught:
        await objects.put(requests("k", b"x"), HERE)
    assert caught.value.outcome is Outcome.NOT_APPLIED
    health = await backend.health()
    assert health.status is HealthStatus.UNHEALTHY
    (tmp_path / "moved").rename(tmp_path / "objects" / "index.db")
    await objects.put(requests("k", b"x"), HERE)
    await until_blobs(tmp_path, 1)


async def test_health_says_what_room_there_is(opened: Opened) -> None:
    """Bytes and inodes, as facts and as gauges; little of them is DEGRADED."""
    backend = await opened()
    health = await backend.health()
    assert health.status is HealthStatus.HEALTHY
    assert int(health.details["free_bytes"]) > 0
    assert {"disk_free_bytes", "disk_free_inodes", "object_transfers"} <= backend.metrics().keys()
    full = await opened(reserve=1 << 60)
    health = await full.health()
    assert health.status is HealthStatus.DEGRADED
    assert "free some space" in health.message


async def test_a_writer_that_sends_nothing_is_ended(opened: Opened, tmp_path: Path) -> None:
    """After `idle_timeout` without a byte; one that is slow and sends is not."""
    objects = store(await opened(objects={"idle_timeout": 0.2}))

    async def slow(last: bool) -> AsyncIterator[o.PutRequest]:
        yield o.PutRequest(head=o.PutHead(key="k"))
        for _ in range(6):
            await asyncio.sleep(0.06)
            yield o.PutRequest(chunk=b"x")
        if last:
            yield o.PutRequest(finish=o.Finish(size=6))
        await asyncio.Event().wait()

    await objects.put(slow(last=True), HERE)
    with pytest.raises(TransferIdle) as caught:
        await objects.put(slow(last=False), HERE)
    assert caught.value.reason == "TRANSFER_IDLE"
    assert await read(objects, "k") == b"xxxxxx"
    await until_blobs(tmp_path, 1)


async def test_many_parts_are_read_in_order(opened: Opened) -> None:
    """More than are open at once; one that is read is not removed under its reader."""
    backend = await opened()
    objects = store(backend)
    upload = (await objects.start_upload(o.StartUploadRequest(key="k"), HERE)).upload
    parts = [await objects.put_part(part_of("k", upload, n, b"%03d" % n), HERE) for n in range(1, 101)]
    names = [o.PartName(number=each.part.number, etag=each.part.etag) for each in parts]
    await objects.complete_upload(o.CompleteUploadRequest(key="k", upload=upload, parts=names), HERE)
    whole = b"".join(b"%03d" % n for n in range(1, 101))
    assert await read(objects, "k") == whole
    responses = cast("Any", objects.get(o.GetRequest(key="k"), HERE))
    head = await anext(responses)
    assert head.head.found
    await objects.delete(o.DeleteRequest(key="k"), HERE)
    await objects.sweep(10)
    await objects.stop()
    assert b"".join([each.chunk async for each in responses]) == whole
    await objects.sweep(10)
    await objects.stop()


async def test_small_objects_need_no_file(opened: Opened, tmp_path: Path) -> None:
    """Up to `inline` bytes are in the index, replaced by a file and by none as the size says."""
    objects = store(await opened(inline=1000))
    for size, files in ((1000, 0), (1001, 1), (1, 0), (0, 0), (5000, 1)):
        await objects.put(requests("k", content(size), chunk=300), HERE)
        await until_blobs(tmp_path, files)
        assert await read(objects, "k") == content(size)
    await objects.put(requests("small", content(1000)), HERE)
    await objects.copy(o.CopyRequest(from_key="small", to_key="copy"), HERE)
    await objects.delete(o.DeleteRequest(key="small"), HERE)
    asked = o.GetRequest(key="copy", range=o.Range(offset=998, length=5))
    got = [each.chunk async for each in objects.get(asked, HERE) if each.HasField("chunk")]
    assert b"".join(got) == content(1000)[998:]
    wrong = o.Finish(size=3, checksum=o.Checksum(crc32c=1))

    async def torn() -> AsyncIterator[o.PutRequest]:
        yield o.PutRequest(head=o.PutHead(key="copy"))
        yield o.PutRequest(chunk=b"abc")
        yield o.PutRequest(finish=wrong)

    with pytest.raises(PrismError):
        await objects.put(torn(), HERE)
    assert await read(objects, "copy") == content(1000)
    await until_blobs(tmp_path, 1)
