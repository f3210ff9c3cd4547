"""How many random values and filters a run tries."""

import pytest

WHOLE_VALUES = 1_000_000
WHOLE_PAIRS = 100_000
SAMPLE = 0.002


@pytest.fixture(scope="session")
def share(request: pytest.FixtureRequest) -> float:
    """All of them under `--matrix whole`, the default, in some minutes; a few in `make test` and `make check`."""
    return 1.0 if request.config.getoption("--matrix") == "whole" else SAMPLE
