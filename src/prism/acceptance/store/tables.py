"""Tables that Prism did not make, for tests of what writes and reads such tables: in the dialects of SQL stores."""

from collections.abc import Mapping
from types import MappingProxyType


def statements(identity: str) -> tuple[str, ...]:
    """What makes them.

    Args:
        identity: the type and the constraints of a number that the store gives.
    """
    return (
        """CREATE TABLE accounts (
            id text PRIMARY KEY, owner text NOT NULL, balance bigint NOT NULL DEFAULT 0,
            CONSTRAINT never_below CHECK (balance >= 0)
        )""",
        f"""CREATE TABLE "Entries" (
            number {identity}, account text NOT NULL REFERENCES accounts (id), "Amount" bigint NOT NULL, note text,
            doubled bigint GENERATED ALWAYS AS ("Amount" * 2) STORED, UNIQUE (account, note)
        )""",
        "CREATE VIEW rich AS SELECT id, balance FROM accounts WHERE balance > 1000",
    )


READER: Mapping[str, object] = MappingProxyType(
    {
        "every_table": True,
        "max_scan": 50,
        "collections": {
            "owners": {"table": "accounts", "columns": ["id", "owner"]},
            "wealthy": {"table": "rich", "key": ["id"], "unique": "trusted", "indexes_only": False},
            "entries": {"table": "Entries", "indexes_only": False},
        },
    }
)
"""Options of Reader: every table, and some of them once more under other rules; a page looks at few rows."""
