"""How long a read and a write take, as a multiple of a refused call, which goes the same way but to no store."""

from collections.abc import Callable

import pytest

from prism.acceptance.suites.keyvalue.dsl import KeyValue
from prism.acceptance.suites.performance.median import median
from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import GetRequest

pytestmark = pytest.mark.ways("grpc")  # one way is enough: the figure is about what lies behind it


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
