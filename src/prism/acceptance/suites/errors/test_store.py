"""A store that is gone: reads and writes are told so at once."""

from prism.acceptance.suites.errors.troubles import down
from prism.acceptance.suites.outage.breakable_items import FrailItems


async def test_a_store_that_is_down_is_unavailable_at_once(frail: FrailItems) -> None:
    """CONTRACT, errors: BACKEND_UNAVAILABLE, the store does not answer: at once, with what helps, in read and write."""
    await down(frail, lambda: frail.put(1), lambda: frail.read(1))
