"""What the tests of outages ask for: a store of their own to break, and callers who go on through it all."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from prism.acceptance.breakable import needs
from prism.acceptance.callers.binding import open_binding
from prism.acceptance.measure import Measure
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.run.environment import Environment
from prism.acceptance.skips import not_applicable
from prism.acceptance.store.backend import Networked
from prism.acceptance.store.proxy import Proxy
from prism.acceptance.suites.outage.outage import Outcome, Trouble, through
from prism.acceptance.suites.outage.proxied import Proxied
from prism.acceptance.workload import workload_of
from prism.acceptance.workload_fixtures import interface_of

__all__ = ["outage_by", "proxied"]


@pytest_asyncio.fixture(loop_scope="session")
async def outage_by(
    breakable_environment: Environment, request: pytest.FixtureRequest, measure: Measure
) -> Callable[[str, Trouble], Awaitable[Outcome]]:
    """Makes an outage, unless another abstraction's test has made it; what came of this abstraction's writes.

    Its first argument is the store's method that it takes; without it the test is skipped for the store's reason.
    """
    broken = breakable_environment

    async def make(method: str, trouble: Trouble) -> Outcome:
        needs(broken, method)
        outcomes = await broken.once(trouble.__name__, lambda: through(broken, trouble))
        outcome = outcomes[interface_of(request)]
        if isinstance(outcome, BaseException):
            raise outcome
        for name, value in outcome.measurements.items():
            measure(name, value)
        assert isinstance(outcome, Outcome)
        return outcome

    return make


@pytest_asyncio.fixture(loop_scope="session")
async def proxied(breakable_environment: Environment, request: pytest.FixtureRequest) -> AsyncIterator[Proxied]:
    """A backend in this process whose way to the store a test may disturb."""
    environment, interface = breakable_environment, interface_of(request)
    store = environment.store
    if not isinstance(store, Networked):
        not_applicable("the store is not reached by TCP: no proxy fits between")
    if environment.harness.placement != "in_process":
        not_applicable("what lies between plugin and store is the same in every placement")
    async with Proxy(*store.address) as proxy:
        place = f"{interface}-connections"
        subject = await environment.subject(place)
        config = {**await store.connection_through(proxy.port, place), **environment.harness.config}
        async with open_binding(replace(subject, config=config), Namespaces(interface)) as caller:
            yield Proxied(proxy, workload_of(interface, caller))
