"""What the tests of authentication ask for: a store that takes credentials, which a test may change."""

from collections.abc import AsyncIterator

import pytest_asyncio

from prism.acceptance.run.environment import Rig, Rigs
from prism.acceptance.skips import not_applicable
from prism.acceptance.store.backend import TestBackend
from prism.acceptance.subject import Subject

__all__ = ["guarded", "store"]


@pytest_asyncio.fixture(loop_scope="session")
async def store(rig: Rig, rigs: Rigs) -> AsyncIterator[TestBackend]:
    """A store that may be changed at will; it is well again for the next test."""
    if not rig.harness.command():
        not_applicable(
            "what is tested runs already, or the manifest names nothing that could run in a process of its own"
        )
    if not rig.store.credentials():
        not_applicable(rig.store.lacks.get("rotate_credentials", "the store takes no credentials"))
    yield (await rigs.frail(rig.harness)).store


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(rig: Rig, store: TestBackend) -> Subject:
    """The plugin on that store, with credentials that are right when the test begins."""
    config = {**await store.connection_config("authentication"), **rig.harness.config}
    return Subject(rig.harness.plugin, config, store.credentials(), command=rig.harness.command())
