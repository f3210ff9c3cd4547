"""ClickHouse for tests: its engine (chDB) behind an HTTP listener of the tests' own, or a server that runs already."""

from prism.backends.clickhouse.testing.backend import ClickHouseTestBackend
from prism.backends.clickhouse.testing.engine import Engine

__all__ = ["ClickHouseTestBackend", "Engine"]
