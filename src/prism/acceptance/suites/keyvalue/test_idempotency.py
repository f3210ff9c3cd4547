"""Idempotency keys: per namespace; the same payload gives the first answer again, another one is ALREADY_EXISTS."""

import asyncio

import pytest

from prism.acceptance.callers.table import THROUGH_GATEWAYS
from prism.acceptance.suites.keyvalue.dsl import BRIEF, LONG, KeyValue, duration
from prism.errors import AlreadyExists, InvalidArgument, Outcome, PrismError
from prism.interfaces.keyvalue import PutItem, PutRequest
from prism.wire import Code

KEY = "an idempotency key"


@pytest.fixture(autouse=True)
def idempotency_declared(kv: KeyValue) -> None:
    """These tests are about backends that declare `idempotency`."""
    kv.needs("idempotency")


async def test_a_repeated_put_is_applied_once(kv: KeyValue) -> None:
    """CONTRACT, idempotency keys: the same payload gives the first answer again, and the item keeps its version."""
    first = await kv.put("r", {b"b": b"1", b"a": b"2"}, idempotency_key=KEY)
    for _ in range(4):
        assert await kv.put("r", {b"b": b"1", b"a": b"2"}, idempotency_key=KEY) == first
    assert [item.version for item in await kv.get("r", b"b", b"a")] == first


async def test_a_repetition_does_not_undo_what_came_between(kv: KeyValue) -> None:
    """CONTRACT, idempotency keys: the first answer again, and nothing but the answer."""
    first = await kv.put("r", {b"k": b"1"}, idempotency_key=KEY)
    later = await kv.put("r", {b"k": b"2"})
    assert await kv.put("r", {b"k": b"1"}, idempotency_key=KEY) == first
    item = await kv.item("r", b"k")
    assert (item.value, [item.version]) == (b"2", later)
    await kv.delete("r")
    assert await kv.put("r", {b"k": b"1"}, idempotency_key=KEY) == first
    assert await kv.get("r", b"k") == []


OTHER_PAYLOADS = {
    "value": PutRequest(id="r", items=[PutItem(key=b"k", value=b"2")]),
    "key": PutRequest(id="r", items=[PutItem(key=b"l", value=b"1")]),
    "record": PutRequest(id="s", items=[PutItem(key=b"k", value=b"1")]),
    "more items": PutRequest(id="r", items=[PutItem(key=b"k", value=b"1"), PutItem(key=b"l")]),
    "metadata": PutRequest(id="r", items=[PutItem(key=b"k", value=b"1", metadata={"a": "b"})]),
    "ttl": PutRequest(id="r", items=[PutItem(key=b"k", value=b"1", ttl=duration(LONG))]),
    "keep_ttl": PutRequest(id="r", items=[PutItem(key=b"k", value=b"1")], keep_ttl=True),
    "shifted": PutRequest(id="r", items=[PutItem(key=b"k1", value=b"")]),
}


@pytest.mark.parametrize("difference", OTHER_PAYLOADS)
async def test_another_payload_is_refused(kv: KeyValue, difference: str) -> None:
    """CONTRACT, idempotency keys: the same key with a different payload is ALREADY_EXISTS, and nothing is applied."""
    if "ttl" in difference:
        kv.needs("ttl")
    first = await kv.put("r", {b"k": b"1"}, idempotency_key=KEY)
    before = await kv.get("r", b"k")
    other = PutRequest(idempotency_key=KEY)
    other.MergeFrom(OTHER_PAYLOADS[difference])
    error = await kv.refused(AlreadyExists, "Put", other)
    assert (error.code, error.reason, error.outcome) == (Code.ALREADY_EXISTS, "ALREADY_EXISTS", Outcome.NOT_APPLIED)
    assert " " in error.message.strip()
    assert error.metadata.get("namespace") == kv.namespace or kv.caller.name not in THROUGH_GATEWAYS
    assert await kv.get("r", b"k", b"l", b"k1") == before
    assert await kv.are_records(["r"], "s", b"k")
    assert await kv.put("r", {b"k": b"1"}, idempotency_key=KEY) == first


async def test_a_key_belongs_to_its_namespace(kv: KeyValue) -> None:
    """CONTRACT, idempotency keys: per namespace."""
    other = kv.elsewhere()
    await kv.put("r", {b"k": b"1"}, idempotency_key=KEY)
    await other.put("r", {b"k": b"2"}, idempotency_key=KEY)
    assert await kv.values("r", b"k") == {b"k": b"1"}
    assert await other.values("r", b"k") == {b"k": b"2"}


async def test_keys_of_neighbouring_namespaces_do_not_meet(kv: KeyValue) -> None:
    """CONTRACT, idempotency keys: per namespace, however names and keys may be put together."""
    for name in kv.namespaces.family():
        for key in ("", "a", ".", "-", ".a", "1", "11", "a.b"):
            await kv.elsewhere(name).put(f"of {key}", {b"k": name.encode()}, idempotency_key=f"{key}x")
        assert await kv.elsewhere(name).values("of ", b"k") == {b"k": name.encode()}


async def test_different_keys_are_different_puts(kv: KeyValue) -> None:
    """CONTRACT, idempotency keys: compared octet by octet; without a key nothing is remembered."""
    keys = ["a", "A", "a ", "\u00e4", "a\u0308", "%", "_", "x" * 256, "\u00e9" * 128]
    versions = [(await kv.put("r", {b"k": b"1"}, idempotency_key=key))[0] for key in keys]
    versions += [(await kv.put("r", {b"k": b"1"}))[0] for _ in range(2)]
    assert len(set(versions)) == len(keys) + 2


async def test_metadata_has_no_order(kv: KeyValue) -> None:
    """CONTRACT, idempotency keys: the same payload is the same however a client happened to write its map."""
    notes = {f"name {number}": f"{number}" for number in range(20)}
    first = await kv.put("r", {b"k": b"1"}, metadata=notes, idempotency_key=KEY)
    backwards = dict(reversed(notes.items()))
    assert await kv.put("r", {b"k": b"1"}, metadata=backwards, idempotency_key=KEY) == first


async def test_a_refused_put_is_not_remembered(kv: KeyValue) -> None:
    """CONTRACT, idempotency keys: recorded in the same transaction as the write: no write, no record."""
    bad = PutRequest(id="r", items=[PutItem(key=b"k"), PutItem(key=b"")], idempotency_key=KEY)
    await kv.refused(InvalidArgument, "Put", bad)
    await kv.put("r", {b"k": b"1"}, idempotency_key=KEY)
    assert await kv.values("r", b"k") == {b"k": b"1"}


async def test_duplicates_at_the_same_time_are_applied_once(kv: KeyValue) -> None:
    """CONTRACT, idempotency keys: also where the repetition does not wait for the answer, through any gateway."""
    for turn in range(3):
        record = f"r{turn}"
        answers = await asyncio.gather(
            *(kv.put(record, {b"a": b"1", b"b": b"2"}, idempotency_key=f"{KEY} {turn}") for _ in range(32))
        )
        assert answers == [answers[0]] * 32
        assert [item.version for item in await kv.get(record, b"a", b"b")] == answers[0]


async def test_of_different_payloads_at_the_same_time_one_is_applied(kv: KeyValue) -> None:
    """CONTRACT, idempotency keys: the first wins, whichever that is; the others are ALREADY_EXISTS, not applied."""
    outcomes: list[Outcome | None] = []

    async def attempt(number: int) -> int | None:
        try:
            await kv.put("r", {b"k": b"%d" % number, b"own %d" % number: b""}, idempotency_key=KEY)
        except AlreadyExists as error:
            outcomes.append(error.outcome)
            return None
        return number

    (winner,) = [number for number in await asyncio.gather(*map(attempt, range(32))) if number is not None]
    assert outcomes == [Outcome.NOT_APPLIED] * 31
    assert await kv.values("r", b"k") == {b"k": b"%d" % winner}
    assert await kv.exists("r", b"k", *(b"own %d" % number for number in range(32))) == [b"k", b"own %d" % winner]


async def test_an_expired_item_is_not_put_again(kv: KeyValue) -> None:
    """CONTRACT, idempotency keys: remembered 24 h, longer than what was put may live."""
    kv.needs("ttl")
    first = await kv.put("r", {b"k": b"1"}, ttl=BRIEF, idempotency_key=KEY)
    await kv.lapse()
    assert await kv.put("r", {b"k": b"1"}, ttl=BRIEF, idempotency_key=KEY) == first
    assert await kv.get("r", b"k") == []


async def test_with_keep_ttl_too(kv: KeyValue) -> None:
    """CONTRACT, Put: `keep_ttl` and an idempotency key together."""
    kv.needs("ttl")
    await kv.put("r", {b"k": b"0"}, ttl=LONG)
    before = await kv.item("r", b"k")
    first = await kv.put("r", {b"k": b"1"}, keep_ttl=True, idempotency_key=KEY)
    assert await kv.put("r", {b"k": b"1"}, keep_ttl=True, idempotency_key=KEY) == first
    item = await kv.item("r", b"k")
    assert (item.value, item.expires_at, [item.version]) == (b"1", before.expires_at, first)


@pytest.mark.parametrize("key", ["x" * 257, "\u00e9" * 129, "nul\0"], ids=["long", "long in octets", "nul"])
async def test_a_key_is_bounded(kv: KeyValue, key: str) -> None:
    """proto, Put: an idempotency key is UTF-8 without NUL, at most 256 bytes."""
    request = PutRequest(id="r", items=[PutItem(key=b"k")], idempotency_key=key)
    error: PrismError = await kv.refused(InvalidArgument, "Put", request)
    assert [violation.field for violation in error.violations] == ["idempotency_key"]
    assert await kv.get("r", b"k") == []
