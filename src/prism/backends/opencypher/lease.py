"""The right to change a database's schema: one gateway's at a time.

Two that make the same constraint wait for each other, and the server does not see it. Who has not the right waits with
no transaction open, and who has it may die: it ends by itself.

It is a node of each that asks, which is committed before that one looks for those of others: of two that ask at once
at least one sees the other. So it needs no constraint of its own, for an empty database has none.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from neo4j import AsyncManagedTransaction

from prism.backends.opencypher.link import Link
from prism.context import Context
from prism.errors import PrismError
from prism.sdk import Deadline

SECONDS: Final = 30.0
"""For which it is given at most, by the server's clock."""
WORK_SECONDS: Final = 25.0
"""After which what is done by it is given up: the rest is for the server to end it."""
_GIVE_BACK_SECONDS: Final = 5.0

_OTHERS: Final = "MATCH (n:_PrismLease) WHERE n.until > timestamp() AND n.holder <> $holder RETURN 1 LIMIT 1"
_ASK: Final = """
OPTIONAL MATCH (old:_PrismLease) WHERE old.until <= timestamp() OR old.holder = $holder
DELETE old
WITH count(*) AS gone
CREATE (n:_PrismLease {holder: $holder, until: timestamp() + $milliseconds})
"""
_GIVE_BACK: Final = "MATCH (n:_PrismLease {holder: $holder}) DELETE n"


class Lease:
    """Of one gateway, which asks for it in one task at a time."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._holder = secrets.token_hex(8)

    @asynccontextmanager
    async def asked(self, context: Context) -> AsyncIterator[Context | None]:
        """What is done by it is done in this context; None where it is not given. For the length of a block.

        Raises:
            PrismError: the server does not say.
        """
        if await self._others(context):
            yield None
            return
        work = Context("", Deadline.after(WORK_SECONDS))  # before the server counts
        try:
            await self._write(context, _ASK, milliseconds=round(SECONDS * 1000))
            yield None if await self._others(context) else work
        finally:
            with suppress(PrismError):  # it ends by itself
                await self._write(Context("", Deadline.after(_GIVE_BACK_SECONDS)), _GIVE_BACK)

    async def _others(self, context: Context) -> bool:
        return bool(await self._link.rows(context, _OTHERS, holder=self._holder))

    async def _write(self, context: Context, statement: str, **parameters: Any) -> None:
        async def work(transaction: AsyncManagedTransaction) -> None:
            await (await transaction.run(statement, holder=self._holder, **parameters)).consume()

        await self._link.write(context, work)
