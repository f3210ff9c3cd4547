"""ScanStream beyond what it shares with Scan: whole namespaces, resumption, bounded messages, early ends."""

from typing import Any

import pytest

from prism.acceptance.suites.keyvalue.dsl import BRIEF, KeyValue
from prism.acceptance.suites.keyvalue.model import octets, selected
from prism.interfaces.keyvalue import MAX_PAGE_BYTES, ScanStreamRequest

IDS = ["a", "ab", "a\u00e4", "B", "b", "Z", "z", "\u00e9", "\uffee", "\U0001f600", "%", "_", "10", "9", "a b"]
KEYS = [b"\0", b"\xff", b"k", b"k\xff", b"K", b"%"]


@pytest.fixture(autouse=True)
def scan_declared(kv: KeyValue) -> None:
    """These tests are about backends that declare `scan`."""
    kv.needs("scan")


async def fill(kv: KeyValue) -> None:
    """Puts every key into every record; each value names its place."""
    for record in IDS:
        await kv.put(record, {key: octets(record) + b"/" + key for key in KEYS})


@pytest.mark.parametrize("reverse", [False, True], ids=["ascending", "reverse"])
async def test_without_id_it_is_the_whole_namespace(kv: KeyValue, reverse: bool) -> None:
    """proto, ScanStream: every record of the namespace, in byte order of their ids, then of their keys."""
    await fill(kv)
    found = await kv.stream(reverse=reverse)
    order = [(record, key) for record in selected(IDS, reverse=reverse) for key in selected(KEYS, reverse=reverse)]
    assert [(record, item.key) for record, item in found] == order
    assert all(item.value == octets(record) + b"/" + item.key for record, item in found)


@pytest.mark.parametrize("reverse", [False, True], ids=["ascending", "reverse"])
async def test_bounds_apply_to_the_keys_of_each_record(kv: KeyValue, reverse: bool) -> None:
    """proto, ScanStream: prefix, start and end are about keys, in every record."""
    await fill(kv)
    ranges: list[dict[str, Any]] = [
        {"prefix": b"k"},
        {"start": b"L", "end": b"k\xff"},
        {"prefix": b"%"},
        {"start": b"\xff"},
    ]
    for bounds in ranges:
        found = await kv.stream(reverse=reverse, **bounds)
        keys = selected(KEYS, reverse=reverse, **bounds)
        assert [(record, item.key) for record, item in found] == [
            (record, key) for record in selected(IDS, reverse=reverse) for key in keys
        ], bounds


@pytest.mark.parametrize("reverse", [False, True], ids=["ascending", "reverse"])
@pytest.mark.parametrize("record", ["a", ""], ids=["record", "namespace"])
async def test_it_resumes_after_any_message(kv: KeyValue, record: str, reverse: bool) -> None:
    """proto, ScanStream: `cursor` resumes after these items, through any gateway, without gap or repeat."""
    for each in ("a", "b", "c"):
        await kv.put(each, {key: bytes([number]) * 200_000 for number, key in enumerate(KEYS)})
    fields = {"reverse": reverse}
    whole = await kv.stream(record, **fields)
    parts = await kv.parts(record, **fields)
    assert len(parts) > 1
    seen = 0
    for part in parts:
        seen += len(part.items)
        assert await kv.stream(record, cursor=part.cursor, **fields) == whole[seen:]
    assert seen == len(whole)


async def test_a_message_is_bounded(kv: KeyValue) -> None:
    """CONTRACT, ScanStream: back-pressured, the whole record or namespace in bounded memory: no message is large."""
    value = bytes(range(250)) * 1000
    for number in range(20):
        await kv.put(f"r{number % 3}", {b"%02d" % number: value})
    parts = await kv.parts()
    assert sum(len(part.items) for part in parts) == 20
    assert all(item.value == value for part in parts for item in part.items)
    assert all(sum(len(item.value) for item in part.items) <= MAX_PAGE_BYTES for part in parts)


async def test_its_limit_counts_all_items(kv: KeyValue) -> None:
    """proto, ScanStream: `limit` is the most items in all; 0 is no limit, and a thousand is none either."""
    for number in range(3):
        await kv.put(f"r{number}", {b"%03d" % key: b"v" for key in range(600)})
    assert len(await kv.stream()) == 1800
    for limit in (1, 100, 600, 601, 1001, 1800, 5000):
        assert len(await kv.stream(limit=limit)) == min(limit, 1800)
    last = await kv.stream(limit=601, reverse=True)
    assert (last[-1][0], last[-1][1].key) == ("r1", b"599")


async def test_expired_items_do_not_count(kv: KeyValue) -> None:
    """CONTRACT, time to live: an expired item is gone from every read, its share of the limit too."""
    kv.needs("ttl")
    for record in ("a", "b"):
        await kv.put(record, {b"%03d" % key: b"v" for key in range(0, 300, 2)}, ttl=BRIEF)
        await kv.put(record, {b"%03d" % key: b"v" for key in range(1, 300, 2)})
    await kv.lapse()
    assert len(await kv.stream()) == 300
    assert [item.key for _, item in await kv.stream("b", limit=120)] == [b"%03d" % key for key in range(1, 240, 2)]


async def test_a_caller_may_leave_early(kv: KeyValue) -> None:
    """CONTRACT, ScanStream: a reader that goes away ends the stream and harms no other call."""
    value = b"v" * 100_000
    for number in range(30):
        await kv.put("r", {b"%02d" % number: value})
    for _ in range(12):
        request = ScanStreamRequest(id="r")
        stream = kv.open("ScanStream", request)
        first = await anext(stream)
        assert first.items[0].key == b"00"
        await stream.aclose()  # type: ignore[attr-defined]  # every way's stream is a generator
    assert len(await kv.stream("r")) == 30
