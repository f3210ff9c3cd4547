"""What the tests of authentication ask for: a store that takes credentials, which a test may change."""

from collections.abc import AsyncIterator

import pytest_asyncio

from prism.acceptance.run.environment import Environment, Environments
from prism.acceptance.skips import not_applicable
from prism.acceptance.store.backend import TestBackend
from prism.acceptance.subject import Subject

__all__ = ["guarded", "store"]


@pytest_asyncio.fixture(loop_scope="session")
async def store(environment: Environment, environments: Environments) -> AsyncIterator[TestBackend]:
    """A store that may be changed at will; it is well again for the next test."""
    if not environment.harness.command():
        not_applicable(
            "what is tested runs already, or the manifest names nothing that could run in a process of its own"
        )
    if not environment.store.credentials():
        not_applicable(environment.store.lacks.get("rotate_credentials", "the store takes no credentials"))
    yield (await environments.breakable(environment.harness)).store


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(environment: Environment, store: TestBackend) -> Subject:
    """The plugin on that store, with credentials that are right when the test begins."""
    config = {**await store.connection_config("authentication"), **environment.harness.config}
    return Subject(environment.harness.plugin, config, store.credentials(), command=environment.harness.command())
