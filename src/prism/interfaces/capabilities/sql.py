"""What a backend's Sql can do."""

from typing import Literal

from prism.interfaces.capabilities.base import Capabilities


class SqlCapabilities(Capabilities):
    """What a backend's Sql can do.

    Attributes:
        dialect: of statements and placeholders.
        transactions: several statements are one transaction, `Batch`.
        autocommit: statements that refuse a transaction may be run outside one.
    """

    dialect: Literal["none", "sqlite", "postgresql", "clickhouse"] = "none"
    transactions: bool = False
    autocommit: bool = False
