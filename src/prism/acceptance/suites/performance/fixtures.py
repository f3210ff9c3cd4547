"""What the baseline asks for."""

import pytest

from prism.acceptance.caller import Caller
from prism.acceptance.suites.keyvalue.face import KeyValue

__all__ = ["kv"]


@pytest.fixture
def kv(caller: Caller) -> KeyValue:
    """KeyValue in a namespace of the test's own."""
    return KeyValue(caller)
