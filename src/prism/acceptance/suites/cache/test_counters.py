"""Increment: counters that count every caller."""

import pytest

from prism.acceptance.suites.cache.dsl import BRIEF, LONG, Cache, duration
from prism.errors import FailedPrecondition
from prism.interfaces.cache import IncrementRequest

LARGEST = (1 << 63) - 1


async def test_a_missing_counter_starts_at_zero(cache: Cache) -> None:
    """CONTRACT, Increment: the new value, up or down; Get sees its digits, and a value of digits counts on."""
    assert await cache.increment(b"k", 5) == 5
    assert await cache.increment(b"k", -7) == -2
    assert await cache.get(b"k") == b"-2"
    await cache.set(b"k", b"40")
    assert await cache.increment(b"k", 2) == 42


@pytest.mark.parametrize("value", [b"text", b"", b" 1", b"1.5", b"99999999999999999999"])
async def test_what_is_no_counter_stays(cache: Cache, value: bytes) -> None:
    """proto, Increment: a value that is not a 64-bit integer is FAILED_PRECONDITION and stays as it is."""
    await cache.set(b"k", value)
    await cache.refused(FailedPrecondition, "Increment", IncrementRequest(key=b"k", delta=1))
    assert await cache.get(b"k") == value


async def test_a_counter_does_not_overflow(cache: Cache) -> None:
    """proto, Increment: beyond 64 bits is FAILED_PRECONDITION, and the counter stays."""
    assert await cache.increment(b"k", LARGEST) == LARGEST
    await cache.refused(FailedPrecondition, "Increment", IncrementRequest(key=b"k", delta=1))
    assert await cache.get(b"k") == b"%d" % LARGEST


async def test_only_the_first_increment_sets_the_ttl(cache: Cache) -> None:
    """proto, Increment: the time to live is for a counter that the call creates; one that exists keeps its own."""
    cache.needs("ttl")
    await cache.increment(b"k", ttl=LONG)
    await cache.increment(b"k", ttl=2 * LONG)
    _, left = await cache.ttl(b"k")
    assert left is not None
    assert left <= LONG
    await cache.set(b"forever", b"1")
    assert await cache.increment(b"forever", ttl=BRIEF) == 2
    assert await cache.ttl(b"forever") == (True, None)


async def test_an_expired_counter_starts_again(cache: Cache) -> None:
    """CONTRACT, common: an expired counter is gone from Increment too."""
    cache.needs("ttl")
    await cache.call("Increment", IncrementRequest(key=b"k", delta=7, ttl=duration(BRIEF)))
    await cache.gone(b"k")
    assert await cache.increment(b"k") == 1
