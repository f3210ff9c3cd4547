"""The rows of a statement that may write, in portions: the driver's `fetch` has all of them in memory at once, and its
cursor takes a round trip more and keeps to itself what PostgreSQL says at the end.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg


class Portal:
    """One statement that runs.

    Attributes:
        status: what PostgreSQL says at the end, `UPDATE 3`; None before.

    Args:
        prepared: the statement.
        arguments: its parameters.
    """

    def __init__(self, prepared: Any, arguments: Sequence[Any]) -> None:
        self.status: str | None = None
        self._connection = prepared._connection
        self._prepared = prepared._state
        self._arguments = arguments
        self._begun = False

    async def fetch(self, most: int) -> Sequence[asyncpg.Record]:
        """Runs it, or goes on with it: at most so many rows. Outside a transaction it cannot go on.

        Raises:
            asyncpg.PostgresError: it failed.
        """
        protocol = self._connection._protocol
        try:
            if self._begun:
                rows, status, ended = await protocol.execute(self._prepared, "", most, True, None)
            else:
                self._begun = True
                rows, status, ended = await protocol.bind_execute(self._prepared, self._arguments, "", most, True, None)
        except asyncpg.OutdatedSchemaCacheError:
            await self._connection.reload_schema_state()
            raise
        if ended:
            self.status = (status or b"").decode()
        return rows or ()
