"""The same of a plugin that serves PubSub: its calls are counted as they ended, its health follows the store."""

from prism.acceptance.suites.honesty.gateways import calls, ready
from prism.acceptance.suites.outage.breakable_topics import FrailTopics
from prism.errors import InvalidArgument
from prism.interfaces.pubsub import PublishRequest


async def test_counters_match_what_was_done(frail_topics: FrailTopics) -> None:
    """RFC-008, metrics: every call is counted once, under the status that its caller was given."""
    ps, gateways = frail_topics.ps, frail_topics.rig.gateways
    for number in range(7):
        await frail_topics.publish(number)
    for _ in range(3):
        await ps.refused(InvalidArgument, "Publish", PublishRequest(topic=""))
    assert await calls(gateways, ps.namespace, "Publish") == {"OK": 7, "INVALID_ARGUMENT": 3}


async def test_health_follows_the_store(frail_topics: FrailTopics) -> None:
    """RFC-008, HealthCheck: unhealthy soon after the store has died, healthy again by itself after its return."""
    frail_topics.needs("kill")
    ps, gateways = frail_topics.ps, frail_topics.rig.gateways
    await ready(gateways, ps.namespace, 200)
    await frail_topics.rig.store.kill()
    try:
        assert frail_topics.rig.harness.name in await ready(gateways, ps.namespace, 503)
    finally:
        await frail_topics.rig.store.start()
    await ready(gateways, ps.namespace, 200)
    await frail_topics.recovered()
