"""Put, Get, Exists, Delete: a record is a map from octets to octets, and nothing in them means anything."""

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.keyvalue.dsl import KeyValue

EVERY_OCTET = bytes(range(256))
LOOKALIKES = [
    b"a",
    b"a\0",
    b"a\0\0",
    b"A",
    b"a ",
    b" a",
    b"\xc3\xa4",
    b"a\xcc\x88",
    b"\xe4",
    b"\\x61",
    b"'a'",
    b"a%",
    b"a_",
]
RECORDS = [
    "a",
    "A",
    "a ",
    " a",
    "\u00e4",
    "a\u0308",
    "%",
    "_",
    "*",
    "a%",
    "a_",
    "a*",
    "..",
    "/",
    "\\",
    "'",
    '"',
    "a\nb",
]


async def test_values_carry_any_octet(kv: KeyValue) -> None:
    """CONTRACT, common rules: bytes are bytes: values carry any octet."""
    values = {
        b"all": EVERY_OCTET,
        b"nul": b"\0",
        b"high": b"\xff" * 9,
        b"not utf-8": b"\xc3(\xed\xa0\x80",
        b"crlf": b"\r\n",
    }
    await kv.put("r", values)
    assert await kv.values("r", *values) == values


async def test_keys_carry_any_octet(kv: KeyValue) -> None:
    """CONTRACT, common rules: item keys carry any octet, each a key of its own."""
    items = {bytes([octet]): b"value of %d" % octet for octet in range(256)} | {EVERY_OCTET: b"all", b"\0" * 3: b"nul"}
    await kv.put("r", items)
    assert await kv.values("r", *items) == items
    assert await kv.exists("r", *items) == list(items)


async def test_keys_that_look_alike_are_different(kv: KeyValue) -> None:
    """CONTRACT, common rules: bytes are bytes: no case, collation, normal form, padding or escape makes two one."""
    for number, key in enumerate(LOOKALIKES):
        await kv.put("r", {key: b"%d" % number})
    assert await kv.values("r", *LOOKALIKES) == {key: b"%d" % number for number, key in enumerate(LOOKALIKES)}


async def test_records_that_look_alike_are_different(kv: KeyValue) -> None:
    """CONTRACT, common rules: record ids are UTF-8, compared octet by octet."""
    for record in RECORDS:
        await kv.put(record, {b"k": record.encode()})
    for record in RECORDS:
        assert await kv.values(record, b"k") == {b"k": record.encode()}


async def test_an_empty_value_is_a_value(kv: KeyValue) -> None:
    """CONTRACT, Put: an empty value is a value."""
    await kv.put("r", {b"empty": b""})
    assert (await kv.item("r", b"empty")).value == b""
    assert await kv.exists("r", b"empty", b"none") == [b"empty"]
    if kv.capabilities.scan:
        assert await kv.keys("r") == [b"empty"]
        assert await kv.ids() == ["r"]
    assert list((await kv.delete("r", b"empty")).keys) == [b"empty"]


async def test_a_missing_thing_is_absent_from_a_read(kv: KeyValue) -> None:
    """CONTRACT, common rules: a missing thing in a read is data (absent from the answer), not an error."""
    assert await kv.get("no record", b"k") == []
    assert await kv.exists("no record", b"k") == []
    await kv.put("r", {b"there": b"1"})
    assert await kv.values("r", b"not", b"there", b"ther", b"there\0", b"THERE") == {b"there": b"1"}
    assert await kv.exists("r", b"not", b"there") == [b"there"]


async def test_items_come_in_the_order_asked(kv: KeyValue) -> None:
    """CONTRACT, Get and Exists: items found, in the order asked."""
    keys = [b"m", b"\xff", b"a", b"\0", b"z", b"B"]
    await kv.put("r", dict.fromkeys(sorted(keys), b"v"))
    for order in (keys, keys[::-1], sorted(keys), [b"none", *keys[2:], b"never", *keys[:2]]):
        found = [key for key in order if key in keys]
        assert [item.key for item in await kv.get("r", *order)] == found
        assert await kv.exists("r", *order) == found


async def test_a_put_replaces_its_items_and_leaves_the_others(kv: KeyValue) -> None:
    """CONTRACT, Put: a record is a map; a put sets the items it names."""
    await kv.put("r", {b"a": b"1", b"b": b"1", b"c": b"1"})
    await kv.put("r", {b"b": b"2", b"d": b"2"})
    assert await kv.values("r", b"a", b"b", b"c", b"d") == {b"a": b"1", b"b": b"2", b"c": b"1", b"d": b"2"}


async def test_metadata_is_kept_as_written(kv: KeyValue) -> None:
    """CONTRACT, Put and Get: an item carries its writer's metadata."""
    notes = {"content-type": "text/plain", "": "empty name", "empty value": "", "\u00fc\U0001f600": "\u4f60\n\"'\\"}
    await kv.put("r", {b"a": b"1", b"empty": b""}, metadata=notes)
    assert [dict(item.metadata) for item in await kv.get("r", b"a", b"empty")] == [notes, notes]
    if kv.capabilities.scan:
        assert [dict(item.metadata) for item in await kv.scan("r")] == [notes, notes]


async def test_a_put_replaces_metadata(kv: KeyValue) -> None:
    """CONTRACT, Put: metadata belongs to the value it came with."""
    await kv.put("r", {b"k": b"1"}, metadata={"a": "1", "b": "1"})
    await kv.put("r", {b"k": b"2"}, metadata={"b": "2"})
    assert dict((await kv.item("r", b"k")).metadata) == {"b": "2"}
    await kv.put("r", {b"k": b"3"})
    assert dict((await kv.item("r", b"k")).metadata) == {}


@UNTYPED
async def test_a_key_asked_twice_is_answered_twice(kv: KeyValue) -> None:
    """CONTRACT, Get and Exists: the items found, in the order asked: the answer follows the question."""
    await kv.put("r", {b"a": b"1", b"b": b"2"})
    assert [item.value for item in await kv.get("r", b"a", b"b", b"a", b"a")] == [b"1", b"2", b"1", b"1"]
    assert await kv.exists("r", b"a", b"none", b"b", b"a") == [b"a", b"b", b"a"]


async def test_delete_answers_which_existed(kv: KeyValue) -> None:
    """CONTRACT, Delete: answers which existed; deleting a missing thing succeeds."""
    await kv.put("r", {b"a": b"1", b"b": b"2", b"c": b"3"})
    answer = await kv.delete("r", b"c", b"none", b"a")
    assert (list(answer.keys), answer.count) == ([b"c", b"a"], 2)
    assert await kv.values("r", b"a", b"b", b"c") == {b"b": b"2"}
    again = await kv.delete("r", b"c", b"a")
    assert (list(again.keys), again.count) == ([], 0)
    never = await kv.delete("never was", b"k")
    assert (list(never.keys), never.count) == ([], 0)


async def test_delete_without_keys_takes_the_whole_record(kv: KeyValue) -> None:
    """CONTRACT, Delete: no keys: the whole record."""
    items = {b"%03d" % number: b"v" for number in range(250)}
    await kv.put("r", items)
    await kv.put("r2", {b"k": b"stays"})
    answer = await kv.delete("r")
    assert (list(answer.keys), answer.count) == ([], 250)
    assert await kv.get("r", *items) == []
    assert await kv.are_records(["r2"], "r", *items)
    assert await kv.exists("r2", b"k") == [b"k"]
    assert (await kv.delete("r")).count == 0


async def test_a_key_named_twice_is_deleted_once(kv: KeyValue) -> None:
    """proto, Delete: `count` is how many items were deleted."""
    await kv.put("r", {b"k": b"1"})
    assert (await kv.delete("r", b"k", b"k")).count == 1
    assert await kv.get("r", b"k") == []


async def test_a_deleted_item_can_be_put_again(kv: KeyValue) -> None:
    """CONTRACT, Delete: nothing of a deleted item comes back with a later put."""
    await kv.put("r", {b"k": b"old"}, metadata={"old": "1"}, ttl=3600 if kv.capabilities.ttl else None)
    await kv.delete("r", b"k")
    await kv.put("r", {b"k": b"new"})
    item = await kv.item("r", b"k")
    assert (item.value, dict(item.metadata), item.HasField("expires_at")) == (b"new", {}, False)


async def test_every_gateway_sees_what_another_wrote(kv: KeyValue) -> None:
    """CONTRACT, common rules: a reader sees acknowledged writes through any gateway."""
    for turn in range(2 * kv.caller.gateways):
        value = b"written through %d" % turn
        await kv.put("r", {b"k": value}, via=turn)
        assert await kv.values("r", b"k", via=turn + 1) == {b"k": value}
        await kv.delete("r", b"k", via=turn + 1)
        assert await kv.exists("r", b"k", via=turn) == []
