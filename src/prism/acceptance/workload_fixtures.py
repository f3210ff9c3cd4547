"""What the tests of suites about every abstraction ask for: one as a workload, on a store that is well or breakable."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from prism.acceptance.breakable import Breakable
from prism.acceptance.callers.caller import Caller
from prism.acceptance.collectors import SuiteModule
from prism.acceptance.run.environment import Environment
from prism.acceptance.workload import Workload, workload_of

__all__ = ["breakable", "workload"]


@pytest.fixture
def workload(caller: Caller, request: pytest.FixtureRequest) -> Workload:
    """The abstraction that the module is about, in a namespace of the test's own."""
    return workload_of(interface_of(request), caller)


@pytest_asyncio.fixture(loop_scope="session")
async def breakable(breakable_environment: Environment, request: pytest.FixtureRequest) -> AsyncIterator[Breakable]:
    """The abstraction that the module is about, on that store."""
    async with breakable_environment.open("grpc", interface_of(request)) as caller:
        yield Breakable(breakable_environment, workload_of(interface_of(request), caller))


def interface_of(request: pytest.FixtureRequest) -> str:
    """The abstraction that a test's module is about."""
    module = request.node.getparent(SuiteModule)
    assert module is not None
    interface: str = module.interface
    return interface
