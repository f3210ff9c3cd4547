"""A store that is gone: who publishes and who wants to listen are told so at once."""

import pytest

from prism.acceptance.suites.outage.frail_topics import FrailTopics
from prism.errors import PrismError


async def test_a_store_that_is_down_is_unavailable_at_once(frail_topics: FrailTopics) -> None:
    """CONTRACT, errors: BACKEND_UNAVAILABLE, the store does not answer: at once, to publishers and subscribers."""
    frail_topics.needs("kill")
    await frail_topics.recovered()
    await frail_topics.rig.store.kill()
    try:
        for _ in range(3):
            with pytest.raises(PrismError) as caught:
                await frail_topics.publish(1)
            assert (caught.value.code.name, caught.value.reason) == ("UNAVAILABLE", "BACKEND_UNAVAILABLE")
            assert caught.value.outcome is not None
            with pytest.raises(PrismError) as caught:
                async with frail_topics.ps.listening("t"):
                    pass
            assert (caught.value.code.name, caught.value.reason) == ("UNAVAILABLE", "BACKEND_UNAVAILABLE")
            assert caught.value.message
    finally:
        await frail_topics.rig.store.start()
    await frail_topics.recovered()
