"""Constraints and indexes: made before what they are about, so that no race can make a thing twice.

Nodes have one constraint for all; each label has an index that its nodes are listed by, and each type of edges a
constraint on `_id` and an index on `_in`, which edges are read by from either end.
"""

import asyncio
from collections.abc import Collection, Iterable
from typing import Final

from neo4j import AsyncManagedTransaction
from neo4j.exceptions import Neo4jError

from prism.backends.opencypher.errors import code_of
from prism.backends.opencypher.link import Link
from prism.backends.opencypher.names import NODE, quoted
from prism.context import Context
from prism.errors import PrismError

_NODES: Final = "CREATE CONSTRAINT IF NOT EXISTS FOR (n:{0}) REQUIRE (n._ns, n._id) IS UNIQUE"
_LABEL: Final = "CREATE INDEX IF NOT EXISTS FOR (n:{0}) ON (n._ns, n._id)"
_TYPE: Final = (
    "CREATE CONSTRAINT IF NOT EXISTS FOR ()-[r:{0}]-() REQUIRE r._id IS UNIQUE",
    "CREATE INDEX IF NOT EXISTS FOR ()-[r:{0}]-() ON (r._in)",
)
_FILLED: Final = """
SHOW INDEXES YIELD name, state, labelsOrTypes
WHERE state <> 'ONLINE' AND any(each IN labelsOrTypes WHERE each IN $names)
RETURN name
"""
_ONLINE: Final = "CALL db.awaitIndex($name, 300)"
_ALREADY: Final = "AlreadyExists"
_ATTEMPTS: Final = 5
_PAUSE: Final = 0.1
"""Seconds after the first attempt at what another gateway makes; after each further one twice as many."""


class Schema:
    """What is made of constraints and indexes in one database."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._made: set[str] = set()
        self._one_at_a_time = asyncio.Lock()

    async def nodes(self, context: Context) -> None:
        """Makes what all nodes need."""
        await self._have(context, [NODE], [_NODES])

    async def labels(self, context: Context, labels: Collection[str]) -> None:
        """Makes what nodes with these labels, as the server has them, need."""
        await self._have(context, labels, [_LABEL])

    async def types(self, context: Context, types: Collection[str]) -> None:
        """Makes what edges of these types need."""
        await self._have(context, types, _TYPE)

    async def _have(self, context: Context, names: Collection[str], lines: Collection[str]) -> None:
        statements = {line.format(quoted(each)): each for each in names for line in lines}
        if self._made.issuperset(statements):
            return
        async with self._one_at_a_time:
            new = {line: name for line, name in statements.items() if line not in self._made}
            if new:
                await self._make(context, new)
                for (index,) in await self._link.rows(context, _FILLED, names=[*new.values()]):
                    await self._link.rows(context, _ONLINE, name=index)
                self._made.update(new)

    async def _make(self, context: Context, statements: Iterable[str]) -> None:
        async def work(transaction: AsyncManagedTransaction) -> None:
            for each in statements:
                await (await transaction.run(each)).consume()

        for number in range(_ATTEMPTS):
            last = number == _ATTEMPTS - 1
            try:
                await self._link.write(context, work)
                break
            except PrismError as error:
                # Another gateway made it after this one had looked, or makes it: its index is there before it is.
                other = isinstance(error.__cause__, Neo4jError) and _ALREADY in code_of(error.__cause__)
                if not other or last:
                    raise
                await asyncio.sleep(_PAUSE * 2**number)
