"""What the tests of Graph ask for."""

import pytest

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.graph.dsl import Graph

__all__ = ["graph"]


@pytest.fixture
def graph(caller: Caller) -> Graph:
    """Graph in a namespace of the test's own."""
    return Graph(caller)
