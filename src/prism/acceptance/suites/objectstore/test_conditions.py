"""Rules 3 and 4: conditions of writes, and who wins a race."""

import asyncio

import pytest

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.objectstore.dsl import Objects, pattern
from prism.errors import ConditionNotMet, InvalidArgument, Outcome
from prism.interfaces import objectstore as o

NOT_MET = "CONDITION_NOT_MET"


async def test_create_only_where_there_is_none(objects: Objects) -> None:
    """CONTRACT, ObjectStore 3: `if_none_match` of a write stores only where there is no object."""
    objects.needs("conditional_write")
    await objects.put("k", b"first", if_none_match="*")
    await objects.refuses_write(ConditionNotMet, objects.put("k", b"second", if_none_match="*"), NOT_MET)
    assert await objects.data("k") == b"first"
    await objects.delete("k")
    await objects.put("k", b"third", if_none_match="*")


async def test_replace_only_what_is_meant(objects: Objects) -> None:
    """CONTRACT, ObjectStore 3: `if_match` of a write stores only in place of the object that has that etag."""
    objects.needs("conditional_write")
    first = await objects.put("k", b"first")
    second = await objects.put("k", b"second", if_match=first.etag)
    await objects.refuses_write(ConditionNotMet, objects.put("k", b"third", if_match=first.etag), NOT_MET)
    assert await objects.data("k") == b"second"
    await objects.put("k", b"fourth", if_match=second.etag)


async def test_a_missing_one_is_a_mismatch(objects: Objects) -> None:
    """CONTRACT, ObjectStore 3: `if_match` on a missing key fails as a mismatch does, not as missing."""
    objects.needs("conditional_write")
    for wanted in ("0123456789abcdef", "*"):
        await objects.refuses_write(ConditionNotMet, objects.put("k", b"x", if_match=wanted), NOT_MET)
    assert await objects.head("k") is None


async def test_any_object_matches_a_star(objects: Objects) -> None:
    """CONTRACT, ObjectStore 3: `if_match: *` stores only in place of an object."""
    objects.needs("conditional_write")
    await objects.put("k", b"first")
    await objects.put("k", b"second", if_match="*")
    assert await objects.data("k") == b"second"


@UNTYPED
async def test_if_none_match_is_a_star(objects: Objects) -> None:
    """CONTRACT, ObjectStore 3: `if_none_match` of a write takes `*` alone."""
    objects.needs("conditional_write")
    error = await objects.refuses_write(InvalidArgument, objects.put("k", b"x", if_none_match="e"))
    assert [each.field for each in error.violations] == ["if_none_match"]


async def test_one_of_racing_creations_wins(objects: Objects) -> None:
    """CONTRACT, ObjectStore 3: of N racing puts with `if_none_match` one wins."""
    objects.needs("conditional_write")
    contents = [pattern(70_000, seed) for seed in range(16)]
    puts = (objects.put("k", each, if_none_match="*") for each in contents)
    done = await asyncio.gather(*puts, return_exceptions=True)
    won = [number for number, each in enumerate(done) if isinstance(each, o.PutResponse)]
    assert len(won) == 1
    assert all(isinstance(each, ConditionNotMet) for number, each in enumerate(done) if number not in won), done
    assert await objects.data("k") == contents[won[0]]


async def test_one_of_racing_replacements_wins(objects: Objects) -> None:
    """CONTRACT, ObjectStore 3: of N racing puts with `if_match` one wins."""
    objects.needs("conditional_write")
    etag = (await objects.put("k", b"before")).etag
    for turn in range(3):
        contents = [pattern(70_000, 100 * turn + seed) for seed in range(8)]
        puts = (objects.put("k", each, if_match=etag) for each in contents)
        done = await asyncio.gather(*puts, return_exceptions=True)
        won = [each for each in done if isinstance(each, o.PutResponse)]
        assert len(won) == 1
        lost = [each for each in done if isinstance(each, ConditionNotMet)]
        assert len(lost) == 7
        assert all(each.outcome is Outcome.NOT_APPLIED for each in lost)
        assert await objects.data("k") == contents[done.index(won[0])]
        etag = won[0].etag


async def test_delete_only_what_is_meant(objects: Objects) -> None:
    """CONTRACT, ObjectStore 4: `if_match` of Delete, where declared, removes only the object that has that etag."""
    objects.needs("conditional_delete")
    old = await objects.put("k", b"old")
    new = await objects.put("k", b"new")
    await objects.refuses_write(ConditionNotMet, objects.delete("k", if_match=old.etag), NOT_MET)
    assert await objects.data("k") == b"new"
    await objects.delete("k", if_match=new.etag)
    assert await objects.data("k") is None
    await objects.refuses_write(ConditionNotMet, objects.delete("k", if_match=new.etag), NOT_MET)


async def test_copy_only_what_is_meant(objects: Objects) -> None:
    """CONTRACT, ObjectStore 4: `if_match` of Copy, where declared, copies only the object that has that etag."""
    objects.needs("conditional_copy")
    old = await objects.put("k", b"old")
    new = await objects.put("k", b"new")
    await objects.refuses_write(ConditionNotMet, objects.copy("k", "copy", if_match=old.etag), NOT_MET)
    await objects.refuses_write(ConditionNotMet, objects.copy("missing", "copy", if_match=old.etag), NOT_MET)
    assert await objects.head("copy") is None
    await objects.copy("k", "copy", if_match=new.etag)
    assert await objects.data("copy") == b"new"


async def test_copy_only_where_there_is_none(objects: Objects) -> None:
    """CONTRACT, ObjectStore 4: `if_none_match` of Copy, where declared, is of its target."""
    objects.needs("conditional_copy")
    await objects.put("k", b"new")
    await objects.put("there", b"old")
    await objects.refuses_write(ConditionNotMet, objects.copy("k", "there", if_none_match="*"), NOT_MET)
    assert await objects.data("there") == b"old"
    await objects.copy("k", "fresh", if_none_match="*")
    assert await objects.data("fresh") == b"new"


async def test_a_copy_is_of_its_own(objects: Objects) -> None:
    """proto, Copy: content and properties; what becomes of the source later does not change it."""
    properties = o.Properties(content_type="text/plain", metadata={"a": "b"})
    source = await objects.put("k", pattern(200_000), properties=properties)
    copied = await objects.copy("k", "copy")
    assert copied.found
    assert (copied.object.key, copied.object.size) == ("copy", 200_000)
    if objects.capabilities.declares("versions"):
        assert copied.object.version not in ("", source.version)
    await objects.put("k", b"other")
    await objects.delete("k")
    got = await objects.get("copy")
    assert got.data == pattern(200_000)
    assert got.object.properties == properties
    assert not (await objects.copy("k", "nowhere")).found
    assert await objects.head("nowhere") is None
    assert (await objects.copy("copy", "copy")).found
    assert await objects.data("copy") == pattern(200_000)


@pytest.mark.parametrize("wanted", ["right", "star", "among others"])
async def test_a_get_with_the_right_etag(objects: Objects, wanted: str) -> None:
    """CONTRACT, ObjectStore 12: `if_match` of a Get gives the object where one of them is its etag."""
    etag = (await objects.put("k", b"x")).etag
    names = {"right": [etag], "star": ["*"], "among others": ["a", etag, "b"]}[wanted]
    assert (await objects.get("k", if_match=names)).data == b"x"
    got = await objects.get("k", if_none_match=names)
    assert (got.head.found, got.head.modified, got.chunks, got.object.etag) == (True, False, 0, etag)


async def test_a_get_with_another_etag(objects: Objects) -> None:
    """CONTRACT, ObjectStore 12: `if_match` of a Get is CONDITION_NOT_MET where none is its etag; a missing object is
    found to be missing before."""
    await objects.put("k", b"x")
    await objects.refuses(ConditionNotMet, objects.get("k", if_match=["a", "b"]), NOT_MET)
    got = await objects.get("k", if_none_match=["a", "b"])
    assert (got.head.modified, got.data) == (True, b"x")
    assert not (await objects.get("missing", if_match=["a"])).head.found
    assert not (await objects.get("missing", if_none_match=["*"])).head.found
