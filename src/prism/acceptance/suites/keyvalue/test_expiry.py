"""Expiry: an expired item is gone from every operation at once, whether or not the store has removed it."""

import pytest

from prism.acceptance.suites.keyvalue.dsl import BRIEF, LONG, KeyValue


@pytest.fixture(autouse=True)
def ttl_declared(kv: KeyValue) -> None:
    """These tests are about backends that declare `ttl`."""
    kv.needs("ttl")


async def expired(kv: KeyValue) -> None:
    """Record `r` with an expired item `x` between living ones, record `gone` with an expired one alone."""
    await kv.put("gone", {b"x": b"old"}, ttl=BRIEF)
    await kv.put("r", {b"x": b"old"}, ttl=BRIEF)
    await kv.put("r", {b"w": b"1", b"y": b"2"})
    await kv.lapse()


async def test_gone_from_get(kv: KeyValue) -> None:
    """CONTRACT, time to live: Get."""
    await expired(kv)
    assert await kv.values("r", b"w", b"x", b"y") == {b"w": b"1", b"y": b"2"}
    assert await kv.get("gone", b"x") == []


async def test_gone_from_exists(kv: KeyValue) -> None:
    """CONTRACT, time to live: Exists."""
    await expired(kv)
    assert await kv.exists("r", b"w", b"x", b"y") == [b"w", b"y"]
    assert await kv.exists("gone", b"x") == []


async def test_gone_from_batch_get(kv: KeyValue) -> None:
    """CONTRACT, time to live: BatchGet."""
    await expired(kv)
    results = await kv.batch_get({"gone": [b"x"], "r": [b"x", b"y"]})
    assert [[item.key for item in each.items] for each in results] == [[], [b"y"]]


@pytest.mark.parametrize("reverse", [False, True], ids=["ascending", "reverse"])
@pytest.mark.parametrize("keys_only", [False, True], ids=["items", "keys_only"])
async def test_gone_from_scan(kv: KeyValue, keys_only: bool, reverse: bool) -> None:
    """CONTRACT, time to live: Scan, on every page, both ways, with and without values."""
    kv.needs("scan")
    await expired(kv)
    for limit in (0, 1, 2):
        found = await kv.keys("r", limit=limit, keys_only=keys_only, reverse=reverse)
        assert found == ([b"y", b"w"] if reverse else [b"w", b"y"])
    assert await kv.keys("r", prefix=b"x", keys_only=keys_only, reverse=reverse) == []
    assert await kv.keys("gone", keys_only=keys_only, reverse=reverse) == []


@pytest.mark.parametrize("reverse", [False, True], ids=["ascending", "reverse"])
async def test_gone_from_scan_stream(kv: KeyValue, reverse: bool) -> None:
    """CONTRACT, time to live: ScanStream, of a record and of the namespace."""
    kv.needs("scan")
    await expired(kv)
    expected = [("r", b"w"), ("r", b"y")][:: -1 if reverse else 1]
    assert [(record, item.key) for record, item in await kv.stream("r", reverse=reverse)] == expected
    assert [(record, item.key) for record, item in await kv.stream(reverse=reverse)] == expected
    assert [(record, item.key) for record, item in await kv.stream(reverse=reverse, keys_only=True)] == expected
    assert await kv.stream("gone", reverse=reverse) == []


async def test_gone_from_list_records(kv: KeyValue) -> None:
    """CONTRACT, time to live: ListRecords."""
    kv.needs("scan")
    await expired(kv)
    assert await kv.ids() == ["r"]
    assert await kv.ids(reverse=True) == ["r"]
    assert await kv.ids(prefix="go") == []


async def test_pages_hold_living_items_however_many_have_expired(kv: KeyValue) -> None:
    """CONTRACT, time to live and pages: expired items between living ones end no scan."""
    kv.needs("scan")
    await kv.put("r", {b"%03d" % number: b"old" for number in range(300) if number % 50}, ttl=BRIEF)
    await kv.put("r", {b"%03d" % number: b"new" for number in range(0, 300, 50)})
    await kv.lapse()
    for limit in (0, 1, 2, 5, 6):
        pages = [page async for page in kv.pages("r", limit=limit)]
        assert [item.key for page in pages for item in page] == [b"%03d" % number for number in range(0, 300, 50)]
    assert len((await kv.page("r", limit=4)).items) == 4


async def test_gone_for_a_swap_that_expects_absence(kv: KeyValue) -> None:
    """CONTRACT, time to live: CompareAndSwap finds no item where one has expired."""
    kv.needs("compare_and_swap")
    await expired(kv)
    answer = await kv.swap("r", b"x", expected_absent=True, new_value=b"new")
    assert (answer.swapped, answer.current.value) == (True, b"new")
    assert not (await kv.item("r", b"x")).HasField("expires_at")


async def test_gone_for_a_swap_that_expects_the_old(kv: KeyValue) -> None:
    """CONTRACT, time to live: CompareAndSwap by value or version does not match an expired item, nor show it."""
    kv.needs("compare_and_swap")
    (version,) = await kv.put("r", {b"x": b"old"}, ttl=BRIEF)
    await kv.lapse()
    by_value = await kv.swap("r", b"x", expected_value=b"old", new_value=b"new")
    assert (by_value.swapped, by_value.HasField("current")) == (False, False)
    by_value = await kv.swap("r", b"x", expected_value=b"old", delete=True)
    assert (by_value.swapped, by_value.HasField("current")) == (False, False)
    if kv.capabilities.versions:
        by_version = await kv.swap("r", b"x", expected_version=version, new_value=b"new")
        assert (by_version.swapped, by_version.HasField("current")) == (False, False)
    assert await kv.get("r", b"x") == []


async def test_gone_for_expire_and_persist(kv: KeyValue) -> None:
    """CONTRACT, time to live: neither Expire nor Persist finds an expired item, or brings it back."""
    await expired(kv)
    assert await kv.expire("r", b"x", b"y", ttl=LONG) == [b"y"]
    assert await kv.persist("r", b"w", b"x") == [b"w"]
    assert await kv.expire("gone", b"x", ttl=LONG) == []
    assert await kv.persist("gone", b"x") == []
    assert await kv.exists("r", b"w", b"x", b"y") == [b"w", b"y"]
    assert await kv.are_records(["r"], "gone", b"x")


async def test_gone_for_delete(kv: KeyValue) -> None:
    """CONTRACT, time to live and Delete: an expired item did not exist."""
    await expired(kv)
    answer = await kv.delete("r", b"x", b"y")
    assert (list(answer.keys), answer.count) == ([b"y"], 1)
    assert (await kv.delete("gone")).count == 0
    await kv.put("mixed", {b"x": b"old"}, ttl=BRIEF)
    await kv.put("mixed", {b"y": b"new"})
    await kv.lapse()
    assert (await kv.delete("mixed")).count == 1


async def test_keep_ttl_finds_nothing_to_keep_of_an_expired_item(kv: KeyValue) -> None:
    """CONTRACT, Put: `keep_ttl` keeps what an item has; an expired item is none, so the put makes a lasting one."""
    await expired(kv)
    await kv.put("r", {b"x": b"new"}, keep_ttl=True)
    item = await kv.item("r", b"x")
    assert (item.value, item.HasField("expires_at")) == (b"new", False)


async def test_an_item_put_over_an_expired_one_is_new(kv: KeyValue) -> None:
    """CONTRACT, time to live: nothing of an expired item is seen in its successor."""
    await kv.put("r", {b"x": b"old"}, ttl=BRIEF, metadata={"old": "1"})
    await kv.lapse()
    await kv.put("r", {b"x": b"new"}, ttl=LONG)
    item = await kv.item("r", b"x")
    assert (item.value, dict(item.metadata)) == (b"new", {})
    assert item.HasField("expires_at")
