"""What the tests of the lifecycle ask for: the plugin in a process of its own, spoken to by prism.plugin.v1."""

from collections.abc import AsyncIterator

import pytest_asyncio

from prism.acceptance.run.environment import Environment
from prism.acceptance.skips import not_applicable
from prism.acceptance.subject import Subject
from prism.host.testing import RunningPlugin, running

__all__ = ["plugin", "subject"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def subject(breakable_environment: Environment) -> Subject:
    """The plugin on a place of its own."""
    if not breakable_environment.harness.command():
        not_applicable(
            "what is tested runs already, or the manifest names nothing that could run in a process of its own"
        )
    return await breakable_environment.subject("lifecycle")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def plugin(subject: Subject) -> AsyncIterator[RunningPlugin]:
    """The plugin's process, one instance started; a test that ends it starts one of its own."""
    async with running(subject.command, subject.config, subject.credentials) as started:
        yield started
