"""What the tests of Transact ask for."""

import pytest

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.transact.dsl import Transact

__all__ = ["transact"]


@pytest.fixture
def transact(caller: Caller) -> Transact:
    """Transact in a namespace of the test's own; the tables are those of the store."""
    return Transact(caller)
