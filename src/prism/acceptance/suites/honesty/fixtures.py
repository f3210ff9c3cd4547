"""What the tests of honesty ask for: a store of their own, behind gateways whose metrics and probes they read."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest_asyncio

from prism.acceptance.breakable import Breakable
from prism.acceptance.run.environment import Environment
from prism.acceptance.workload import served_by, workload_of
from prism.acceptance.workload_fixtures import breakable

__all__ = ["all_breakable", "breakable"]


@pytest_asyncio.fixture(loop_scope="session")
async def all_breakable(breakable_environment: Environment) -> AsyncIterator[list[Breakable]]:
    """Every abstraction that the plugin serves, on one store to break."""
    broken = breakable_environment
    async with AsyncExitStack() as stack:
        yield [
            Breakable(broken, workload_of(name, await stack.enter_async_context(broken.open("grpc", name))))
            for name in served_by(broken.harness.plugin)
        ]
