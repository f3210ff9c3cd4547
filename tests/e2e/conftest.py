"""How often a test of the whole repeats what must hold every time."""

from collections.abc import Callable

import pytest

FEWER = 0.3


@pytest.fixture
def often(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """So many times where the whole matrix is run, and that is the default; three tenths of it in `make test`."""
    whole = request.config.getoption("--matrix") == "whole"
    return lambda times: times if whole else round(times * FEWER)
