"""Cursors: opaque, valid for the query they came from, and refused cleanly when foreign or forged."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio

from prism.acceptance.suites.keyvalue.dsl import KeyValue
from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import ListRecordsRequest, ScanRequest, ScanStreamRequest

Request = Callable[..., Any]

QUERIES: dict[str, tuple[str, Request]] = {
    "scan": ("Scan", lambda **fields: ScanRequest(id="r", **fields)),
    "stream": ("ScanStream", lambda **fields: ScanStreamRequest(id="r", **fields)),
    "namespace": ("ScanStream", lambda **fields: ScanStreamRequest(**fields)),
    "records": ("ListRecords", lambda **fields: ListRecordsRequest(**fields)),
}


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def filled(kv: KeyValue) -> None:
    """Three records of three items each, in a store that scans."""
    kv.needs("scan")
    for record in ("r", "ra", "rb"):
        await kv.put(record, {b"ka": b"1", b"kb": b"2", b"kc": b"3"})


async def cursor_of(kv: KeyValue, query: str, **fields: Any) -> bytes:
    """A cursor of one of the QUERIES, with something left to read after it."""
    method, request = QUERIES[query]
    if method == "ScanStream":
        stream = kv.open(method, request(limit=1, **fields))
        (cursor,) = [part.cursor async for part in stream if part.items]
    else:
        cursor = (await kv.call(method, request(limit=1, **fields))).next_cursor
    assert cursor
    return bytes(cursor)


async def refuse(kv: KeyValue, query: str, cursor: bytes, **fields: Any) -> None:
    """The query must refuse the cursor, by its name."""
    method, request = QUERIES[query]
    error = await kv.refused(InvalidArgument, method, request(cursor=cursor, **fields))
    assert [violation.field for violation in error.violations] == ["cursor"]


@pytest.mark.parametrize("query", QUERIES)
async def test_a_damaged_cursor_is_refused(kv: KeyValue, query: str) -> None:
    """CONTRACT, common rules: `next_cursor` is refused cleanly when forged: no octet of it may be changed."""
    cursor = await cursor_of(kv, query)
    for place in range(len(cursor)):
        changed = bytearray(cursor)
        changed[place] ^= 1 << (place % 8)
        await refuse(kv, query, bytes(changed))


@pytest.mark.parametrize("query", QUERIES)
async def test_a_cut_or_lengthened_cursor_is_refused(kv: KeyValue, query: str) -> None:
    """CONTRACT, common rules: refused cleanly when forged: truncated, lengthened or doubled."""
    cursor = await cursor_of(kv, query)
    for length in range(1, len(cursor)):
        await refuse(kv, query, cursor[:length])
    for other in (cursor + b"\0", cursor + cursor, b"\0" + cursor, cursor[1:], cursor[::-1]):
        await refuse(kv, query, other)


@pytest.mark.parametrize("query", QUERIES)
async def test_an_invented_cursor_is_refused(kv: KeyValue, query: str) -> None:
    """CONTRACT, common rules: refused cleanly when forged, never an error inside."""
    octets = random.Random(2)
    for cursor in (b"\0", b"a", b"\x01", b"{}", b"MQ==", b"\xff" * 4096, *(octets.randbytes(20) for _ in range(10))):
        await refuse(kv, query, cursor)
    await refuse(kv, query, b"x" * 4097)


@pytest.mark.parametrize("query", QUERIES)
async def test_a_cursor_of_another_namespace_is_refused(kv: KeyValue, query: str) -> None:
    """CONTRACT, common rules: refused cleanly when foreign: the namespace is part of what a cursor belongs to."""
    other = kv.elsewhere()
    for record in ("r", "ra", "rb"):
        await other.put(record, {b"ka": b"1", b"kb": b"2"})
    await refuse(kv, query, await cursor_of(other, query))


@pytest.mark.parametrize("query", QUERIES)
async def test_a_cursor_of_another_operation_is_refused(kv: KeyValue, query: str) -> None:
    """CONTRACT, common rules: refused cleanly when foreign: another operation's, or another record's."""
    for other in QUERIES:
        if other != query:
            await refuse(kv, query, await cursor_of(kv, other))


RANGES: list[dict[str, Any]] = [
    {"reverse": True},
    {"prefix": b"k"},
    {"start": b"k"},
    {"end": b"l"},
    {"keys_only": True},
]
OTHER_FIELDS: dict[str, list[dict[str, Any]]] = {
    "scan": [*RANGES, {"id": "ra"}],
    "stream": [*RANGES, {"id": "ra"}],
    "namespace": RANGES,
    "records": [{"reverse": True}, {"prefix": "r"}, {"start": "r"}],
}


@pytest.mark.parametrize("query", QUERIES)
async def test_a_cursor_belongs_to_the_other_fields(kv: KeyValue, query: str) -> None:
    """proto, `cursor`: the next_cursor of a request with the same other fields; with others it is foreign."""
    method, request = QUERIES[query]
    cursor = await cursor_of(kv, query)
    for fields in OTHER_FIELDS[query]:
        changed = request(cursor=cursor)
        changed.MergeFrom(type(changed)(**fields))
        error = await kv.refused(InvalidArgument, method, changed)
        assert [violation.field for violation in error.violations] == ["cursor"], fields
        if "id" not in fields:
            await refuse(kv, query, await cursor_of(kv, query, **fields))


async def test_a_cursor_grants_nothing(kv: KeyValue) -> None:
    """CONTRACT, common rules: opaque: a cursor says nothing of what lies between, and leads nowhere but on."""
    cursor = await cursor_of(kv, "scan")
    for via in range(2 * kv.caller.gateways):
        answer = await kv.call("Scan", ScanRequest(id="r", cursor=cursor), via=via)
        assert [item.key for item in answer.items] == [b"kb", b"kc"]
