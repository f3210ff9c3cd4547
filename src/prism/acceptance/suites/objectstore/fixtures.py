"""What the tests of ObjectStore ask for."""

import pytest

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.objectstore.dsl import Objects

__all__ = ["objects"]


@pytest.fixture
def objects(caller: Caller) -> Objects:
    """ObjectStore in a namespace of the test's own."""
    return Objects(caller)
