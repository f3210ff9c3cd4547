"""Time to live: how an entry gets one, changes it and loses it."""

import pytest

from prism.acceptance.suites.cache.dsl import BRIEF, LONG, Cache
from prism.interfaces.cache import SetMode


@pytest.fixture(autouse=True)
def ttl_declared(cache: Cache) -> None:
    """These tests are about backends that declare `ttl`."""
    cache.needs("ttl")


async def test_an_expired_entry_is_gone_from_every_read(cache: Cache) -> None:
    """CONTRACT, common: an expired item is gone from every read at once."""
    await cache.set(b"k", b"1", ttl=BRIEF)
    await cache.gone(b"k")
    assert await cache.get(b"k") is None
    assert await cache.get_many(b"k") == []
    assert await cache.exists(b"k") == []
    assert await cache.delete(b"k") == 0
    assert not await cache.expire(b"k", LONG)


async def test_an_expired_entry_is_absent_for_modes(cache: Cache) -> None:
    """CONTRACT, Set: what has expired is absent."""
    await cache.set(b"k", b"1", ttl=BRIEF)
    await cache.gone(b"k")
    assert not await cache.set(b"k", b"2", mode=SetMode.CACHE_SET_MODE_IF_PRESENT)
    assert await cache.set(b"k", b"2", mode=SetMode.CACHE_SET_MODE_IF_ABSENT)


async def test_ttl_tells_what_is_left(cache: Cache) -> None:
    """CONTRACT, Ttl: seconds left, nothing for an entry that does not expire, and whether it exists."""
    await cache.set(b"some", b"1", ttl=LONG)
    await cache.set(b"never", b"1")
    exists, left = await cache.ttl(b"some")
    assert exists
    assert left is not None
    assert LONG - 60 < left <= LONG
    assert await cache.ttl(b"never") == (True, None)
    assert await cache.ttl(b"missing") == (False, None)


async def test_set_without_ttl_clears_one(cache: Cache) -> None:
    """proto, Set: without ttl it stays, whatever time to live the key had."""
    await cache.set(b"k", b"1", ttl=LONG)
    await cache.set(b"k", b"2")
    assert await cache.ttl(b"k") == (True, None)


async def test_a_refused_set_leaves_the_ttl(cache: Cache) -> None:
    """proto, Set: where the mode does not allow it nothing has changed, the time to live neither."""
    await cache.set(b"k", b"1", ttl=LONG)
    assert not await cache.set(b"k", b"2", mode=SetMode.CACHE_SET_MODE_IF_ABSENT)
    _, left = await cache.ttl(b"k")
    assert left is not None


async def test_expire_gives_and_replaces_a_ttl(cache: Cache) -> None:
    """CONTRACT, Expire: a new time to live, longer or shorter; whether the key existed."""
    await cache.set(b"k", b"1")
    assert await cache.expire(b"k", LONG)
    _, left = await cache.ttl(b"k")
    assert left is not None
    assert await cache.expire(b"k", BRIEF)
    await cache.gone(b"k")
    assert not await cache.expire(b"missing", LONG)
