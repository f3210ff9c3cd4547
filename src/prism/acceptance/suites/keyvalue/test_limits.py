"""Limits: over one is INVALID_ARGUMENT with field, value and limit, and nothing is applied; at one, all works."""

import pytest

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.keyvalue.dsl import LONG, OPERATIONS, KeyValue, duration, names_field
from prism.acceptance.suites.keyvalue.requests import KEY_FIELDS, REQUESTS
from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import (
    ExpireRequest,
    ListRecordsRequest,
    PutItem,
    PutRequest,
    ScanRequest,
    ScanStreamRequest,
)

MAX_ID = 512
MAX_KEY = 1024
TTL = duration(LONG)


def served(kv: KeyValue, method: str) -> None:
    """Skips an operation that the backend does not declare."""
    if OPERATIONS[method].requires:
        kv.needs(OPERATIONS[method].requires)


@pytest.mark.parametrize("method", REQUESTS)
@pytest.mark.parametrize("record", ["x" * 513, "\u00e9" * 256 + "x", "\U0001f600" * 128 + "x"], ids=["1", "2", "4"])
async def test_an_id_is_too_long(kv: KeyValue, method: str, record: str) -> None:
    """CONTRACT, common rules: record ids: at most 512 bytes of UTF-8, whatever their count of characters."""
    served(kv, method)
    error = await kv.refused(InvalidArgument, method, REQUESTS[method](record, b"k"))
    assert names_field(error, "id", "513", "512")


@pytest.mark.parametrize("method", REQUESTS)
async def test_an_id_holds_no_nul(kv: KeyValue, method: str) -> None:
    """CONTRACT, common rules: NUL allowed nowhere but in bytes fields."""
    served(kv, method)
    for record in ("\0", "a\0", "\0a", "a\0b"):
        error = await kv.refused(InvalidArgument, method, REQUESTS[method](record, b"k"))
        assert names_field(error, "id", "NUL", "")


@pytest.mark.parametrize("method", [method for method in REQUESTS if method != "ScanStream"])
async def test_an_id_is_required(kv: KeyValue, method: str) -> None:
    """CONTRACT, common rules: record ids: 1 byte at least."""
    served(kv, method)
    error = await kv.refused(InvalidArgument, method, REQUESTS[method]("", b"k"))
    assert [violation.field for violation in error.violations] == ["id"]


@pytest.mark.parametrize("method", REQUESTS)
async def test_a_key_is_too_long(kv: KeyValue, method: str) -> None:
    """CONTRACT, common rules: item keys up to 1 KiB."""
    served(kv, method)
    error = await kv.refused(InvalidArgument, method, REQUESTS[method]("r", b"\xff" * (MAX_KEY + 1)))
    assert names_field(error, KEY_FIELDS[method], "1025", "1024")
    assert await kv.get("r", b"fine") == []


@pytest.mark.parametrize("method", ["Put", "CompareAndSwap"])
async def test_a_key_is_required(kv: KeyValue, method: str) -> None:
    """proto, PutItem and CompareAndSwap: a key has one byte at least."""
    served(kv, method)
    error = await kv.refused(InvalidArgument, method, REQUESTS[method]("r", b""))
    assert [violation.field for violation in error.violations] == [KEY_FIELDS[method]]
    assert await kv.get("r", b"fine") == []


@UNTYPED
@pytest.mark.parametrize("method", ["Get", "Exists", "Expire", "Persist"])
async def test_something_must_be_asked_for(kv: KeyValue, method: str) -> None:
    """proto: at least one key."""
    served(kv, method)
    request = REQUESTS[method]("r", b"k")
    request.ClearField("keys")
    error = await kv.refused(InvalidArgument, method, request)
    assert [violation.field for violation in error.violations] == ["keys"]


async def test_a_put_holds_something(kv: KeyValue) -> None:
    """proto, Put: at least one item."""
    error = await kv.refused(InvalidArgument, "Put", PutRequest(id="r"))
    assert [violation.field for violation in error.violations] == ["items"]


@pytest.mark.ways("binding", "process", "grpc", "http")  # the client refuses it itself
async def test_expire_needs_a_time(kv: KeyValue) -> None:
    """proto, Expire: a time to live or to expire at is required."""
    kv.needs("ttl")
    error = await kv.refused(InvalidArgument, "Expire", ExpireRequest(id="r", keys=[b"k"]))
    assert [violation.field for violation in error.violations] == ["expiry"]


@pytest.mark.parametrize("record", ["x" * 512, "\u00e9" * 256, "\U0001f600" * 128], ids=["1", "2", "4"])
async def test_the_longest_id_and_key_work(kv: KeyValue, record: str) -> None:
    """CONTRACT, common rules: 512 bytes of id and 1 KiB of key are allowed, with every operation."""
    assert len(record.encode()) == MAX_ID
    for octet in (b"k", b"\xff", b"\0"):
        key = octet * MAX_KEY
        await kv.put(record, {key: b"v"})
        assert await kv.values(record, key) == {key: b"v"}
        assert await kv.exists(record, key) == [key]
        if kv.capabilities.scan:
            assert await kv.keys(record, prefix=key) == [key]
            assert await kv.keys(record, start=key, reverse=True) == [key]
            assert [(each, item.key) for each, item in await kv.stream(limit=1)] == [(record, key)]
            assert await kv.ids(prefix=record) == [record]
        if kv.capabilities.declares("compare_and_swap"):
            assert (await kv.swap(record, key, expected_value=b"v", new_value=b"w")).swapped
        if kv.capabilities.ttl:
            assert await kv.expire(record, key, ttl=LONG) == [key]
            assert await kv.persist(record, key) == [key]
        assert list((await kv.delete(record, key)).keys) == [key]


async def test_long_names_are_told_apart_at_their_end(kv: KeyValue) -> None:
    """CONTRACT, common rules: every byte of the longest ids and keys counts, also where pages are cut there."""
    ids = ["x" * 511 + end for end in "abc"]
    keys = [b"\xff" * 1023 + end for end in (b"\0", b"a", b"\xff")]
    for record in ids:
        await kv.put(record, {key: record[-1:].encode() + key[-1:] for key in keys})
    for record in ids:
        assert await kv.values(record, *keys) == {key: record[-1:].encode() + key[-1:] for key in keys}
    if kv.capabilities.scan:
        assert await kv.ids(limit=1) == ids
        assert await kv.keys(ids[1], limit=1) == keys
        assert await kv.keys(ids[1], limit=1, reverse=True) == keys[::-1]


@UNTYPED
async def test_a_key_may_be_put_once_in_a_put(kv: KeyValue) -> None:
    """proto, Put: no two items with the same key, for it could not be said which is last."""
    request = PutRequest(id="r", items=[PutItem(key=key, value=b"v") for key in (b"a", b"b", b"c", b"b", b"a\0")])
    error = await kv.refused(InvalidArgument, "Put", request)
    assert names_field(error, "items[3]", "key", "once")
    assert await kv.get("r", b"a", b"b", b"c") == []


METADATA = {
    "too many": ({f"{number}": "" for number in range(65)}, "items[0].metadata", "65", "64"),
    "name too long": ({"n" * 1025: ""}, "items[0].metadata", "1025", "1024"),
    "value too long": ({"n": "v" * 1025}, "items[0].metadata", "1025", "1024"),
    "value too long in octets": ({"n": "\u00e9" * 512 + "x"}, "items[0].metadata", "1025", "1024"),
    "nul in a name": ({"n\0": ""}, "items[0].metadata", "NUL", ""),
    "nul in a value": ({"n": "\0"}, "items[0].metadata", "NUL", ""),
}


@pytest.mark.parametrize("fault", METADATA)
async def test_metadata_is_bounded(kv: KeyValue, fault: str) -> None:
    """proto, PutItem: at most 64 entries of at most 1 KiB, UTF-8 without NUL."""
    metadata, field, found, limit = METADATA[fault]
    request = PutRequest(id="r", items=[PutItem(key=b"k", metadata=metadata)])
    (violation,) = (await kv.refused(InvalidArgument, "Put", request)).violations
    assert violation.field.startswith(field)
    assert (found in violation.found, limit in violation.limit) == (True, True)
    assert await kv.get("r", b"k") == []


async def test_the_most_metadata_works(kv: KeyValue) -> None:
    """proto, PutItem: 64 entries of 1 KiB are allowed."""
    metadata = {f"{number:02}".ljust(1024, "n"): "\u00e9" * 512 for number in range(64)}
    await kv.put("r", {b"k": b"v"}, metadata=metadata)
    assert dict((await kv.item("r", b"k")).metadata) == metadata


@pytest.mark.parametrize("field", ["prefix", "start", "end"])
@pytest.mark.parametrize("method", ["Scan", "ScanStream"])
async def test_bounds_of_a_scan_are_bounded(kv: KeyValue, method: str, field: str) -> None:
    """proto, Scan: prefix, start and end are no longer than the keys they are compared with."""
    kv.needs("scan")
    request = ScanRequest(id="r") if method == "Scan" else ScanStreamRequest(id="r")
    setattr(request, field, b"x" * 1025)
    error = await kv.refused(InvalidArgument, method, request)
    assert names_field(error, field, "1025", "1024")


@pytest.mark.parametrize("field", ["prefix", "start"])
async def test_bounds_of_a_listing_are_bounded(kv: KeyValue, field: str) -> None:
    """proto, ListRecords: prefix and start are no longer than the ids they are compared with."""
    kv.needs("scan")
    request = ListRecordsRequest()
    setattr(request, field, "\u00e9" * 256 + "x")
    error = await kv.refused(InvalidArgument, "ListRecords", request)
    assert names_field(error, field, "513", "512")


@UNTYPED
async def test_every_fault_is_told_at_once(kv: KeyValue) -> None:
    """CONTRACT, common rules: field, value, limit, of each field at fault, not of the first alone."""
    request = PutRequest(
        id="x" * 513,
        items=[PutItem(key=b"k" * 1025), PutItem(), PutItem(key=b"fine", ttl=duration(-1)), PutItem(key=b"fine")],
    )
    if not kv.capabilities.ttl:
        request.items[2].ClearField("ttl")
    error = await kv.refused(InvalidArgument, "Put", request)
    expected = {"id", "items[0].key", "items[1].key", "items[3]"} | ({"items[2].ttl"} if kv.capabilities.ttl else set())
    assert {violation.field for violation in error.violations} == expected
