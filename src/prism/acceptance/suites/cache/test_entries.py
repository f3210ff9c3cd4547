"""Entries: stored, read, removed; which modes store what."""

import pytest

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.cache.dsl import OPERATIONS, Cache
from prism.errors import InvalidArgument
from prism.interfaces.cache import DeleteRequest, GetRequest, MGetRequest, SetMode, SetRequest

ALWAYS, IF_ABSENT, IF_PRESENT = (
    SetMode.CACHE_SET_MODE_ALWAYS,
    SetMode.CACHE_SET_MODE_IF_ABSENT,
    SetMode.CACHE_SET_MODE_IF_PRESENT,
)
OCTETS = bytes(range(256))


async def test_a_value_is_read_as_it_was_set(cache: Cache) -> None:
    """CONTRACT, Cache: keys and values carry any octet, and an empty value is a value."""
    assert await cache.set(OCTETS, OCTETS)
    assert await cache.set(b"empty", b"")
    assert await cache.get(OCTETS) == OCTETS
    assert await cache.get(b"empty") == b""


async def test_a_missing_key_is_no_error(cache: Cache) -> None:
    """CONTRACT, common: a missing thing in a read is data."""
    assert await cache.get(b"missing") is None
    assert await cache.get_many(b"missing") == []
    assert await cache.exists(b"missing") == []
    assert await cache.delete(b"missing") == 0


async def test_set_replaces(cache: Cache) -> None:
    """CONTRACT, Set: the last one counts, in mode ALWAYS as without one."""
    await cache.set(b"k", b"1")
    assert await cache.set(b"k", b"2", mode=ALWAYS)
    assert await cache.get(b"k") == b"2"


async def test_if_absent_stores_only_what_is_missing(cache: Cache) -> None:
    """CONTRACT, Set: IF_ABSENT leaves a key that is there, and says so."""
    assert await cache.set(b"k", b"1", mode=IF_ABSENT)
    assert not await cache.set(b"k", b"2", mode=IF_ABSENT)
    assert await cache.get(b"k") == b"1"


async def test_if_present_stores_only_what_is_there(cache: Cache) -> None:
    """CONTRACT, Set: IF_PRESENT makes no key, and says so."""
    assert not await cache.set(b"k", b"1", mode=IF_PRESENT)
    assert await cache.get(b"k") is None
    await cache.set(b"k", b"1")
    assert await cache.set(b"k", b"2", mode=IF_PRESENT)
    assert await cache.get(b"k") == b"2"


async def test_many_are_read_in_the_order_asked(cache: Cache) -> None:
    """CONTRACT, MGet and Exists: what is found, in the order asked, as often as it is asked for."""
    for key in (b"a", b"b", b"c"):
        await cache.set(key, key * 2)
    assert await cache.get_many(b"c", b"missing", b"a", b"c") == [(b"c", b"cc"), (b"a", b"aa"), (b"c", b"cc")]
    assert await cache.exists(b"c", b"missing", b"a") == [b"c", b"a"]


async def test_delete_counts_each_key_once(cache: Cache) -> None:
    """CONTRACT, Delete: removes; what is missing or named twice is not counted."""
    await cache.set(b"a", b"1")
    await cache.set(b"b", b"1")
    assert await cache.delete(b"a", b"missing", b"a") == 1
    assert await cache.get_many(b"a", b"b") == [(b"b", b"1")]


async def test_namespaces_are_apart(cache: Cache) -> None:
    """CONTRACT, common: no namespace sees another's entries, nor removes them."""
    other = cache.elsewhere()
    await cache.set(b"k", b"1")
    assert await other.get(b"k") is None
    assert await other.delete(b"k") == 0
    assert await cache.get(b"k") == b"1"


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("Get", GetRequest(), "key"),
        ("Set", SetRequest(key=b"x" * 1025), "key"),
        ("MGet", MGetRequest(), "keys"),
        ("MGet", MGetRequest(keys=[b"x" * 1025]), "keys[0]"),
        ("Delete", DeleteRequest(), "keys"),
    ],
)
@UNTYPED
async def test_bad_requests_name_the_field(cache: Cache, method: str, request_: GetRequest, field: str) -> None:
    """CONTRACT, common: over a limit, or missing: INVALID_ARGUMENT with the field."""
    assert method in OPERATIONS
    error = await cache.refused(InvalidArgument, method, request_)
    assert [each.field for each in error.violations] == [field]


async def test_a_value_is_bounded(cache: Cache) -> None:
    """CONTRACT, common: a value is at most the backend's max_item_size; nothing is stored of a larger one."""
    large = SetRequest(key=b"k", value=bytes(cache.capabilities.max_item_size + 1))
    await cache.refused(InvalidArgument, "Set", large)
    assert await cache.get(b"k") is None
    assert await cache.set(b"k", bytes(cache.capabilities.max_item_size))


@pytest.mark.ways("binding", "process", "grpc")
async def test_an_unknown_mode_is_refused(cache: Cache) -> None:
    """proto, SetMode: a later version's mode is refused, not taken for another."""
    error = await cache.refused(InvalidArgument, "Set", SetRequest(key=b"k", value=b"1", mode=77))  # type: ignore[arg-type]  # on purpose
    assert [each.field for each in error.violations] == ["mode"]
