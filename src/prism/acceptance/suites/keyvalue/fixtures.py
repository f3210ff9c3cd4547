"""What the tests of KeyValue ask for."""

import pytest

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.keyvalue.dsl import KeyValue

__all__ = ["kv"]


@pytest.fixture
def kv(caller: Caller) -> KeyValue:
    """KeyValue in a namespace of the test's own."""
    return KeyValue(caller)
