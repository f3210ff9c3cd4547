"""Rule 9: uploads by parts."""

import asyncio

import pytest

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.objectstore.dsl import Objects, pattern, sha256
from prism.errors import ConditionNotMet, ContentMismatch, InvalidArgument, UploadNotFound
from prism.interfaces import objectstore as o

NOT_FOUND = "UPLOAD_NOT_FOUND"


async def test_parts_in_any_order(objects: Objects) -> None:
    """CONTRACT, ObjectStore 9: parts come in any order, and the object is theirs in the order of their numbers."""
    objects.needs("uploads")
    upload = await objects.start("k", properties=o.Properties(content_type="text/plain", metadata={"a": "b"}))
    contents = {number: pattern(objects.least + number, number) for number in (7, 2, 5)}
    parts = {number: await objects.part("k", upload, number, data) for number, data in contents.items()}
    assert await objects.head("k") is None
    done = await objects.complete("k", upload, parts[2], parts[5], parts[7])
    whole = contents[2] + contents[5] + contents[7]
    got = await objects.get("k")
    assert got.data == whole
    assert (done.size, done.etag) == (len(whole), got.object.etag)
    assert (got.object.properties.content_type, dict(got.object.properties.metadata)) == ("text/plain", {"a": "b"})
    for offset in (0, len(contents[2]) - 1, len(contents[2]), len(contents[2]) + len(contents[5]) - 1):
        part = await objects.get("k", range=o.Range(offset=offset, length=objects.least + 1))
        assert part.data == whole[offset : offset + objects.least + 1]


async def test_parts_at_once(objects: Objects) -> None:
    """CONTRACT, ObjectStore 9: parts may come at the same time, through any gateway."""
    objects.needs("uploads")
    upload = await objects.start("k")
    contents = [pattern(objects.least, number) for number in range(6)]
    sent = (objects.part("k", upload, number, data, via=number) for number, data in enumerate(contents, 1))
    parts = await asyncio.gather(*sent)
    await objects.complete("k", upload, *parts, via=1)
    assert await objects.data("k") == b"".join(contents)


async def test_an_upload_is_resumed(objects: Objects) -> None:
    """CONTRACT, ObjectStore 9: an upload is resumed by part: ListParts says which are there, page by page."""
    objects.needs("uploads")
    upload = await objects.start("k")
    sent = [await objects.part("k", upload, number, pattern(objects.least, number)) for number in (1, 3, 4)]
    for limit in (1, 2, 100):
        found = await objects.parts("k", upload, limit)
        assert [(each.number, each.etag, each.size) for each in found] == [
            (each.number, each.etag, each.size) for each in sent
        ]
    assert [(each.key, each.upload) for each in await objects.uploads()] == [("k", upload)]
    second = await objects.part("k", upload, 2, pattern(objects.least, 2), via=1)
    await objects.complete("k", upload, sent[0], second, *sent[1:])
    assert await objects.data("k") == b"".join(pattern(objects.least, number) for number in (1, 2, 3, 4))
    assert await objects.uploads() == []


async def test_a_part_is_sent_again(objects: Objects) -> None:
    """CONTRACT, ObjectStore 9: a part that is sent again takes the place of the one before."""
    objects.needs("uploads")
    upload = await objects.start("k")
    old = await objects.part("k", upload, 1, b"old")
    new = await objects.part("k", upload, 1, b"newer")
    assert old.etag != new.etag
    await objects.refuses_write(InvalidArgument, objects.complete("k", upload, old))
    await objects.complete("k", upload, new)
    assert await objects.data("k") == b"newer"


async def test_a_part_that_is_not_whole_is_not_there(objects: Objects) -> None:
    """CONTRACT, ObjectStore 9: a part with another size or checksum is not there, and the one before stays."""
    objects.needs("uploads")
    upload = await objects.start("k")
    kept = await objects.part("k", upload, 1, b"kept")
    for finish in (o.Finish(size=3), o.Finish(size=4, checksum=o.Checksum(sha256=sha256(b"x")))):
        sent = objects.part("k", upload, 1, b"torn", finish=finish)
        await objects.refuses_write(ContentMismatch, sent, "CONTENT_MISMATCH")
    assert [each.etag for each in await objects.parts("k", upload)] == [kept.etag]
    await objects.complete("k", upload, kept)
    assert await objects.data("k") == b"kept"


async def test_what_is_left_out_is_not_in_the_object(objects: Objects) -> None:
    """CONTRACT, ObjectStore 9: the object is made of the parts that are named, and of no other."""
    objects.needs("uploads")
    upload = await objects.start("k")
    parts = [await objects.part("k", upload, number, pattern(objects.least, number)) for number in (1, 2, 3)]
    await objects.complete("k", upload, parts[0], parts[2])
    assert await objects.data("k") == pattern(objects.least, 1) + pattern(objects.least, 3)


@UNTYPED
async def test_parts_that_are_not_valid(objects: Objects) -> None:
    """CONTRACT, ObjectStore 9: parts out of order, twice, or never sent are INVALID_ARGUMENT, and the upload stays."""
    objects.needs("uploads")
    upload = await objects.start("k")
    one = await objects.part("k", upload, 1, pattern(objects.least, 1))
    two = await objects.part("k", upload, 2, b"2")
    missing = o.Part(number=3, etag=one.etag)
    for chosen in ((two, one), (one, one), (one, missing), ()):
        await objects.refuses_write(InvalidArgument, objects.complete("k", upload, *chosen))
    assert await objects.head("k") is None
    await objects.refuses_write(InvalidArgument, objects.part("k", upload, 0, b"x"))
    await objects.refuses_write(InvalidArgument, objects.part("k", upload, 10_001, b"x"))
    await objects.complete("k", upload, one, two)
    assert await objects.data("k") == pattern(objects.least, 1) + b"2"


async def test_small_parts_are_refused_where_the_store_does(objects: Objects) -> None:
    """CONTRACT, ObjectStore 9: every part but the last has at least `min_part_size` bytes."""
    objects.needs("uploads")
    upload = await objects.start("k")
    small = [await objects.part("k", upload, number, b"x") for number in (1, 2)]
    if objects.capabilities.min_part_size > 1:
        await objects.refuses_write(InvalidArgument, objects.complete("k", upload, *small))
        assert await objects.head("k") is None
    else:
        await objects.complete("k", upload, *small)
        assert await objects.data("k") == b"xx"


async def test_an_upload_that_is_given_up(objects: Objects) -> None:
    """CONTRACT, ObjectStore 9: an aborted upload is over and leaves the object as it was; aborting twice succeeds."""
    objects.needs("uploads")
    await objects.put("k", b"before")
    upload = await objects.start("k")
    part = await objects.part("k", upload, 1, b"x")
    for _ in range(2):
        await objects.ask("AbortUpload", o.AbortUploadRequest(key="k", upload=upload))
    await objects.refuses_write(UploadNotFound, objects.part("k", upload, 2, b"y"), NOT_FOUND)
    await objects.refuses_write(UploadNotFound, objects.complete("k", upload, part), NOT_FOUND)
    await objects.refuses(UploadNotFound, objects.parts("k", upload), NOT_FOUND)
    assert await objects.uploads() == []
    assert await objects.data("k") == b"before"


async def test_an_upload_belongs_to_its_key(objects: Objects) -> None:
    """CONTRACT, ObjectStore 9: an upload is of one key of one namespace; a name that was never given is not found."""
    objects.needs("uploads")
    upload = await objects.start("k")
    part = await objects.part("k", upload, 1, b"x")
    await objects.refuses_write(UploadNotFound, objects.part("other", upload, 1, b"y"), NOT_FOUND)
    await objects.refuses_write(UploadNotFound, objects.complete("other", upload, part), NOT_FOUND)
    await objects.refuses_write(UploadNotFound, objects.elsewhere().part("k", upload, 1, b"y"), NOT_FOUND)
    await objects.refuses_write(UploadNotFound, objects.part("k", "forged/../upload", 1, b"y"), NOT_FOUND)
    await objects.complete("k", upload, part)
    assert await objects.data("k") == b"x"


async def test_conditions_of_an_upload(objects: Objects) -> None:
    """CONTRACT, ObjectStore 3: conditions of CompleteUpload hold as those of Put; refused, the upload stays."""
    objects.needs("uploads", "conditional_write")
    upload = await objects.start("k")
    part = await objects.part("k", upload, 1, b"new")
    there = await objects.put("k", b"there")
    await objects.refuses_write(ConditionNotMet, objects.complete("k", upload, part, if_none_match="*"))
    await objects.refuses_write(ConditionNotMet, objects.complete("k", upload, part, if_match="another"))
    assert await objects.data("k") == b"there"
    await objects.complete("k", upload, part, if_match=there.etag)
    assert await objects.data("k") == b"new"


async def test_uploads_are_listed(objects: Objects) -> None:
    """CONTRACT, ObjectStore 9: ListUploads gives those under way in the order of their keys, page by page."""
    objects.needs("uploads")
    started = {key: await objects.start(key) for key in ("b", "a/2", "a/1", "c")}
    second = await objects.start("b")
    for limit in (1, 2, 100):
        found = await objects.uploads(limit)
        assert [each.key for each in found] == ["a/1", "a/2", "b", "b", "c"]
        assert {each.upload for each in found} == {*started.values(), second}
        assert all(each.HasField("started_at") for each in found)
    assert [each.key for each in await objects.uploads(prefix="a/")] == ["a/1", "a/2"]


@pytest.mark.parametrize("again", [1, 2])
async def test_completing_again_is_harmless(objects: Objects, again: int) -> None:
    """CONTRACT, ObjectStore 9: completing what is complete gives the same answer, or says that it is over."""
    objects.needs("uploads")
    upload = await objects.start("k")
    part = await objects.part("k", upload, 1, b"x")
    first = await objects.complete("k", upload, part)
    for _ in range(again):
        try:
            assert await objects.complete("k", upload, part, via=1) == first
        except UploadNotFound as error:
            assert error.reason == NOT_FOUND  # noqa: PT017  # one of two answers that are right
    assert await objects.data("k") == b"x"
