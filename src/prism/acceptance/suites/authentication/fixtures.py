"""What the tests of authentication ask for: a store that takes credentials, which a test may change."""

import pytest_asyncio

from prism.acceptance.run.environment import Environment
from prism.acceptance.skips import not_applicable
from prism.acceptance.store.backend import TestBackend
from prism.acceptance.subject import Subject

__all__ = ["guarded", "store"]


@pytest_asyncio.fixture(loop_scope="session")
async def store(breakable_environment: Environment) -> TestBackend:
    """A store that may be changed at will; it is well again for the next test."""
    environment = breakable_environment
    if not environment.harness.command():
        not_applicable(
            "what is tested runs already, or the manifest names nothing that could run in a process of its own"
        )
    if not environment.store.credentials():
        not_applicable(environment.store.lacks.get("rotate_credentials", "the store takes no credentials"))
    return environment.store


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(breakable_environment: Environment, store: TestBackend) -> Subject:
    """The plugin on that store, with credentials that are right when the test begins."""
    harness = breakable_environment.harness
    config = {**await store.connection_config("authentication"), **harness.config}
    return Subject(harness.plugin, config, store.credentials(), command=harness.command(), store=store)
