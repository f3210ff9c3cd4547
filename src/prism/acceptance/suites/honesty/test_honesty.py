"""The gateway's counters match the calls that were made; its health follows the store's death and return."""

from prism.acceptance.suites.honesty.gateways import calls, ready
from prism.acceptance.suites.outage.breakable_items import FrailItems
from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import GetRequest


async def test_counters_match_what_was_done(frail: FrailItems) -> None:
    """RFC-008, metrics: every call is counted once, under the status that its caller was given."""
    for number in range(7):
        await frail.put(number)
    for number in range(5):
        await frail.kv.get(f"r{number}", b"k")
    for _ in range(3):
        await frail.kv.refused(InvalidArgument, "Get", GetRequest(id="", keys=[b"k"]))
    assert await calls(frail.rig.gateways, frail.kv.namespace, "Put") == {"OK": 7}
    assert await calls(frail.rig.gateways, frail.kv.namespace, "Get") == {"OK": 5, "INVALID_ARGUMENT": 3}


async def test_health_follows_the_store(frail: FrailItems) -> None:
    """RFC-008, HealthCheck: unhealthy soon after the store has died, healthy again by itself after its return."""
    frail.needs("kill")
    await ready(frail.rig.gateways, frail.kv.namespace, 200)
    await frail.rig.store.kill()
    try:
        reason = await ready(frail.rig.gateways, frail.kv.namespace, 503)
        assert frail.rig.harness.name in reason
    finally:
        await frail.rig.store.start()
    await ready(frail.rig.gateways, frail.kv.namespace, 200)
    await frail.recovered()
