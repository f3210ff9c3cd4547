"""Scan and ScanStream: byte order, ranges without wildcards, pages that end, the same as a stream."""

import asyncio
from itertools import product
from typing import Any

import pytest

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.keyvalue.dsl import KeyValue
from prism.acceptance.suites.keyvalue.model import selected
from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import MAX_PAGE_BYTES, ScanRequest

WILDCARDS = [b"%", b"_", b"*", b"?", b"\\", b"[", b"^", b".", b"'", b"\0", b"\xff"]
EDGES = [b"\0", b"\0\0", b"\0a", b"a", b"a\0", b"a\xfe", b"a\xff", b"a\xff\0", b"a\xff\xff", b"a\xff\xff\xff", b"b"]
EDGES += [b"B", b"b%", b"b_", b"ba", b"b\x7f", b"b\x80", b"\x7f", b"\x80", b"\xfe\xff", b"\xff", b"\xff\0", b"\xff\xff"]
EDGES += [b"\xff\xff\xff", b"\xff" * 1024, b"%", b"_", b"%_"]
PREFIXES = [b"", b"a", b"a\xff", b"a\xff\xff", b"\xff", b"\xff\xff", b"\0", b"b", b"%", b"_", b"none", b"\xff" * 1024]
STARTS = [b"", b"\0", b"a\xff", b"b_", b"\xff\xff", b"\xff" * 1024]
ENDS = [b"", b"a\xff\xff", b"b", b"\x80", b"\xff\xff", b"\0"]


@pytest.fixture(autouse=True)
def scan_declared(kv: KeyValue) -> None:
    """These tests are about backends that declare `scan`."""
    kv.needs("scan")


async def test_items_come_in_byte_order(kv: KeyValue) -> None:
    """CONTRACT, common rules: ordering is byte order, always; no collation, no signed octets, both ways."""
    keys = [bytes([octet]) for octet in range(256)] + [
        b"Z",
        b"a",
        b"z",
        b"\xc3\xa4",
        b"10",
        b"9",
        b"a-b",
        b"ab",
        b"a b",
    ]
    await kv.put("r", dict.fromkeys(keys, b"v"))
    assert await kv.keys("r") == sorted(set(keys))
    assert await kv.keys("r", reverse=True) == sorted(set(keys), reverse=True)
    assert [item.key for _, item in await kv.stream("r")] == sorted(set(keys))
    assert [item.key for _, item in await kv.stream("r", reverse=True)] == sorted(set(keys), reverse=True)


async def test_wildcards_are_ordinary_characters(kv: KeyValue) -> None:
    """CONTRACT, Scan: `%`, `_`, `*` are ordinary characters, and so is every other."""
    keys = [first + second for first, second in product([*WILDCARDS, b"a"], [b"", *WILDCARDS, b"a"])]
    await kv.put("r", dict.fromkeys(keys, b"v"))
    for prefix in [*WILDCARDS, b"a%", b"%%", b"_a", b"**", b"\\%"]:
        assert await kv.keys("r", prefix=prefix) == selected(keys, prefix=prefix), prefix
        assert [item.key for _, item in await kv.stream("r", prefix=prefix)] == selected(keys, prefix=prefix), prefix


async def test_every_combination_of_bounds(kv: KeyValue) -> None:
    """proto, Scan: prefix, start included, end excluded, in byte order whatever `reverse` says; against brute force."""
    await kv.put("r", dict.fromkeys(EDGES, b"v"))
    await kv.put("q", {b"a\xff": b"of another record"})
    await kv.put("s", {b"a\xff": b"of another record"})

    async def check(prefix: bytes, start: bytes, end: bytes, reverse: bool) -> None:
        found = await kv.keys("r", prefix=prefix, start=start, end=end, reverse=reverse)
        expected = selected(EDGES, prefix=prefix, start=start, end=end, reverse=reverse)
        assert found == expected, (prefix, start, end, reverse)

    for prefix, start in product(PREFIXES, STARTS):
        await asyncio.gather(*(check(prefix, start, end, reverse) for end in ENDS for reverse in (False, True)))


async def test_a_stream_takes_the_same_bounds(kv: KeyValue) -> None:
    """CONTRACT, ScanStream: a server stream of the same."""
    await kv.put("r", dict.fromkeys(EDGES, b"v"))
    await kv.put("s", {b"a\xff": b"of another record"})
    for prefix, start, end, reverse in product(PREFIXES[:6], STARTS[1:4], ENDS[:3], (False, True)):
        bounds: dict[str, Any] = {"prefix": prefix, "start": start, "end": end, "reverse": reverse}
        found = await kv.stream("r", **bounds)
        assert [item.key for _, item in found] == selected(EDGES, **bounds), bounds
        assert {record for record, _ in found} <= {"r"}


@pytest.mark.parametrize("reverse", [False, True], ids=["ascending", "reverse"])
@pytest.mark.parametrize("limit", [1, 2, 7, 25, 26, 1000])
async def test_pages_are_complete_and_free_of_duplicates(kv: KeyValue, limit: int, reverse: bool) -> None:
    """CONTRACT, common rules: lists are pages, bounded by count; `next_cursor` leads to the rest, empty on the last."""
    await kv.put("r", dict.fromkeys(EDGES, b"v"))
    pages = [page async for page in kv.pages("r", limit=limit, reverse=reverse)]
    assert [item.key for page in pages for item in page] == selected(EDGES, reverse=reverse)
    assert [len(page) for page in pages if len(page) != limit][:-1] == []
    assert all(len(page) <= limit for page in pages)


async def test_a_page_has_a_hundred_items_unless_told(kv: KeyValue) -> None:
    """proto, Scan: `limit` 0 means 100."""
    await kv.put("r", {b"%03d" % number: b"v" for number in range(101)})
    page = await kv.page("r")
    assert len(page.items) == 100
    assert page.next_cursor
    assert [item.key for item in (await kv.page("r", cursor=page.next_cursor)).items] == [b"100"]


async def test_an_empty_scan_is_an_empty_last_page(kv: KeyValue) -> None:
    """CONTRACT, common rules: a missing thing in a read is absent from the answer, not an error."""
    await kv.put("r", {b"m": b"v"})
    for bounds in ({"start": b"n"}, {"end": b"m"}, {"prefix": b"mm"}, {"start": b"z", "end": b"a"}):
        page = await kv.page("r", **bounds)
        assert (list(page.items), page.next_cursor) == ([], b"")
        assert await kv.stream("r", **bounds) == []
    page = await kv.page("no record")
    assert (list(page.items), page.next_cursor) == ([], b"")
    assert await kv.stream("no record") == []


async def test_a_page_ends_at_a_mebibyte(kv: KeyValue) -> None:
    """proto, Scan: a page also ends at 1 MiB, yet always carries something."""
    items = {b"%d" % number: bytes([number]) * 300_000 for number in range(8)}
    for key, value in items.items():
        await kv.put("r", {key: value})
    pages = [page async for page in kv.pages("r", limit=1000)]
    assert {item.key: item.value for page in pages for item in page} == items
    assert sum(len(page) for page in pages) == len(items)
    assert all(sum(len(item.value) for item in page) <= MAX_PAGE_BYTES for page in pages)
    assert len(pages[0]) > 1


async def test_a_page_carries_an_item_of_the_largest_size(kv: KeyValue) -> None:
    """proto, Scan: the largest value that may be put can be scanned."""
    most = kv.capabilities.max_item_size
    for key in (b"a", b"b"):
        await kv.put("r", {key: key * most})
    assert [(item.key, len(item.value)) for item in await kv.scan("r")] == [(b"a", most), (b"b", most)]
    assert [(item.key, len(item.value)) for _, item in await kv.stream("r")] == [(b"a", most), (b"b", most)]


async def test_keys_only_leaves_values_and_metadata_out(kv: KeyValue) -> None:
    """proto, Scan: keys, versions and expiry only."""
    kv.needs("ttl")
    await kv.put("r", {b"a": b"1"}, metadata={"m": "1"}, ttl=3600)
    await kv.put("r", {b"b": b"2"}, metadata={"m": "2"})
    whole = await kv.scan("r")
    bare = await kv.scan("r", keys_only=True)
    assert [(item.key, item.version, item.expires_at) for item in bare] == [
        (item.key, item.version, item.expires_at) for item in whole
    ]
    assert [(item.value, dict(item.metadata)) for item in bare] == [(b"", {}), (b"", {})]
    assert [item for _, item in await kv.stream("r", keys_only=True)] == bare
    assert [item for _, item in await kv.stream("r")] == whole == await kv.get("r", b"a", b"b")


@pytest.mark.parametrize("reverse", [False, True], ids=["ascending", "reverse"])
async def test_paging_amid_deletes_and_additions(kv: KeyValue, reverse: bool) -> None:
    """CONTRACT, Scan: items deleted or added between pages cause no skip and no repeat of others."""
    keys = [b"%03d" % number for number in range(60)]
    await kv.put("r", dict.fromkeys(keys, b"v"))
    seen: list[bytes] = []
    removed: set[bytes] = set()
    added: set[bytes] = set()
    async for page in kv.pages("r", limit=7, reverse=reverse):
        seen += [item.key for item in page]
        ahead = [key for key in selected(keys, reverse=reverse) if key not in seen and key not in removed]
        victims = {seen[-1], seen[0], *ahead[:2], *ahead[10:12]}
        await kv.delete("r", *victims)
        removed |= victims
        fresh = {seen[-1] + b"+", b"!%d" % len(seen), b"~%d" % len(seen)}
        await kv.put("r", dict.fromkeys(fresh, b"new"))
        added |= fresh
    assert seen == selected(seen, reverse=reverse)
    assert len(seen) == len(set(seen))
    assert set(keys) - removed <= set(seen)
    assert set(seen) <= set(keys) | added


async def test_paging_amid_a_busy_writer(kv: KeyValue) -> None:
    """CONTRACT, Scan: the items that are not touched are read once each, whatever happens to others meanwhile."""
    stable = [b"%03d" % number for number in range(0, 200, 2)]
    await kv.put("r", dict.fromkeys(stable, b"v"))
    done = asyncio.Event()

    async def churn() -> None:
        turn = 0
        while not done.is_set():
            key = b"%03d" % ((turn * 2 + 1) % 200)
            await kv.put("r", {key: b"w", key + b"x": b"w"})
            await kv.delete("r", key)
            turn += 7

    writer = asyncio.create_task(churn())
    try:
        for reverse in (False, True):
            seen = await kv.keys("r", limit=9, reverse=reverse)
            assert len(seen) == len(set(seen))
            assert [key for key in seen if key in stable] == selected(stable, reverse=reverse)
    finally:
        done.set()
        await writer


async def test_a_cursor_outlives_all_that_it_points_at(kv: KeyValue) -> None:
    """CONTRACT, Scan: a cursor is a position, not a row: the record may vanish and come back."""
    await kv.put("r", {b"%d" % number: b"v" for number in range(9)})
    first = await kv.page("r", limit=4)
    await kv.delete("r")
    rest = await kv.page("r", limit=4, cursor=first.next_cursor)
    assert (list(rest.items), rest.next_cursor) == ([], b"")
    await kv.put("r", {b"%d" % number: b"v" for number in range(9)})
    assert await kv.keys("r", limit=4, cursor=first.next_cursor) == [b"4", b"5", b"6", b"7", b"8"]


async def test_the_limit_may_change_from_page_to_page(kv: KeyValue) -> None:
    """proto, Scan: a cursor belongs to a request with the same other fields; `limit` is about one page."""
    await kv.put("r", {b"%02d" % number: b"v" for number in range(20)})
    seen: list[bytes] = []
    cursor = b""
    for limit in (1, 5, 2, 1000):
        page = await kv.page("r", limit=limit, cursor=cursor)
        seen += [item.key for item in page.items]
        cursor = page.next_cursor
    assert seen == [b"%02d" % number for number in range(20)]


async def test_a_cursor_may_be_used_again(kv: KeyValue) -> None:
    """CONTRACT, common rules: a cursor is valid through every gateway, and reading consumes nothing."""
    await kv.put("r", {b"%d" % number: b"v" for number in range(9)})
    cursor = (await kv.page("r", limit=3)).next_cursor
    pages = await asyncio.gather(*(kv.page("r", limit=3, cursor=cursor) for _ in range(6)))
    assert [[item.key for item in page.items] for page in pages] == [[b"3", b"4", b"5"]] * 6


async def test_a_page_may_have_a_thousand_items(kv: KeyValue) -> None:
    """proto, Scan: the largest limit is served."""
    await kv.put("r", {b"%04d" % number: b"v" for number in range(1000)})
    await kv.put("r", {b"last": b"v"})
    page = await kv.page("r", limit=1000)
    assert len(page.items) == 1000
    assert [item.key for item in (await kv.page("r", limit=1000, cursor=page.next_cursor)).items] == [b"last"]


@UNTYPED
async def test_a_limit_is_bounded(kv: KeyValue) -> None:
    """proto, Scan: at most 1000 items on a page."""
    error = await kv.refused(InvalidArgument, "Scan", ScanRequest(id="r", limit=1001))
    (violation,) = error.violations
    assert (violation.field, violation.found) == ("limit", "1001")
    assert "1000" in violation.limit
