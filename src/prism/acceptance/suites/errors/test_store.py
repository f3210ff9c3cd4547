"""A store that is gone: reads and writes are told so at once."""

import pytest

from prism.acceptance.suites.outage.frail import Frail
from prism.errors import PrismError


async def test_a_store_that_is_down_is_unavailable_at_once(frail: Frail) -> None:
    """CONTRACT, errors: BACKEND_UNAVAILABLE, the store does not answer: at once, with what helps, in read and write."""
    frail.needs("kill")
    await frail.recovered()
    await frail.rig.store.kill()
    try:
        for _ in range(3):
            with pytest.raises(PrismError) as caught:
                await frail.put(1)
            assert (caught.value.code.name, caught.value.reason) == ("UNAVAILABLE", "BACKEND_UNAVAILABLE")
            assert caught.value.outcome is not None
            with pytest.raises(PrismError) as caught:
                await frail.kv.get("r1", b"k")
            assert (caught.value.code.name, caught.value.reason) == ("UNAVAILABLE", "BACKEND_UNAVAILABLE")
            assert caught.value.message
    finally:
        await frail.rig.store.start()
    await frail.recovered()
