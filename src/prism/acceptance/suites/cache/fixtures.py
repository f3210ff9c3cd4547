"""What the tests of Cache ask for."""

import pytest

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.cache.dsl import Cache

__all__ = ["cache"]


@pytest.fixture
def cache(caller: Caller) -> Cache:
    """Cache in a namespace of the test's own."""
    return Cache(caller)
