"""What the tests of Queue ask for."""

import pytest

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.queue.dsl import Queue

__all__ = ["queue"]


@pytest.fixture
def queue(caller: Caller) -> Queue:
    """Queue in a namespace of the test's own."""
    return Queue(caller)
