"""What the tests of PubSub ask for."""

import pytest

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.pubsub.dsl import PubSub

__all__ = ["ps"]


@pytest.fixture
def ps(caller: Caller) -> PubSub:
    """PubSub in a namespace of the test's own."""
    return PubSub(caller)
