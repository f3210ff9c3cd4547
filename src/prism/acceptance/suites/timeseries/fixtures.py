"""What the tests of TimeSeries ask for."""

import pytest

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.timeseries.dsl import Series

__all__ = ["series"]


@pytest.fixture
def series(caller: Caller) -> Series:
    """TimeSeries in a namespace of the test's own."""
    return Series(caller)
