"""A store that is gone: who publishes and who wants to listen are told so at once."""

from prism.acceptance.suites.errors.troubles import down
from prism.acceptance.suites.outage.breakable_topics import FrailTopics


async def test_a_store_that_is_down_is_unavailable_at_once(frail_topics: FrailTopics) -> None:
    """CONTRACT, errors: BACKEND_UNAVAILABLE, the store does not answer: at once, to publishers and subscribers."""

    async def listen() -> None:
        async with frail_topics.ps.listening("t"):
            pass

    await down(frail_topics, lambda: frail_topics.publish(1), listen)
