"""Time to live: how an item gets one, keeps it, changes it and loses it."""

import time

import pytest

from prism.acceptance.dsl import EXPIRY_TIMEOUT
from prism.acceptance.suites.keyvalue.dsl import BRIEF, LONG, KeyValue, duration, moment, put_items
from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import CompareAndSwapRequest, ExpireRequest, Item, PutItem, PutRequest

CLOCKS = 30.0
"""How far, in seconds, the clocks of store and test may be apart."""


@pytest.fixture(autouse=True)
def ttl_declared(kv: KeyValue) -> None:
    """These tests are about backends that declare `ttl`."""
    kv.needs("ttl")


def lives_until(item: Item, seconds: float) -> bool:
    """Whether the item expires that many seconds from now."""
    return item.HasField("expires_at") and abs(item.expires_at.ToMicroseconds() / 1e6 - time.time() - seconds) < CLOCKS


async def test_expiry_is_told_in_microseconds(kv: KeyValue) -> None:
    """proto, Item: `expires_at` is now and the time to live, in microseconds, by the store's clock; unset for never."""
    await kv.put("r", {b"short": b"", b"also": b""}, ttl=LONG)
    await kv.put("r", {b"long": b""}, ttl=90 * 365 * 86400.0)
    await kv.put("r", {b"never": b""})
    items = {item.key: item for item in await kv.get("r", b"also", b"long", b"never", b"short")}
    assert lives_until(items[b"short"], LONG)
    assert lives_until(items[b"also"], LONG)
    assert lives_until(items[b"long"], 90 * 365 * 86400)
    assert not items[b"never"].HasField("expires_at")
    assert all(item.expires_at.nanos % 1000 == 0 for item in items.values())
    for number in range(8):
        await kv.put("r", {b"%d" % number: b""}, ttl=LONG)
    more = await kv.get("r", *(b"%d" % number for number in range(8)))
    assert any(item.expires_at.nanos % 1_000_000 for item in more), "no finer than milliseconds"
    if kv.capabilities.scan:
        assert await kv.scan("r") == [*more, *items.values()]


async def test_a_put_without_ttl_clears_one(kv: KeyValue) -> None:
    """CONTRACT, Put: a put without ttl clears one."""
    await kv.put("r", {b"a": b"1", b"b": b"1"}, ttl=BRIEF)
    await kv.put("r", {b"a": b"2"})
    await kv.lapse()
    (item,) = await kv.get("r", b"a", b"b")
    assert (item.value, item.HasField("expires_at")) == (b"2", False)


async def test_a_put_with_ttl_replaces_one(kv: KeyValue) -> None:
    """CONTRACT, Put: the time to live is the last put's, longer or shorter."""
    await kv.put("r", {b"longer": b"1"}, ttl=BRIEF)
    await kv.put("r", {b"longer": b"2"}, ttl=LONG)
    await kv.put("r", {b"shorter": b"1"}, ttl=LONG)
    await kv.put("r", {b"shorter": b"2"}, ttl=BRIEF)
    await kv.lapse()
    (item,) = await kv.get("r", b"longer", b"shorter")
    assert item.key == b"longer"
    assert lives_until(item, LONG)


async def test_keep_ttl_keeps_what_each_item_has(kv: KeyValue) -> None:
    """CONTRACT, Put: unless `keep_ttl`: items that exist keep theirs, to the microsecond; new ones have none."""
    await kv.put("r", {b"a": b"1"}, ttl=LONG)
    await kv.put("r", {b"b": b"1"}, ttl=2 * LONG)
    await kv.put("r", {b"c": b"1"})
    before = {item.key: item.expires_at for item in await kv.get("r", b"a", b"b", b"c")}
    await kv.put("r", {b"d": b"2", b"c": b"2", b"b": b"2", b"a": b"2"}, keep_ttl=True)
    after = await kv.get("r", b"a", b"b", b"c", b"d")
    assert {item.key: item.value for item in after} == dict.fromkeys((b"a", b"b", b"c", b"d"), b"2")
    assert {item.key: item.expires_at for item in after if item.HasField("expires_at")} == {
        b"a": before[b"a"],
        b"b": before[b"b"],
    }


async def test_an_item_kept_by_keep_ttl_still_expires(kv: KeyValue) -> None:
    """CONTRACT, Put: `keep_ttl` keeps a time to live; it does not begin it anew or take it away."""
    await kv.put("r", {b"k": b"1"}, ttl=LONG)
    await kv.put("r", {b"k": b"2"}, keep_ttl=True)
    await kv.expire("r", b"k", ttl=BRIEF)
    await kv.lapse()
    assert await kv.get("r", b"k") == []


async def test_keep_ttl_and_a_ttl_exclude_each_other(kv: KeyValue) -> None:
    """proto, Put: `keep_ttl` not together with an item's ttl."""
    request = PutRequest(id="r", items=[PutItem(key=b"a"), PutItem(key=b"b", ttl=duration(LONG))], keep_ttl=True)
    await kv.refused(InvalidArgument, "Put", request)
    assert await kv.get("r", b"a", b"b") == []


async def test_items_of_one_put_may_differ(kv: KeyValue) -> None:
    """proto, Put: each item has a time to live of its own."""
    put = [*put_items({b"brief": b""}, BRIEF), *put_items({b"long": b""}, LONG), *put_items({b"never": b""})]
    await kv.call("Put", PutRequest(id="r", items=put))
    await kv.lapse()
    items = await kv.get("r", b"brief", b"long", b"never")
    assert [(item.key, item.HasField("expires_at")) for item in items] == [
        (b"long", True),
        (b"never", False),
    ]


BAD_TTLS = {
    "zero": 0.0,
    "below a microsecond": 1e-9,
    "a nanosecond below zero": -1e-9,
    "negative": -1.0,
    "mostly negative": -0.5,
    "past": -1e9,
    "huge": 200 * 366 * 86400.0,
    "largest": 315_576_000_000.0,
}


@pytest.mark.parametrize("name", BAD_TTLS)
async def test_a_ttl_is_above_zero(kv: KeyValue, name: str) -> None:
    """CONTRACT, time to live: a Duration above zero; zero or less is INVALID_ARGUMENT, and nothing is applied."""
    ttl = duration(BAD_TTLS[name])
    await kv.put("r", {b"k": b"old"})
    put = PutRequest(id="r", items=[PutItem(key=b"new"), PutItem(key=b"k", value=b"new", ttl=ttl)])
    error = await kv.refused(InvalidArgument, "Put", put)
    assert [violation.field for violation in error.violations] == ["items[1].ttl"]
    error = await kv.refused(InvalidArgument, "Expire", ExpireRequest(id="r", keys=[b"k"], ttl=ttl))
    assert [violation.field for violation in error.violations] == ["ttl"]
    if kv.capabilities.declares("compare_and_swap"):
        swap = CompareAndSwapRequest(id="r", key=b"k", expected_value=b"old", new_value=b"new", ttl=ttl)
        error = await kv.refused(InvalidArgument, "CompareAndSwap", swap)
        assert [violation.field for violation in error.violations] == ["ttl"]
    (item,) = await kv.get("r", b"new", b"k")
    assert (item.key, item.value, item.HasField("expires_at")) == (b"k", b"old", False)


def moments(*seconds: float) -> list[int]:
    """Times that many seconds from now, in odd microseconds since 1970."""
    return [int((time.time() + each) * 1000) * 1000 + 457 for each in seconds]


def put_until(**instants: int) -> list[PutItem]:
    """An item for each name, to expire at a time in microseconds since 1970."""
    return [
        PutItem(key=name.encode(), value=b"1", expires_at=moment(instant / 1e6)) for name, instant in instants.items()
    ]


async def test_a_time_to_expire_at_is_kept_as_it_is(kv: KeyValue) -> None:
    """CONTRACT, time to live: `expires_at` is given back to the microsecond, by every read and every write of one."""
    soon, later, last = moments(LONG, 2 * LONG, 200 * 365 * 86400)
    await kv.call("Put", PutRequest(id="r", items=[*put_until(a=later, b=soon, c=last), PutItem(key=b"d")]))
    items = await kv.get("r", b"a", b"b", b"c", b"d")
    assert [item.expires_at.ToMicroseconds() for item in items[:3]] == [later, soon, last]
    assert not items[3].HasField("expires_at")
    if kv.capabilities.scan:
        assert await kv.scan("r") == items
        assert [item for _, item in await kv.stream("r")] == items
    assert (await kv.call("Expire", ExpireRequest(id="r", keys=[b"c", b"d"], expires_at=moment(soon / 1e6)))).keys
    if kv.capabilities.declares("compare_and_swap"):
        swapped = await kv.swap("r", b"b", expected_value=b"1", new_value=b"2", expires_at=moment(last / 1e6))
        assert swapped.current.expires_at.ToMicroseconds() == last
    else:
        await kv.call("Put", PutRequest(id="r", items=put_until(b=last)))
    found = [item.expires_at.ToMicroseconds() for item in await kv.get("r", b"a", b"b", b"c", b"d")]
    assert found == [later, last, soon, soon]


async def test_a_time_to_expire_at_comes(kv: KeyValue) -> None:
    """CONTRACT, time to live: at that time, by the store's clock, the item is gone as with a ttl."""
    await kv.put("r", {b"k": b"1", b"l": b"1"})
    kept = await kv.item("r", b"k")
    await kv.put("r", {b"clock": b""}, ttl=LONG)
    store_clock = (await kv.item("r", b"clock")).expires_at.ToMicroseconds() / 1e6 - LONG
    await kv.call("Put", PutRequest(id="r", items=[PutItem(key=b"l", expires_at=moment(store_clock + 0.05))]))
    deadline = time.monotonic() + EXPIRY_TIMEOUT
    while await kv.exists("r", b"l"):
        assert time.monotonic() < deadline, "an item outlives its time"
    assert await kv.get("r", b"k", b"l") == [kept]


async def test_a_time_to_expire_at_that_has_passed(kv: KeyValue) -> None:
    """CONTRACT, time to live: no error; what was there is replaced and gone, as if the call had come in time."""
    kv.needs("versions")
    (past,) = moments(-LONG)
    await kv.put("r", {b"a": b"0", b"b": b"0", b"c": b"0", b"d": b"0"})
    request = PutRequest(id="r", items=[*put_until(a=past), PutItem(key=b"b", value=b"1"), *put_until(x=1)])
    if kv.capabilities.idempotency:
        request.idempotency_key = "once"
    answer = await kv.call("Put", request)
    assert [bool(version) for version in answer.versions] == [False, True, False]
    if kv.capabilities.idempotency:
        assert await kv.call("Put", request) == answer
    if kv.capabilities.declares("compare_and_swap"):
        swap = await kv.swap("r", b"c", expected_value=b"0", new_value=b"1", expires_at=moment(past / 1e6))
        assert (swap.swapped, swap.HasField("current")) == (True, False)
        swap = await kv.swap("r", b"y", expected_absent=True, new_value=b"1", expires_at=moment(past / 1e6))
        assert (swap.swapped, swap.HasField("current")) == (True, False)
    else:
        await kv.delete("r", b"c")
    answer = await kv.call("Expire", ExpireRequest(id="r", keys=[b"d", b"x"], expires_at=moment(past / 1e6)))
    assert answer.keys == [b"d"]
    assert await kv.values("r", b"a", b"b", b"c", b"d", b"x", b"y") == {b"b": b"1"}
    if kv.capabilities.scan:
        assert await kv.keys("r") == [b"b"]
        await kv.call("Put", PutRequest(id="gone", items=put_until(k=past)))
        assert await kv.ids() == ["r"]


async def test_keep_ttl_and_a_time_to_expire_at_exclude_each_other(kv: KeyValue) -> None:
    """proto, Put: `keep_ttl` not together with an item's expires_at."""
    request = PutRequest(id="r", items=[PutItem(key=b"a"), *put_until(b=moments(LONG)[0])], keep_ttl=True)
    error = await kv.refused(InvalidArgument, "Put", request)
    assert [violation.field for violation in error.violations] == ["items[1].expires_at"]
    assert await kv.get("r", b"a", b"b") == []


@pytest.mark.parametrize("seconds", [-62_135_596_800, -0.5, 0, 8_835_955_200, 253_402_300_799])
async def test_a_time_to_expire_at_is_after_1970_and_before_2250(kv: KeyValue, seconds: float) -> None:
    """CONTRACT, time to live: any other is INVALID_ARGUMENT, and nothing is applied."""
    when = moment(seconds)
    await kv.put("r", {b"k": b"old"})
    put = PutRequest(id="r", items=[PutItem(key=b"new"), PutItem(key=b"k", value=b"new", expires_at=when)])
    error = await kv.refused(InvalidArgument, "Put", put)
    assert [violation.field for violation in error.violations] == ["items[1].expires_at"]
    error = await kv.refused(InvalidArgument, "Expire", ExpireRequest(id="r", keys=[b"k"], expires_at=when))
    assert [violation.field for violation in error.violations] == ["expires_at"]
    (item,) = await kv.get("r", b"new", b"k")
    assert (item.key, item.value, item.HasField("expires_at")) == (b"k", b"old", False)


async def test_expire_answers_which_existed(kv: KeyValue) -> None:
    """CONTRACT, Expire: which existed; the others are not made, and the value and metadata stay."""
    await kv.put("r", {b"a": b"1", b"b": b"2", b"c": b"3"}, metadata={"m": "1"})
    assert await kv.expire("r", b"c", b"none", b"a", ttl=LONG) == [b"c", b"a"]
    assert await kv.expire("no record", b"a", ttl=LONG) == []
    items = await kv.get("r", b"a", b"b", b"c", b"none")
    assert [item.value for item in items] == [b"1", b"2", b"3"]
    assert all(dict(item.metadata) == {"m": "1"} for item in items)
    assert [lives_until(item, LONG) for item in items] == [True, False, True]


async def test_expire_replaces_a_ttl(kv: KeyValue) -> None:
    """CONTRACT, Expire: the new time to live holds, longer or shorter."""
    await kv.put("r", {b"longer": b"1"}, ttl=2 * LONG)
    await kv.put("r", {b"shorter": b"1"}, ttl=LONG)
    await kv.expire("r", b"longer", ttl=3 * LONG)
    await kv.expire("r", b"shorter", ttl=BRIEF)
    await kv.lapse()
    (item,) = await kv.get("r", b"longer", b"shorter")
    assert lives_until(item, 3 * LONG)


async def test_persist_takes_a_ttl_away(kv: KeyValue) -> None:
    """CONTRACT, Persist: which existed, with a time to live or without; afterwards none expires."""
    await kv.put("r", {b"a": b"1"}, ttl=LONG, metadata={"m": "1"})
    await kv.put("r", {b"b": b"2"})
    assert await kv.persist("r", b"none", b"b", b"a") == [b"b", b"a"]
    items = await kv.get("r", b"a", b"b")
    assert [(item.value, item.HasField("expires_at")) for item in items] == [(b"1", False), (b"2", False)]
    assert dict(items[0].metadata) == {"m": "1"}


async def test_a_persisted_item_outlives_its_ttl(kv: KeyValue) -> None:
    """CONTRACT, Persist: an item that was to expire soon does not."""
    await kv.put("r", {b"k": b"1"}, ttl=1.0)
    assert await kv.persist("r", b"k") == [b"k"]
    await kv.put("r", {b"witness": b""}, ttl=1.0)
    await kv.expire("r", b"witness", ttl=BRIEF)
    await kv.lapse()
    assert await kv.exists("r", b"k", b"witness") == [b"k"]


async def test_a_swap_gives_a_ttl_or_clears_it(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap: its ttl is the new item's; without one the new item does not expire, as with Put."""
    kv.needs("compare_and_swap")
    first = await kv.swap("r", b"k", expected_absent=True, new_value=b"1", ttl=LONG)
    assert lives_until(first.current, LONG)
    assert first.current == await kv.item("r", b"k")
    second = await kv.swap("r", b"k", expected_value=b"1", new_value=b"2")
    assert not second.current.HasField("expires_at")
    assert not (await kv.item("r", b"k")).HasField("expires_at")
    await kv.swap("r", b"k", expected_value=b"2", new_value=b"3", ttl=BRIEF)
    await kv.lapse()
    assert await kv.get("r", b"k") == []


async def test_a_failed_swap_leaves_the_ttl(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap: what is not swapped is not touched; its expiry is shown with it."""
    kv.needs("compare_and_swap")
    await kv.put("r", {b"k": b"1"}, ttl=LONG)
    before = await kv.item("r", b"k")
    answer = await kv.swap("r", b"k", expected_value=b"other", new_value=b"2", ttl=2 * LONG)
    assert (answer.swapped, answer.current) == (False, before)
    assert await kv.item("r", b"k") == before
