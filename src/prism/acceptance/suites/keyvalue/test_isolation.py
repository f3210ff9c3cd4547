"""Namespaces that share a store never see each other's data, whatever their keys hold; nor do records."""

import asyncio
from itertools import product

from prism.acceptance.suites.keyvalue.dsl import KeyValue

JOINTS = [
    "",
    ":",
    "/",
    ".",
    "-",
    "|",
    "#",
    ",",
    "+",
    " ",
    "\t",
    "\x01",
    "\x1f",
    "{",
    "}",
    "\\",
    "%",
    "_",
    "*",
    "\u00e9",
]


async def test_equal_names_are_different_things(kv: KeyValue) -> None:
    """CONTRACT, common rules: namespaces sharing one store: the same id and key hold different items in each."""
    other = kv.elsewhere()
    await kv.put("r", {b"k": b"mine", b"only": b"mine"})
    await other.put("r", {b"k": b"theirs"})
    await other.put("s", {b"k": b"theirs"})
    assert await kv.values("r", b"k", b"only") == {b"k": b"mine", b"only": b"mine"}
    assert await other.values("r", b"k", b"only") == {b"k": b"theirs"}
    assert await kv.exists("s", b"k") == []
    if not kv.capabilities.scan:
        return
    assert await kv.keys("r") == [b"k", b"only"]
    assert await other.keys("r") == [b"k"]
    assert await kv.ids() == ["r"]
    assert await other.ids() == ["r", "s"]
    assert [(record, item.value) for record, item in await other.stream()] == [("r", b"theirs"), ("s", b"theirs")]
    assert [(record, item.value) for record, item in await kv.stream()] == [("r", b"mine"), ("r", b"mine")]


async def test_writes_stay_in_their_namespace(kv: KeyValue) -> None:
    """CONTRACT, common rules: no write of one namespace changes another."""
    other = kv.elsewhere()
    for each in (kv, other):
        await each.put("r", {b"a": b"1", b"b": b"2", b"c": b"3"})
    untouched = await kv.get("r", b"a", b"b", b"c")
    await other.put("r", {b"a": b"new"})
    if kv.capabilities.declares("compare_and_swap"):
        await other.swap("r", b"b", expected_value=b"2", new_value=b"new")
        await other.swap("r", b"c", expected_value=b"3", delete=True)
    if kv.capabilities.ttl:
        await other.expire("r", b"a", b"b", ttl=60)
        await other.persist("r", b"a")
    await other.delete("r", b"b")
    await other.delete("r")
    assert await kv.get("r", b"a", b"b", b"c") == untouched


async def test_names_that_run_together_are_kept_apart(kv: KeyValue) -> None:
    """CONTRACT, common rules: whatever keys hold: (namespace, id, key) alike when joined are different items."""
    family = [kv.elsewhere(name) for name in kv.namespaces.family()]
    places = [
        (first + second, third) for first, second, third in product("a1.", ["", "a", "1", ".a"], ["a", "1", ".a"])
    ]
    for each in family:
        await asyncio.gather(*(each.put(record, {key.encode(): _value(each, record, key)}) for record, key in places))
    for each in family:
        found = await asyncio.gather(*(each.values(record, key.encode()) for record, key in places))
        assert found == [{key.encode(): _value(each, record, key)} for record, key in places]
    await family[0].delete("a")
    for each in family[1:]:
        assert await each.values("a", b"a") == {b"a": _value(each, "a", "a")}
    if kv.capabilities.scan:
        ids = sorted({record for record, _ in places})
        assert [await each.ids() for each in family[1:]] == [ids] * (len(family) - 1)


async def test_records_and_keys_that_run_together_are_kept_apart(kv: KeyValue) -> None:
    """CONTRACT, KeyValue: a two-level map: (id, key) pairs alike when joined, by whatever, are different items."""
    pairs = [(f"a{joint}b", b"c") for joint in JOINTS] + [("a", f"{joint}b{joint}c".encode()) for joint in JOINTS]
    pairs += [("a", f"b{joint}c".encode()) for joint in JOINTS] + [(f"a{joint}", b"b" + b"c") for joint in JOINTS]
    pairs += [("a", b"\0b\0c"), ("a", b"\0\0"), ("a", b"\xffc"), ("a\u00ff", b"c"), ("ab", b"\0c"), ("a b", b"\0\0c")]
    pairs = list(dict.fromkeys(pairs))
    await asyncio.gather(*(kv.put(record, {key: repr((record, key)).encode()}) for record, key in pairs))
    for record, key in pairs:
        assert await kv.values(record, key) == {key: repr((record, key)).encode()}
    if kv.capabilities.scan:
        assert {(record, item.key) for record, item in await kv.stream()} == set(pairs)
        for record in {record for record, _ in pairs}:
            assert await kv.keys(record) == sorted(key for other, key in pairs if other == record)


async def test_a_record_is_deleted_alone(kv: KeyValue) -> None:
    """CONTRACT, Delete: the whole record, and no other whose id begins with it or matches it as a pattern."""
    ids = ["a", "aa", "a%", "a_", "a*", "A", "a ", "%", "_", "*", "b", "\u00e4", "a\x01"]
    await asyncio.gather(*(kv.put(record, {b"k": b"v", b"l": b"v"}) for record in ids))
    for gone in ("%", "_", "*", "a", "a%"):
        assert (await kv.delete(gone)).count == 2
        ids.remove(gone)
        for record in ids:
            assert await kv.exists(record, b"k", b"l") == [b"k", b"l"], (gone, record)


async def test_a_scan_keeps_to_its_record(kv: KeyValue) -> None:
    """CONTRACT, Scan: of one record, whatever stands before and after it in the store."""
    kv.needs("scan")
    for record in ("a", "aa", "b", "ab", "a\x01"):
        await kv.put(record, {key: record.encode() for key in (b"\0", b"a", b"\xff", b"b")})
    for bounds in ({}, {"prefix": b"a"}, {"prefix": b"\xff"}, {"start": b"b"}, {"end": b"b"}):
        for reverse in (False, True):
            for limit in (0, 1):
                found = await kv.scan("a", reverse=reverse, limit=limit, **bounds)
                assert {item.value for item in found} == {b"a"}


def _value(kv: KeyValue, record: str, key: str) -> bytes:
    return repr((kv.namespace, record, key)).encode()
