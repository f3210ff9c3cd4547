"""How long a cache takes, as a multiple of a refused call, which goes the same way but to no store."""

from collections.abc import Callable

import pytest

from prism.acceptance.suites.cache.dsl import Cache
from prism.acceptance.suites.performance.median import median
from prism.errors import InvalidArgument
from prism.interfaces.cache import GetRequest

pytestmark = pytest.mark.ways("grpc")  # one way is enough: the figure is about what lies behind it


async def test_baseline(cache: Cache, figure: Callable[[str, float], None]) -> None:
    """RFC-008, performance baseline: a Get and a Set, as multiples of a call that is refused before the store."""
    await cache.set(b"k", b"v" * 100)
    bad = GetRequest(key=b"k" * 1025)
    refused = await median(lambda: cache.refused(InvalidArgument, "Get", bad))
    get = await median(lambda: cache.get(b"k"))
    set_ = await median(lambda: cache.set(b"k", b"v" * 100))
    assert await cache.get(b"k") == b"v" * 100
    figure("get / refused", round(get / refused, 2))
    figure("set / refused", round(set_ / refused, 2))
