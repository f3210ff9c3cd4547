"""The gateway's health follows the store's death and return."""

from prism.acceptance.breakable import Breakable
from prism.acceptance.skips import NO_WORKLOAD, not_applicable
from prism.acceptance.store.backend import Killable
from prism.acceptance.suites.honesty.gateways import ready


async def test_health_follows_the_store(all_breakable: list[Breakable]) -> None:
    """RFC-008, HealthCheck: unhealthy soon after the store has died, healthy again by itself after its return."""
    if not all_breakable:
        not_applicable(NO_WORKLOAD)
    first, *_ = all_breakable
    first.needs("kill")
    gateways, store = first.environment.gateways, first.environment.store
    for each in all_breakable:
        await ready(gateways, each.workload.dsl.namespace, 200)
    assert isinstance(store, Killable)
    await store.kill()
    try:
        for each in all_breakable:
            assert first.environment.harness.name in await ready(gateways, each.workload.dsl.namespace, 503)
    finally:
        await store.start()
    for each in all_breakable:
        await ready(gateways, each.workload.dsl.namespace, 200)
        await each.recovered()
