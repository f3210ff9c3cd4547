"""Every method of the client against a real server."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from client.upstream import Fault, Upstream
from prism.client import BackendUnavailable, Client, InvalidArgument, KeyValue, Outcome, Value


async def test_put_gives_versions_and_get_what_was_put(kv: KeyValue) -> None:
    """A put answers each key's version, which get gives with value and key."""
    versions = await kv.put("r", {b"a": b"1", b"\x00\xff": b""})
    item = await kv.get("r", b"\x00\xff")
    assert item is not None
    assert (item.key, item.value, item.version, item.expires_at) == (b"\x00\xff", b"", versions[b"\x00\xff"], None)
    assert await kv.get("r", b"b") is None


async def test_metadata_and_ttl_of_a_value(kv: KeyValue) -> None:
    """A Value's own ttl goes before that of the put; expires_at has a zone."""
    before = datetime.now(UTC)
    await kv.put("r", {b"a": Value(b"1", {"type": "text"}, ttl=timedelta(hours=1)), b"b": b"2"}, ttl=7200)
    found = await kv.get_many("r", [b"b", b"a"])
    assert list(found) == [b"b", b"a"]
    assert found[b"a"].metadata == {"type": "text"}
    expiries = [found[key].expires_at for key in (b"a", b"b")]
    for expires_at, hours in zip(expiries, (1, 2), strict=True):
        assert expires_at is not None
        assert before + timedelta(hours=hours) <= expires_at < before + timedelta(hours=hours, minutes=10)


async def test_keep_ttl_expire_and_persist(kv: KeyValue) -> None:
    """A time to live is kept, changed and taken away; a missing key is not among those answered."""
    await kv.put("r", {b"a": b"1"}, ttl=100)
    first = await kv.get("r", b"a")
    await kv.put("r", {b"a": b"2"}, keep_ttl=True)
    kept = await kv.get("r", b"a")
    assert first is not None
    assert kept is not None
    assert kept.expires_at == first.expires_at
    assert await kv.expire("r", [b"a", b"missing"], timedelta(days=1)) == [b"a"]
    assert await kv.persist("r", [b"a", b"missing"]) == [b"a"]
    persisted = await kv.get("r", b"a")
    assert persisted is not None
    assert persisted.expires_at is None


async def test_exists_and_delete(kv: KeyValue) -> None:
    """Deleting no keys deletes nothing; a whole record goes by delete_record alone."""
    await kv.put("r", {b"a": b"1", b"b": b"2", b"c": b"3"})
    assert await kv.exists("r", b"a")
    assert await kv.exists_many("r", [b"x", b"c"]) == [b"c"]
    assert await kv.delete("r", []) == []
    assert await kv.delete("r", [b"x", b"a"]) == [b"a"]
    assert not await kv.exists("r", b"a")
    assert await kv.delete_record("r") == 2


async def test_scan_reads_on_over_pages(kv: KeyValue, upstream: Upstream) -> None:
    """A scan asks for as many pages as there are, in either direction, up to its limit."""
    keys = [b"%02d" % number for number in range(10)]
    await kv.put("r", dict.fromkeys(keys, b"v"))
    assert [item.key async for item in kv.scan("r", page_size=4)] == keys
    assert upstream.methods().count("Scan") == 3
    assert [item.key async for item in kv.scan("r", reverse=True, limit=3, page_size=2)] == keys[:-4:-1]
    ranged = kv.scan("r", prefix=b"0", start=b"03", end=b"05", keys_only=True)
    assert [(item.key, item.value) async for item in ranged] == [(b"03", b""), (b"04", b"")]


async def test_cursor_of_a_page_goes_on_in_another_scan(kv: KeyValue) -> None:
    """Pages can be taken one by one, and a cursor handed on."""
    await kv.put("r", {b"a": b"1", b"b": b"2", b"c": b"3"})
    first = await anext(kv.scan("r", page_size=2).pages())
    assert [item.key for item in first.elements] == [b"a", b"b"]
    assert [item.key async for item in kv.scan("r", cursor=first.next_cursor)] == [b"c"]


async def test_list_records(kv: KeyValue) -> None:
    """Record ids come in byte order."""
    for record in ("b", "é", "a1", "a2"):
        await kv.put(record, {b"k": b"v"})
    assert [record async for record in kv.list_records(page_size=1)] == ["a1", "a2", "b", "é"]
    assert [record async for record in kv.list_records(prefix="a", reverse=True)] == ["a2", "a1"]


async def test_compare_and_swap(kv: KeyValue) -> None:
    """What is expected is absence, a value, or an item as it was read; the answer is true where it won."""
    swap = await kv.compare_and_swap("r", b"k", None, b"1")
    assert swap
    assert not await kv.compare_and_swap("r", b"k", None, b"2")
    assert await kv.compare_and_swap("r", b"k", b"1", Value(b"2", {"n": "x"}), ttl=60)
    lost = await kv.compare_and_swap("r", b"k", swap.current, b"3")
    assert not lost
    assert lost.current is not None
    assert (lost.current.value, lost.current.metadata) == (b"2", {"n": "x"})
    assert lost.current.expires_at is not None
    gone = await kv.compare_and_swap("r", b"k", lost.current, None)
    assert gone
    assert gone.current is None


async def test_batches_have_an_outcome_for_each_record(kv: KeyValue) -> None:
    """A bad record carries its error, and the others succeed."""
    written = await kv.batch_put({"a": {b"k": b"1"}, "b": {b"k" * 2000: b"2"}})
    assert written["a"].error is None
    assert list(written["a"].versions) == [b"k"]
    assert isinstance(written["b"].error, InvalidArgument)
    assert written["b"].error.outcome is Outcome.NOT_APPLIED
    read = await kv.batch_get({"a": [b"k"], "b": [b"k"], "": [b"k"]})
    assert [(name, len(result.items), result.error is None) for name, result in read.items()] == [
        ("a", 1, True),
        ("b", 0, True),
        ("", 0, False),
    ]
    assert await kv.batch_put({}) == {} == await kv.batch_get({})


async def test_an_error_carries_the_fields_at_fault(kv: KeyValue) -> None:
    """An error of the tree, with its violations."""
    with pytest.raises(InvalidArgument) as caught:
        await kv.put("", {b"k": b"v"})
    assert [violation.field for violation in caught.value.violations] == ["id"]


async def test_namespace_token_and_headers_travel(upstream: Upstream) -> None:
    """The namespace, a token from an async function and a header of the call at hand are in the metadata."""

    async def token() -> str:
        return "secret"

    async with Client(upstream.address, token=token, headers=lambda: {"traceparent": "00-1-2-00"}) as prism:
        await prism.keyvalue("profiles").exists("r", b"k")
    metadata = upstream.seen[0].metadata
    sent = [metadata.get(name) for name in ("prism-namespace", "authorization", "traceparent")]
    assert sent == ["profiles", "Bearer secret", "00-1-2-00"]


async def test_every_call_has_a_deadline(kv: KeyValue, upstream: Upstream) -> None:
    """Ten seconds where nobody says otherwise, what the call says, or none."""
    await kv.exists("r", b"k")
    await kv.exists("r", b"k", timeout=timedelta(seconds=100))
    await kv.exists("r", b"k", timeout=float("inf"))
    default, given, unbounded = (each.seconds for each in upstream.seen)
    assert default is not None
    assert given is not None
    assert 0 < default <= 10 < given <= 100.1  # long time-outs travel rounded up to tenths of a second
    assert unbounded is None


async def test_stream_of_a_namespace(kv: KeyValue) -> None:
    """Without a record the whole namespace comes, record by record in byte order."""
    for record in ("b", "a"):
        await kv.put(record, {b"2": b"y", b"1": b"x"})
    chunks = [chunk async for chunk in kv.scan_stream()]
    assert [(chunk.record, item.key) for chunk in chunks for item in chunk.items] == [
        ("a", b"1"),
        ("a", b"2"),
        ("b", b"1"),
        ("b", b"2"),
    ]


@pytest.mark.parametrize(("limit", "streams"), [(None, 3), (5, 2), (7, 3)])
async def test_a_broken_stream_is_resumed(kv: KeyValue, upstream: Upstream, limit: int | None, streams: int) -> None:
    """After a failure the stream goes on where it was, and keeps its limit."""
    for number in range(6):
        await kv.put(f"r{number}", {b"1": b"x", b"2": b"y"})
    upstream.seen.clear()
    upstream.faults.extend(
        [Fault(BackendUnavailable("away"), messages=2), Fault(BackendUnavailable("away"), messages=1)]
    )
    read = [(chunk.record, item.key) async for chunk in kv.scan_stream(limit=limit) for item in chunk.items]
    everything = [(f"r{number}", key) for number in range(6) for key in (b"1", b"2")]
    assert read == everything[:limit]
    assert len(upstream.seen) == streams


async def test_none_is_no_value(upstream: Upstream) -> None:
    """In a message it would be a field left out, and an empty value stored; it is refused before anything is sent."""
    nothing: Any = None
    async with Client(upstream.address) as prism:
        kv, cache = prism.keyvalue(), prism.cache()
        for call in (
            kv.put("r", {b"k": nothing}),
            kv.put("r", {b"k": Value(nothing)}),
            kv.batch_put({"r": {b"k": nothing}}),
            kv.compare_and_swap("r", b"k", None, Value(nothing)),
            cache.set(b"k", nothing),
        ):
            with pytest.raises(TypeError, match=r"the value of b'k' is None; give bytes"):
                await call
    assert upstream.methods() == []


async def test_expires_at(kv: KeyValue) -> None:
    """A time in any zone is kept to the microsecond; a Value's own expiry, of either kind, goes before the put's."""
    at = datetime(2199, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=9)))
    values = {b"a": b"", b"b": Value(b"", ttl=60), b"c": Value(b"", expires_at=at)}
    await kv.put("r", values, expires_at=at)
    await kv.batch_put({"s": values}, ttl=60)
    by_put, by_batch = await kv.get_many("r", list(values)), await kv.get_many("s", list(values))
    assert [item.expires_at == at for item in by_put.values()] == [True, False, True]
    assert [item.expires_at == at for item in by_batch.values()] == [False, False, True]
    kept = by_put[b"a"]
    swap = await kv.compare_and_swap("r", b"a", kept, b"new", expires_at=kept.expires_at)
    assert swap.current is not None
    assert (swap.current.value, swap.current.expires_at) == (b"new", at)
    assert await kv.expire("r", [b"b"], expires_at=at) == [b"b"]
    moved = await kv.get("r", b"b")
    assert moved is not None
    assert moved.expires_at == at


async def test_an_expiry_that_cannot_travel(kv: KeyValue, upstream: Upstream) -> None:
    """Two at once, a time without a zone, and none where one is needed: refused before anything is sent."""
    at = datetime(2199, 1, 1, tzinfo=UTC)
    for call, problem in (
        (kv.put("r", {b"k": b""}, ttl=1, expires_at=at), "exclude each other"),
        (kv.put("r", {b"k": Value(b"", ttl=1, expires_at=at)}), "exclude each other"),
        (kv.batch_put({"r": {b"k": b""}}, ttl=1, expires_at=at), "exclude each other"),
        (kv.compare_and_swap("r", b"k", None, b"", ttl=1, expires_at=at), "exclude each other"),
        (kv.put("r", {b"k": b""}, expires_at=at.replace(tzinfo=None)), "without a time zone"),
        (kv.expire("r", [b"k"]), "give ttl or expires_at"),
        (kv.expire("r", [b"k"], 1, expires_at=at), "exclude each other"),
    ):
        with pytest.raises(ValueError, match=problem):
            await call
    assert upstream.methods() == []


@pytest.mark.parametrize("ttl", [float("nan"), float("inf"), 1e300])
async def test_a_ttl_that_cannot_travel(kv: KeyValue, ttl: float) -> None:
    """It is refused with what to do instead."""
    with pytest.raises(ValueError, match="leave it out for what does not expire"):
        await kv.put("r", {b"k": b"v"}, ttl=ttl)


async def test_an_unknown_mode_of_a_set(upstream: Upstream) -> None:
    """It is refused with those that there are."""
    mode: Any = "absent"
    async with Client(upstream.address) as prism:
        with pytest.raises(ValueError, match="'absent'; give one of always, if_absent, if_present"):
            await prism.cache().set(b"k", b"v", mode=mode)
