"""Versions: opaque, compared for equality only, never used twice for the same key, not even after a delete."""

import asyncio

import pytest

from prism.acceptance.suites.keyvalue.dsl import BRIEF, KeyValue


@pytest.fixture(autouse=True)
def versions_declared(kv: KeyValue) -> None:
    """These tests are about backends that declare `versions`."""
    kv.needs("versions")


async def test_every_put_changes_the_version(kv: KeyValue) -> None:
    """CONTRACT, version: also where the value stays the same."""
    seen = [(await kv.put("r", {b"k": b"same"}))[0] for _ in range(20)]
    assert len(set(seen)) == 20
    assert all(seen)


async def test_a_put_answers_the_versions_that_reads_give(kv: KeyValue) -> None:
    """CONTRACT, Put -> versions: one for each item, in the order of the request."""
    keys = [b"z", b"\0", b"m", b"\xff", b"a"]
    versions = dict(zip(keys, await kv.put("r", dict.fromkeys(keys, b"v")), strict=True))
    assert {item.key: item.version for item in await kv.get("r", *keys)} == versions
    if kv.capabilities.scan:
        assert {item.key: item.version for item in await kv.scan("r")} == versions
        assert {item.key: item.version for item in await kv.scan("r", keys_only=True)} == versions
        assert {item.key: item.version for _, item in await kv.stream("r")} == versions
    (batch,) = await kv.batch_get({"r": keys})
    assert {item.key: item.version for item in batch.items} == versions


async def test_a_put_leaves_other_items_versions(kv: KeyValue) -> None:
    """CONTRACT, version: an item's version changes with that item."""
    a, b = await kv.put("r", {b"a": b"1", b"b": b"1"})
    (b2,) = await kv.put("r", {b"b": b"2"})
    assert [item.version for item in await kv.get("r", b"a", b"b")] == [a, b2]
    assert b2 != b


async def test_a_version_is_not_used_again_after_a_delete(kv: KeyValue) -> None:
    """CONTRACT, version: never used twice for the same key, not even after a delete, of the item or of its record."""
    seen: list[bytes] = []
    for turn in range(12):
        seen += await kv.put("r", {b"k": b"same"})
        seen += await kv.put("r", {b"k": b"same"})
        if turn % 3 == 0:
            await kv.delete("r", b"k")
        elif turn % 3 == 1 or not kv.capabilities.declares("compare_and_swap"):
            await kv.delete("r")
        else:
            await kv.swap("r", b"k", expected_value=b"same", delete=True)
        assert await kv.exists("r", b"k") == []
    assert len(set(seen)) == len(seen) == 24


async def test_a_version_is_not_used_again_after_expiry(kv: KeyValue) -> None:
    """CONTRACT, version: never used twice for the same key; an expired item is no exception."""
    kv.needs("ttl")
    seen: list[bytes] = []
    for _ in range(5):
        seen += await kv.put("r", {b"k": b"same"}, ttl=BRIEF)
        await kv.lapse()
    seen += await kv.put("r", {b"k": b"same"})
    assert len(set(seen)) == 6


async def test_racing_puts_get_versions_of_their_own(kv: KeyValue) -> None:
    """CONTRACT, version: never used twice for the same key, by writers at the same time through any gateway."""
    answers = await asyncio.gather(*(kv.put("r", {b"k": b"%d" % number}) for number in range(64)))
    versions = [version for (version,) in answers]
    assert len(set(versions)) == 64
    item = await kv.item("r", b"k")
    assert item.value == b"%d" % versions.index(item.version)


async def test_a_stale_version_never_matches_again(kv: KeyValue) -> None:
    """CONTRACT, version: what was read before a delete and a put of the same value is stale."""
    kv.needs("compare_and_swap")
    (old,) = await kv.put("r", {b"k": b"same"})
    await kv.delete("r", b"k")
    await kv.put("r", {b"k": b"same"})
    answer = await kv.swap("r", b"k", expected_version=old, new_value=b"stolen")
    assert not answer.swapped
    assert await kv.values("r", b"k") == {b"k": b"same"}
