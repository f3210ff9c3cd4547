"""The gateway's counters match the calls of a cache."""

from prism.acceptance.suites.honesty.gateways import calls
from prism.acceptance.suites.outage.breakable_entries import FrailEntries
from prism.errors import InvalidArgument
from prism.interfaces.cache import GetRequest


async def test_counters_match_what_was_done(frail_entries: FrailEntries) -> None:
    """RFC-008, metrics: every call is counted once, under the status that its caller was given."""
    for number in range(7):
        await frail_entries.put(number)
    for number in range(5):
        await frail_entries.read(number)
    for _ in range(3):
        await frail_entries.cache.refused(InvalidArgument, "Get", GetRequest(key=b"k" * 1025))
    gateways, namespace = frail_entries.rig.gateways, frail_entries.cache.namespace
    assert await calls(gateways, namespace, "Set") == {"OK": 7}
    assert await calls(gateways, namespace, "Get") == {"OK": 5, "INVALID_ARGUMENT": 3}
