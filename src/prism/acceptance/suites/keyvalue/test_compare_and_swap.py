"""CompareAndSwap: of N racing callers exactly one wins, and the others are shown that."""

from typing import Any

import pytest

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.keyvalue.dsl import KeyValue
from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import CompareAndSwapRequest

RACERS = 64


@pytest.fixture(autouse=True)
def compare_and_swap_declared(kv: KeyValue) -> None:
    """These tests are about backends that declare `compare_and_swap`."""
    kv.needs("compare_and_swap")


async def test_absent_makes_an_item_once(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap: expected absent -> swapped, and the current item; then no more."""
    first = await kv.swap("r", b"k", expected_absent=True, new_value=b"1", metadata={"m": "1"})
    assert (first.swapped, first.current.key, first.current.value) == (True, b"k", b"1")
    assert first.current == await kv.item("r", b"k")
    assert dict(first.current.metadata) == {"m": "1"}
    second = await kv.swap("r", b"k", expected_absent=True, new_value=b"2")
    assert (second.swapped, second.current) == (False, first.current)
    assert await kv.item("r", b"k") == first.current


async def test_a_value_must_be_the_same(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap: expected value, octet by octet."""
    await kv.put("r", {b"k": b"old\0\xff", b"other": b"stays"}, metadata={"m": "1"})
    before = await kv.item("r", b"k")
    for wrong in (b"", b"old", b"old\0", b"old\0\xff\0", b"OLD\0\xff", b"old\0\xfe", b"stays"):
        answer = await kv.swap("r", b"k", expected_value=wrong, new_value=b"new")
        assert (answer.swapped, answer.current) == (False, before), wrong
    assert await kv.item("r", b"k") == before
    answer = await kv.swap("r", b"k", expected_value=b"old\0\xff", new_value=b"new")
    assert (answer.swapped, answer.current.value, dict(answer.current.metadata)) == (True, b"new", {})
    assert answer.current == await kv.item("r", b"k")
    assert await kv.values("r", b"other") == {b"other": b"stays"}


async def test_an_empty_value_is_not_absence(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap and Put: an empty value is a value: it matches itself, and absence does not match it."""
    missing = await kv.swap("r", b"k", expected_value=b"", new_value=b"new")
    assert (missing.swapped, missing.HasField("current")) == (False, False)
    assert await kv.get("r", b"k") == []
    await kv.put("r", {b"k": b""})
    assert not (await kv.swap("r", b"k", expected_absent=True, new_value=b"new")).swapped
    answer = await kv.swap("r", b"k", expected_value=b"", new_value=b"")
    assert (answer.swapped, answer.current.value) == (True, b"")
    assert await kv.values("r", b"k") == {b"k": b""}


async def test_a_version_must_be_the_same(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap: expected version, opaque: any other octets are simply another version."""
    kv.needs("versions")
    (stale,) = await kv.put("r", {b"k": b"same"})
    (fresh,) = await kv.put("r", {b"k": b"same"})
    for wrong in (stale, b"", b"\0", b"nonsense", fresh + b"\0", fresh[:-1], b"\xff" * 64, b"-1", b"9" * 40):
        answer = await kv.swap("r", b"k", expected_version=wrong, new_value=b"new")
        assert (answer.swapped, answer.current.version) == (False, fresh), wrong
    answer = await kv.swap("r", b"k", expected_version=fresh, new_value=b"new")
    assert (answer.swapped, answer.current.value) == (True, b"new")
    assert answer.current.version not in (stale, fresh)
    assert answer.current == await kv.item("r", b"k")
    again = await kv.swap("r", b"k", expected_version=fresh, new_value=b"newer")
    assert (again.swapped, again.current) == (False, answer.current)


async def test_nothing_matches_a_missing_item_but_absence(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap: a value or version expected of a missing item does not match; there is no current."""
    kv.needs("versions")
    (gone,) = await kv.put("r", {b"k": b"v"})
    await kv.delete("r", b"k")
    expectations: list[dict[str, Any]] = [
        {"expected_value": b"v"},
        {"expected_value": b""},
        {"expected_version": gone},
        {"expected_version": b""},
    ]
    for expected in expectations:
        for new in ({"new_value": b"new"}, {"delete": True}):
            answer = await kv.swap("r", b"k", **expected, **new)
            assert (answer.swapped, answer.HasField("current")) == (False, False), (expected, new)
    assert await kv.get("r", b"k") == []


async def test_it_deletes(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap: new: value or delete; after a delete there is no current item."""
    await kv.put("r", {b"k": b"v", b"other": b"stays"})
    refused = await kv.swap("r", b"k", expected_value=b"w", delete=True)
    assert (refused.swapped, refused.current) == (False, await kv.item("r", b"k"))
    answer = await kv.swap("r", b"k", expected_value=b"v", delete=True)
    assert (answer.swapped, answer.HasField("current")) == (True, False)
    assert await kv.exists("r", b"k", b"other") == [b"other"]
    if kv.capabilities.versions:
        (version,) = await kv.put("r", {b"k": b"v"})
        assert (await kv.swap("r", b"k", expected_version=version, delete=True)).swapped
        assert await kv.exists("r", b"k") == []


async def test_absence_stays_absence(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap: to delete what is expected absent, and is, succeeds and changes nothing."""
    answer = await kv.swap("r", b"k", expected_absent=True, delete=True)
    assert (answer.swapped, answer.HasField("current")) == (True, False)
    await kv.put("r", {b"k": b"v"})
    answer = await kv.swap("r", b"k", expected_absent=True, delete=True)
    assert (answer.swapped, answer.current.value) == (False, b"v")


async def test_a_swap_changes_the_version(kv: KeyValue) -> None:
    """CONTRACT, version: changes with every write, also where the value stays the same."""
    kv.needs("versions")
    seen = await kv.put("r", {b"k": b"same"})
    for _ in range(10):
        answer = await kv.swap("r", b"k", expected_version=seen[-1], new_value=b"same")
        assert answer.swapped
        seen.append(answer.current.version)
    assert len(set(seen)) == 11


async def test_large_and_odd_values_are_compared_whole(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap: values that differ in their last octet only are different."""
    value = bytes(range(256)) * 400
    await kv.put("r", {b"k": value})
    assert not (await kv.swap("r", b"k", expected_value=value[:-1] + b"\xfe", new_value=b"new")).swapped
    assert (await kv.swap("r", b"k", expected_value=value, new_value=value[::-1])).swapped
    assert await kv.values("r", b"k") == {b"k": value[::-1]}


@UNTYPED
async def test_expected_and_new_are_required(kv: KeyValue) -> None:
    """proto, CompareAndSwap: one of the alternatives must be chosen."""
    error = await kv.refused(InvalidArgument, "CompareAndSwap", CompareAndSwapRequest(id="r", key=b"k", new_value=b"v"))
    assert [violation.field for violation in error.violations] == ["expected"]
    request = CompareAndSwapRequest(id="r", key=b"k", expected_value=b"v")
    error = await kv.refused(InvalidArgument, "CompareAndSwap", request)
    assert [violation.field for violation in error.violations] == ["new"]


async def test_a_swap_and_a_put_keep_their_order(kv: KeyValue) -> None:
    """CONTRACT, reads see acknowledged writes: a swap is decided on what was acknowledged before it was sent."""
    for number in range(20):
        await kv.put("r", {b"k": b"put %d" % number})
        answer = await kv.swap("r", b"k", expected_value=b"put %d" % number, new_value=b"swapped %d" % number)
        assert answer.swapped
        assert await kv.values("r", b"k") == {b"k": b"swapped %d" % number}
