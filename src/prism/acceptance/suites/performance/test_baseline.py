"""How long a read and a write take, as a multiple of a refused call, which goes the same way but to no store."""

import time
from collections.abc import Awaitable, Callable

import pytest

from prism.acceptance.suites.keyvalue.face import KeyValue
from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import GetRequest

CALLS = 100

pytestmark = pytest.mark.ways("grpc")  # one way is enough: the figure is about what lies behind it


async def median(call: Callable[[], Awaitable[object]]) -> float:
    """The median of the seconds that the call takes, one after another."""
    taken = []
    for _ in range(CALLS):
        start = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - start)
    return sorted(taken)[CALLS // 2]


async def test_baseline(kv: KeyValue, figure: Callable[[str, float], None]) -> None:
    """RFC-008, performance baseline: a Get and a Put, as multiples of a call that is refused before the store."""
    await kv.put("r", {b"k": b"v" * 100})
    bad = GetRequest(id="", keys=[b"k"])
    refused = await median(lambda: kv.refused(InvalidArgument, "Get", bad))
    get = await median(lambda: kv.get("r", b"k"))
    put = await median(lambda: kv.put("r", {b"k": b"v" * 100}))
    assert await kv.values("r", b"k") == {b"k": b"v" * 100}
    figure("get / refused", round(get / refused, 2))
    figure("put / refused", round(put / refused, 2))
