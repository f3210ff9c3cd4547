"""What the tests of Queue ask for."""

from collections.abc import AsyncIterator

import pytest_asyncio

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.queue.dsl import Queue

__all__ = ["queue"]


@pytest_asyncio.fixture(loop_scope="session")
async def queue(caller: Caller) -> AsyncIterator[Queue]:
    """Queue in a namespace of the test's own."""
    queue = Queue(caller)
    yield queue
    await queue.streams.close()
