"""ListRecords: a page of the ids of records that hold at least one item, in byte order."""

import asyncio
from itertools import product
from typing import Any

import pytest

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.keyvalue.dsl import BRIEF, LONG, KeyValue
from prism.acceptance.suites.keyvalue.model import selected
from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import ListRecordsRequest

IDS = ["a", "B", "b", "ab", "a b", "a-b", "a.b", "aB", "a_b", "a%b", "Z", "z", "\u00e9", "e", "e\u0301", "\u00df", "ss"]
IDS += [
    "%",
    "_",
    "*",
    "%%",
    "_a",
    "\\",
    "'",
    "10",
    "9",
    "\x01",
    "\x7f",
    "\u0080",
    "\u07ff",
    "\u0800",
    "\ud7ff",
    "\ue000",
]
IDS += ["\uffee", "\uffff", "\U00010000", "\U0010ffff", "\U0010ffff\U0010ffff", "i", "I", "\u0131", "\u0130", "x" * 512]
PREFIXES = ["", "a", "a b", "%", "_", "*", "\\", "\u00e9", "e", "\U0010ffff", "\uffee", "z", "none", "x" * 512]
STARTS = ["", "a", "b", "\u00e9", "\uffff", "\U0010ffff\U0010ffff", "a%"]


@pytest.fixture(autouse=True)
def scan_declared(kv: KeyValue) -> None:
    """These tests are about backends that declare `scan`."""
    kv.needs("scan")


async def fill(kv: KeyValue, *ids: str) -> None:
    """Puts an item into each record."""
    await asyncio.gather(*(kv.put(record, {b"k": b"v"}) for record in ids))


async def test_ids_come_in_byte_order(kv: KeyValue) -> None:
    """CONTRACT, common rules: ordering is byte order, always: of UTF-8, not of a collation or of UTF-16."""
    await fill(kv, *IDS)
    assert await kv.ids() == selected(IDS)
    assert await kv.ids(reverse=True) == selected(IDS, reverse=True)


async def test_every_combination_of_bounds(kv: KeyValue) -> None:
    """proto, ListRecords: prefix without wildcards, start included whatever `reverse` says; against brute force."""
    await fill(kv, *IDS)

    async def check(prefix: str, start: str, reverse: bool, limit: int) -> None:
        found = await kv.ids(prefix=prefix, start=start, reverse=reverse, limit=limit)
        expected = selected(IDS, prefix=prefix.encode(), start=start.encode(), reverse=reverse)
        assert found == expected, (prefix, start, reverse, limit)

    for prefix, start in product(PREFIXES, STARTS):
        await asyncio.gather(*(check(prefix, start, reverse, limit) for reverse in (False, True) for limit in (0, 3)))


async def test_a_record_is_listed_once(kv: KeyValue) -> None:
    """CONTRACT, ListRecords: ids, however many items they hold."""
    await kv.put("large", {b"%04d" % number: b"v" for number in range(1000)})
    await kv.put("larger", {b"%04d" % number: b"v" for number in range(300)})
    await kv.put("small", {b"k": b"v"})
    assert await kv.ids() == ["large", "larger", "small"]
    assert await kv.ids(limit=1) == ["large", "larger", "small"]
    assert await kv.ids(limit=1, reverse=True) == ["small", "larger", "large"]


async def test_a_record_without_items_is_not_listed(kv: KeyValue) -> None:
    """proto, ListRecords: records that hold at least one item."""
    await fill(kv, "a", "b", "c", "d")
    await kv.delete("a", b"k")
    await kv.delete("b")
    await kv.delete("c", b"another")
    assert await kv.ids() == ["c", "d"]
    if kv.capabilities.declares("compare_and_swap"):
        await kv.swap("d", b"k", expected_value=b"v", delete=True)
        await kv.swap("e", b"k", expected_value=b"v", new_value=b"w")
        assert await kv.ids() == ["c"]


async def test_a_record_of_expired_items_is_not_listed(kv: KeyValue) -> None:
    """CONTRACT, time to live: an expired item is gone from every read at once: its record too, unless another lives."""
    kv.needs("ttl")
    await kv.put("gone", {b"a": b"1", b"b": b"2"}, ttl=BRIEF)
    await kv.put("mixed", {b"a": b"1", b"b": b"2"}, ttl=BRIEF)
    await kv.put("mixed", {b"c": b"3"})
    await kv.put("later", {b"a": b"1"}, ttl=LONG)
    await kv.lapse()
    assert await kv.ids() == ["later", "mixed"]
    assert await kv.ids(reverse=True, limit=1) == ["mixed", "later"]
    assert await kv.ids(prefix="gone") == []


@pytest.mark.parametrize("reverse", [False, True], ids=["ascending", "reverse"])
@pytest.mark.parametrize("limit", [1, 7, len(IDS) - 1, len(IDS), 1000])
async def test_pages_are_complete_and_free_of_duplicates(kv: KeyValue, limit: int, reverse: bool) -> None:
    """CONTRACT, common rules: lists are pages, bounded by count; `next_cursor` leads to the rest, empty on the last."""
    await fill(kv, *IDS)
    fields: dict[str, Any] = {"limit": limit, "reverse": reverse}
    seen: list[str] = []
    while True:
        page = await kv.ids_page(**fields)
        seen += page.ids
        if not page.next_cursor:
            break
        assert len(page.ids) == limit
        fields["cursor"] = page.next_cursor
    assert seen == selected(IDS, reverse=reverse)


async def test_a_page_has_a_hundred_ids_unless_told(kv: KeyValue) -> None:
    """proto, ListRecords: `limit` 0 means 100."""
    await fill(kv, *(f"{number:03}" for number in range(101)))
    page = await kv.ids_page()
    assert len(page.ids) == 100
    assert list((await kv.ids_page(cursor=page.next_cursor)).ids) == ["100"]
    assert len((await kv.ids_page(limit=1000)).ids) == 101


@UNTYPED
async def test_a_limit_is_bounded(kv: KeyValue) -> None:
    """proto, ListRecords: at most 1000 ids on a page."""
    error = await kv.refused(InvalidArgument, "ListRecords", ListRecordsRequest(limit=1001))
    (violation,) = error.violations
    assert (violation.field, violation.found) == ("limit", "1001")
    assert "1000" in violation.limit


async def test_the_limit_may_change_from_page_to_page(kv: KeyValue) -> None:
    """proto, ListRecords: `limit` is about one page."""
    await fill(kv, *IDS)
    seen: list[str] = []
    cursor = b""
    for limit in (1, 9, 2, 1000):
        page = await kv.ids_page(limit=limit, cursor=cursor)
        seen += page.ids
        cursor = page.next_cursor
    assert seen == selected(IDS)


@pytest.mark.parametrize("reverse", [False, True], ids=["ascending", "reverse"])
async def test_paging_amid_deletes_and_additions(kv: KeyValue, reverse: bool) -> None:
    """CONTRACT, Scan and lists: what is deleted or added between pages causes no skip and no repeat of others."""
    ids = [f"{number:03}" for number in range(60)]
    await fill(kv, *ids)
    seen: list[str] = []
    removed: set[str] = set()
    added: set[str] = set()
    fields: dict[str, Any] = {"limit": 7, "reverse": reverse}
    while True:
        page = await kv.ids_page(**fields)
        seen += page.ids
        if not page.next_cursor:
            break
        fields["cursor"] = page.next_cursor
        ahead = [record for record in selected(ids, reverse=reverse) if record not in seen and record not in removed]
        victims = {seen[-1], seen[0], *ahead[:2], *ahead[10:12]}
        await asyncio.gather(*(kv.delete(record) for record in victims))
        removed |= victims
        fresh = {seen[-1] + "+", f"!{len(seen)}", f"~{len(seen)}"}
        await fill(kv, *fresh)
        added |= fresh
    assert seen == selected(seen, reverse=reverse)
    assert len(seen) == len(set(seen))
    assert set(ids) - removed <= set(seen)
    assert set(seen) <= set(ids) | added


async def test_an_empty_namespace_lists_nothing(kv: KeyValue) -> None:
    """CONTRACT, common rules: a missing thing in a read is absent from the answer, not an error."""
    page = await kv.ids_page()
    assert (list(page.ids), page.next_cursor) == ([], b"")
