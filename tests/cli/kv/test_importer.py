"""Importing against a real server: what is stored, counted, reported and repeated."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from client.upstream import Fault, Upstream
from prism.cli.kv.importer import Counts, Importer
from prism.client import BackendUnavailable, Client, InvalidArgument, KeyValue, Outcome, PermissionDenied, RetryPolicy


class Import:
    """An importer and what it reported."""

    def __init__(self, kv: KeyValue) -> None:
        self.problems: list[tuple[int, str]] = []
        self.bytes = 0
        self.importer = Importer(kv, lambda number, problem: self.problems.append((number, problem)), self._count)

    def _count(self, size: int) -> None:
        self.bytes += size

    async def run(self, *records: Any) -> Counts:
        """Imports lines, or records as JSON, some at a time."""
        lines = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in records]

        async def chunks() -> AsyncIterator[list[bytes]]:
            for start in range(0, len(lines), 3):
                yield lines[start : start + 3]

        await self.importer.run(chunks())
        return self.importer.counts


def record(name: str, **items: str) -> dict[str, Any]:
    """A record of plain text."""
    return {"id": name, "items": items}


async def test_records_travel_in_batches(kv: KeyValue, upstream: Upstream) -> None:
    """A thousand records in a few calls, all of them stored and counted."""
    counts = await Import(kv).run(*(record(f"r{number}", a="1", b="2") for number in range(1000)))
    assert counts == Counts(records=1000, items=2000)
    assert set(upstream.methods()) == {"BatchPut"}
    assert len(upstream.seen) <= 10
    assert len([name async for name in kv.list_records()]) == 1000


async def test_wrong_lines_are_reported_and_left_out(kv: KeyValue) -> None:
    """Those that are no record, and those that the gateway refuses; blank lines are fine."""
    run = Import(kv)
    counts = await run.run(
        b"\xef\xbb\xbf" + json.dumps(record("a", k="1")).encode(),
        b"",
        b"{",
        record("b", **{"k" * 2000: "x"}),
        record("c", k="2"),
    )
    assert counts == Counts(records=2, items=2, bad_lines=2)
    assert [number for number, _ in run.problems] == [3, 4]
    assert "not JSON" in run.problems[0][1]
    assert "1024" in run.problems[1][1]
    assert [name async for name in kv.list_records()] == ["a", "c"]


async def test_the_last_of_several_lines_of_a_record_holds(kv: KeyValue) -> None:
    """They never overtake one another."""
    lines = [record(f"r{number % 7}", k=str(number)) for number in range(700)]
    counts = await Import(kv).run(*lines)
    assert counts.records == 700
    for number in range(7):
        item = await kv.get(f"r{number}", b"k")
        assert item is not None
        assert item.value == b"%d" % (693 + number)


async def test_a_large_record_is_stored_in_parts(kv: KeyValue, upstream: Upstream) -> None:
    """More items than one Put may hold, and more bytes than one message may."""
    items = {f"{number:05}": "x" * 2000 for number in range(4000)}
    assert await Import(kv).run({"id": "r", "items": items}) == Counts(records=1, items=4000)
    assert len(upstream.seen) > 8
    assert len([item async for item in kv.scan("r", keys_only=True)]) == 4000


async def test_a_batch_that_is_too_much_is_taken_apart(kv: KeyValue, upstream: Upstream) -> None:
    """A backend with smaller batches gets its records one by one."""
    upstream.faults.append(Fault(InvalidArgument("writes: 2 elements; at most 1 are allowed")))
    assert await Import(kv).run(record("a", k="1"), record("b", k="2")) == Counts(records=2, items=2)
    assert upstream.methods() == ["BatchPut", "Put", "Put"]


async def test_an_expiry_stays_the_time_that_it_is(kv: KeyValue) -> None:
    """What has expired by the store's clock is counted; a record with nothing left is not there."""
    later = datetime.now(UTC) + timedelta(hours=1)

    def item(key: str, expires_at: datetime) -> dict[str, str]:
        return {"key": key, "value": "v", "expires_at": expires_at.isoformat()}

    gone = datetime(2020, 1, 1, tzinfo=UTC)
    counts = await Import(kv).run(
        {"id": "a", "items": [item("k", later), item("l", gone)]}, {"id": "b", "items": [item("k", gone)]}
    )
    assert counts == Counts(records=1, items=1, expired=2)
    stored = await kv.get_many("a", [b"k", b"l"])
    assert list(stored) == [b"k"]
    expires_at = stored[b"k"].expires_at
    assert expires_at == later
    assert [name async for name in kv.list_records()] == ["a"]


async def test_an_import_stops_where_the_gateway_refuses_all(kv: KeyValue, upstream: Upstream) -> None:
    """No further lines are tried, and what is in flight is ended."""
    upstream.faults.append(Fault(PermissionDenied("not yours")))
    with pytest.raises(PermissionDenied):
        await Import(kv).run(*(record(f"r{number}", k="v") for number in range(100)))
    assert [name async for name in kv.list_records()] == []


async def test_an_import_stops_where_the_store_is_away(upstream: Upstream) -> None:
    """After the retries; what was stored before is counted."""
    away = Fault(BackendUnavailable("away", outcome=Outcome.NOT_APPLIED))
    upstream.faults.extend([away, away])
    async with Client(upstream.address, retry=RetryPolicy(attempts=2, first_delay=0.001)) as prism:
        with pytest.raises(BackendUnavailable):
            await Import(prism.keyvalue()).run(record("a", k="v"))
    assert upstream.methods() == ["BatchPut", "BatchPut"]
