"""The suite as the harness finds it."""

from prism.acceptance.suite import Suite
from prism.acceptance.suites.sql.through_client import SqlThroughClient

SUITE = Suite("sql", "Sql", interface="sql", client=SqlThroughClient())
