"""Rules 5, 6 and 7: keys, listings and what is said of an object."""

import asyncio

import pytest

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.objectstore.dsl import LONG, Objects, duration
from prism.errors import InvalidArgument
from prism.interfaces import objectstore as o
from prism.sdk.objectstore.keys import key_violation

KEYS = [
    "a", "A", "a/b", "a/b/c.txt", "/", "//", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "./a", "~",
    "~/a",
    "a b", " a", "a ", "a+b", "a%2Fb", "%", "%00", "%2e%2e%2f", "a?b#c", "a&b=c", "a\\b", "..\\..\\a", "C:\\a", "a:b",
    "*", "a*", '"', "'", "`id`", "$(id)", "${HOME}", ";", "|", "<b>", "a\nb", "a\r\nb", "a\tb", "\x01", "\x7f", "\x80",
    "index.db", "blobs/a", "instances", "é", "e\u0301", "\u00e9", "ﬁ", "日本", "\U0001f600", "\ufeffa",
    "\u202ea", "\uffff",
    "a\u200b", "CON", "nul", "a.", ".hidden", "-rf", "--", "a" * 1024, "a/" * 512, "é" * 512, "x" * 300 + "/y",
]  # fmt: skip
"""What a store might take for something else, change, or not tell apart."""


def kept(objects: Objects, keys: list[str]) -> list[str]:
    """Those that the store can keep, beside one another."""
    able = [key for key in keys if allowed(objects, key)]
    if "no_object_above" not in objects.capabilities.key_rules:
        return able
    return [key for key in able if not any(other.startswith(f"{key}/") for other in able)]


def allowed(objects: Objects, key: str) -> bool:
    """Whether the store can keep it."""
    return key_violation(key, objects.capabilities.key_rules) is None


async def test_every_key_is_kept_as_it_is(objects: Objects) -> None:
    """CONTRACT, ObjectStore 5: a key is never a path, never normalized and never changed; two never become one."""
    keys = list(dict.fromkeys(kept(objects, KEYS)))
    await asyncio.gather(*(objects.put(key, key.encode()) for key in keys))
    for key in keys:
        got = await objects.get(key)
        assert (got.data, got.object.key) == (key.encode(), key)
    assert await objects.names(limit=7) == sorted(keys, key=str.encode)
    for key in keys[::2]:
        await objects.delete(key)
    assert await objects.names() == sorted(keys[1::2], key=str.encode)


async def test_a_key_that_the_store_cannot_keep_is_refused(objects: Objects) -> None:
    """CONTRACT, ObjectStore 5: what a store cannot hold under that very name is INVALID_ARGUMENT."""
    for key in sorted(key for key in KEYS if not allowed(objects, key)):
        error = await objects.refuses_write(InvalidArgument, objects.put(key, b"x"))
        assert [each.field for each in error.violations] == ["key"]
    assert await objects.names() == []


@UNTYPED
@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 1025, id="1025 bytes"),
        pytest.param("é" * 513, id="1026 bytes"),
        pytest.param("a\0b", id="U+0000"),
    ],
)
async def test_a_key_has_1_to_1024_bytes(objects: Objects, key: str) -> None:
    """CONTRACT, ObjectStore 5: keys are UTF-8 of 1 to 1,024 bytes without U+0000."""
    error = await objects.refuses_write(InvalidArgument, objects.put(key, b"x"))
    assert [each.field for each in error.violations] == ["head.key"]
    error = await objects.refuses(InvalidArgument, objects.get(key))
    assert [each.field for each in error.violations] == ["key"]


async def test_a_list_is_in_byte_order(objects: Objects) -> None:
    """CONTRACT, ObjectStore 6: List is in byte order, over pages of any size, with a prefix or without."""
    keys = ["B", "a", "a/1", "a/10", "a/2", "a0", "b", "b/", "b/x", "é", "z", "\U0001f600", "\uffff"]
    keys = kept(objects, keys)
    for key in keys:
        await objects.put(key, key.encode())
    ordered = sorted(keys, key=str.encode)
    for limit in (1, 2, 3, 100):
        assert await objects.names(limit=limit) == ordered
        assert await objects.names(limit=limit, prefix="a") == [key for key in ordered if key.startswith("a")]
    assert await objects.names(prefix="a/1") == ["a/1", "a/10"]
    assert await objects.names(prefix="nothing") == []
    assert await objects.names(prefix="\U0001f600") == ["\U0001f600"]


async def test_what_a_list_says(objects: Objects) -> None:
    """CONTRACT, ObjectStore 6: an entry has the key, the size, the etag and the time of its object."""
    put = await objects.put("k", b"12345")
    (entry,) = (await objects.page()).entries
    assert (entry.object.key, entry.object.size, entry.object.etag) == ("k", 5, put.etag)
    assert entry.object.HasField("modified_at")


async def test_a_delimiter_merges_prefixes(objects: Objects) -> None:
    """CONTRACT, ObjectStore 6: prefixes are merged in, in order, each once over all pages."""
    keys = ["a", "a-b", "a/1", "a/2/x", "a/2/y", "a/3", "b/1", "c", "d/", "d/e", "z/z/z"]
    keys = kept(objects, keys)
    for key in keys:
        await objects.put(key, b"x")
    above = ["a"] if "a" in keys else []
    for limit in (1, 2, 3, 100):
        assert await objects.names(limit=limit, delimiter="/") == [*above, "a-b", "a/", "b/", "c", "d/", "z/"]
        assert await objects.names(limit=limit, delimiter="/", prefix="a/") == ["a/1", "a/2/", "a/3"]
        assert await objects.names(limit=limit, delimiter="/", prefix="a") == [*above, "a-b", "a/"]
    page = await objects.page(delimiter="/", prefix="d/")
    kinds = [each.WhichOneof("entry") for each in page.entries]
    assert kinds == ["object"] * len([key for key in keys if key.startswith("d/")])


async def test_a_key_that_ends_in_a_slash_is_an_object(objects: Objects) -> None:
    """CONTRACT, ObjectStore 6: a key that ends in `/` is an object like others."""
    if not kept(objects, ["d/"]):
        pytest.skip("the store keeps no such key (key_rules)")
    await objects.put("d/", b"folder")
    await objects.put("d/e", b"x")
    assert await objects.data("d/") == b"folder"
    await objects.delete("d/")
    assert await objects.names() == ["d/e"]


async def test_many_under_one_prefix(objects: Objects) -> None:
    """CONTRACT, ObjectStore 6: a prefix of more objects than a page holds comes once."""
    await asyncio.gather(*(objects.put(f"p/{number:03}", b"") for number in range(130)), objects.put("q", b""))
    assert await objects.names(limit=1, delimiter="/") == ["p/", "q"]
    assert await objects.names(prefix="p/") == [f"p/{number:03}" for number in range(130)]


async def test_a_list_while_objects_come_and_go(objects: Objects) -> None:
    """CONTRACT, common rules: what is added or deleted between pages causes no skip and no repeat of others."""
    for number in range(20):
        await objects.put(f"k{number:02}", b"")
    first = await objects.page(limit=10)
    for key in ("k09", "k10", "k15"):
        await objects.delete(key)
    for key in ("k05x", "k12x"):
        await objects.put(key, b"")
    second = await objects.page(limit=100, cursor=first.next_cursor, via=1)
    found = [each.object.key for each in second.entries]
    assert found == ["k11", "k12", "k12x", "k13", "k14", "k16", "k17", "k18", "k19"]


@UNTYPED
async def test_a_cursor_belongs_to_its_query(objects: Objects) -> None:
    """CONTRACT, common rules: a cursor of another query, or a forged one, is INVALID_ARGUMENT."""
    for number in range(3):
        await objects.put(f"a/{number}", b"")
    cursor = (await objects.page(limit=1)).next_cursor
    await objects.refuses(InvalidArgument, objects.page(cursor=cursor, prefix="a"))
    await objects.refuses(InvalidArgument, objects.page(cursor=cursor, delimiter="/"))
    forged = bytes([*cursor[:-1], cursor[-1] ^ 1])
    for each in (forged, b"x", cursor + b"x"):
        await objects.refuses(InvalidArgument, objects.page(cursor=each))
    await objects.refuses(InvalidArgument, objects.elsewhere().page(cursor=cursor))
    await objects.refuses(InvalidArgument, objects.page(delimiter="x"))


async def test_properties_come_back(objects: Objects) -> None:
    """CONTRACT, ObjectStore 7: metadata is UTF-8 byte for byte, to 32 names and 2 KB; content headers as given."""
    values = ["", "plain", " spaces ", "é", "e\u0301", "\U0001f600", "a,b;c=d", 'quote"', "%41", "日本"]
    properties = o.Properties(
        content_type="text/html; charset=utf-8",
        content_encoding="gzip",
        content_disposition='attachment; filename="a.txt"',
        cache_control="no-cache",
        metadata={f"n-{number}": value for number, value in enumerate(values)},
    )
    await objects.put("k", b"x", properties=properties)
    head = await objects.head("k")
    assert head is not None
    assert head.properties == properties
    assert (await objects.get("k")).object.properties == properties
    await objects.put("k", b"x")
    head = await objects.head("k")
    assert head is not None
    assert dict(head.properties.metadata) == {}
    assert head.properties.content_encoding == ""


async def test_metadata_to_its_limits(objects: Objects) -> None:
    """CONTRACT, ObjectStore 7: 32 names, names of 64 characters and 2 KB in all are kept."""
    names = {f"{number:02}" + "n" * 62: "" for number in range(31)}
    full = {**names, "last": "v" * (2048 - 31 * 64 - 4)}
    await objects.put("k", b"x", properties=o.Properties(metadata=full))
    head = await objects.head("k")
    assert head is not None
    assert dict(head.properties.metadata) == full


@UNTYPED
@pytest.mark.parametrize(
    "properties",
    [
        pytest.param(o.Properties(metadata={"A": "b"}), id="upper case"),
        pytest.param(o.Properties(metadata={"a_b": "b"}), id="underscore"),
        pytest.param(o.Properties(metadata={"": "b"}), id="no name"),
        pytest.param(o.Properties(metadata={"a\r\nx": "b"}), id="line break in a name"),
        pytest.param(o.Properties(metadata={"a" * 65: "b"}), id="65 characters"),
        pytest.param(o.Properties(metadata={str(n): "" for n in range(33)}), id="33 names"),
        pytest.param(o.Properties(metadata={"a": "b" * 2048}), id="over 2 KB"),
        pytest.param(o.Properties(content_type="text/html\r\nset-cookie: a=b"), id="line break in a type"),
        pytest.param(o.Properties(content_disposition="é"), id="not ASCII"),
        pytest.param(o.Properties(cache_control="a\x7f"), id="control character"),
    ],
)
async def test_what_no_header_can_be_is_refused(objects: Objects, properties: o.Properties) -> None:
    """CONTRACT, ObjectStore 7: malformed properties are INVALID_ARGUMENT, and nothing is stored."""
    await objects.refuses_write(InvalidArgument, objects.put("k", b"x", properties=properties))
    assert await objects.head("k") is None


async def test_an_object_expires(objects: Objects) -> None:
    """CONTRACT, common: an expired object is gone from every read at once; a Put without a ttl removes one."""
    objects.needs("ttl")
    await objects.put("k", b"x", ttl=duration(0.02))
    await objects.put("stays", b"x", ttl=duration(0.02))
    await objects.put("stays", b"y")
    await objects.put("later", b"x", ttl=duration(LONG))
    later = await objects.head("later")
    assert later is not None
    assert later.HasField("expires_at")
    await objects.gone("k")
    assert await objects.data("k") is None
    assert await objects.names() == ["later", "stays"]
    if objects.capabilities.declares("conditional_write"):
        await objects.put("k", b"again", if_none_match="*")
    assert not (await objects.copy("gone", "copy")).found
