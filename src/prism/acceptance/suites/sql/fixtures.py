"""What the tests of Sql ask for."""

import pytest

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.sql.dsl import Sql

__all__ = ["sql"]


@pytest.fixture
def sql(caller: Caller) -> Sql:
    """Sql in a namespace of the test's own; the database is shared, so tables have names of their own."""
    return Sql(caller)
