"""Cache under races: one caller stores what is absent, and every increment counts."""

import asyncio

from prism.acceptance.suites.cache.dsl import Cache
from prism.interfaces.cache import SetMode

IF_ABSENT = SetMode.CACHE_SET_MODE_IF_ABSENT


async def test_every_racing_caller_is_counted(cache: Cache) -> None:
    """CONTRACT, Increment: N racing callers are all counted, each with a value of its own."""
    values = await asyncio.gather(*(cache.increment(b"k") for _ in range(64)))
    assert sorted(values) == list(range(1, 65))


async def test_one_of_many_racing_callers_stores(cache: Cache) -> None:
    """CONTRACT, Set: of N racing callers with IF_ABSENT exactly one stores."""
    stored = await asyncio.gather(*(cache.set(b"k", b"%d" % n, mode=IF_ABSENT) for n in range(64)))
    assert stored.count(True) == 1
    assert await cache.get(b"k") == b"%d" % stored.index(True)
