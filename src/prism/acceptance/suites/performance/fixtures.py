"""What the baseline asks for."""

import pytest

from prism.acceptance.caller import Caller
from prism.acceptance.suites.keyvalue.face import KeyValue
from prism.acceptance.suites.pubsub.face import PubSub

__all__ = ["kv", "ps"]


@pytest.fixture
def kv(caller: Caller) -> KeyValue:
    """KeyValue in a namespace of the test's own."""
    return KeyValue(caller)


@pytest.fixture
def ps(caller: Caller) -> PubSub:
    """PubSub in a namespace of the test's own."""
    return PubSub(caller)
