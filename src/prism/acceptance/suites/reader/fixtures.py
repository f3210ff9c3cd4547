"""What the tests of Reader ask for."""

import pytest

from prism.acceptance.callers.caller import Caller
from prism.acceptance.callers.table import WITHOUT_GATEWAYS
from prism.acceptance.run.environment import GATEWAYS, Environment
from prism.acceptance.skips import not_here
from prism.acceptance.store.backend import Tabled
from prism.acceptance.suites.reader.dsl import Rows

__all__ = ["rows"]


@pytest.fixture
def rows(caller: Caller, environment: Environment) -> Rows:
    """Reader in a namespace of the test's own; the tables are those of the store, and a test makes more."""
    store = environment.store
    if not isinstance(store, Tabled):
        not_here("tests make tables of their own, which the configured store does not let them")
    return Rows(caller, store, caller.name if caller.name in WITHOUT_GATEWAYS else GATEWAYS)
