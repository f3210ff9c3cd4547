"""Statements of callers, on a graph that is one namespace's alone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from neo4j import AsyncManagedTransaction

from prism.backends.opencypher.errors import nothing_applied
from prism.backends.opencypher.guard import Guard
from prism.backends.opencypher.link import Link
from prism.backends.opencypher.schema import Schema
from prism.backends.opencypher.values import plain, value_of
from prism.context import Context
from prism.errors import FailedPrecondition, InvalidArgument, Outcome, PrismError, Violation, answer_too_large
from prism.interfaces.value import Value
from prism.sdk.graph import Answer, QueryStore, Statement

_OWNER: Final = "MATCH (n:_PrismOwner {_id: 'owner'}) RETURN n._ns"
_CLAIM: Final = "MERGE (n:_PrismOwner {_id: 'owner'}) ON CREATE SET n._ns = $ns RETURN n._ns"
_RELEASE: Final = "MATCH (n:_PrismOwner {_id: 'owner', _ns: $ns}) DELETE n"
_STRANGERS: Final = "MATCH (n:_PrismNode) WHERE (n._ns < $ns OR n._ns > $ns) AND n._id IS NOT NULL RETURN n._ns LIMIT 1"


class Owner:
    """Whose the whole database is, where statements of callers are let in."""

    def __init__(self, link: Link, schema: Schema) -> None:
        self._link = link
        self._schema = schema

    async def claim(self, context: Context, space: str) -> None:
        """Takes the database for one namespace.

        Raises:
            FailedPrecondition: it is another one's, or another one has nodes in it.
        """

        await self._schema.owner(context)
        for (other,) in await self._link.rows(context, _STRANGERS, ns=space):
            raise _taken(str(other))
        owner = await self._link.write(context, lambda transaction: _take(transaction, space))
        if owner != space:
            raise _taken(owner)

    async def respect(self, context: Context, space: str) -> None:
        """Passes a namespace that lets no statements in; what it had claimed is free again.

        Raises:
            FailedPrecondition: the database is another one's alone.
        """

        async def give_back(transaction: AsyncManagedTransaction) -> None:
            await (await transaction.run(_RELEASE, ns=space)).consume()

        for (owner,) in await self._link.rows(context, _OWNER):
            if owner != space:
                raise _taken(str(owner))
            await self._link.write(context, give_back)


class OpenCypherQueries(QueryStore):
    """`prism.sdk.graph.QueryStore` on one database.

    Args:
        link: by the user that statements run as.
        prefix: begins the names under which namespaces are kept.
    """

    def __init__(self, link: Link, prefix: str) -> None:
        self._link = link
        self._prefix = prefix
        self.guard = Guard(link)

    @asynccontextmanager
    async def read(self, statement: Statement, context: Context) -> AsyncIterator[Answer]:
        params = _params(statement)
        await self.guard.look(statement.text, params, context)
        async with self._link.reading(context, statement.text, params, of_caller=True) as records:

            async def rows() -> AsyncIterator[Sequence[Value]]:
                async for row in records:
                    yield [*map(value_of, row)]

            yield Answer(records.columns, rows())

    async def write(
        self, statement: Statement, context: Context, most: int
    ) -> tuple[Sequence[str], Sequence[Sequence[Value]]]:
        with nothing_applied():
            params = _params(statement)
            await self.guard.look(statement.text, params, context)
        space = self._prefix + context.namespace

        async def work(transaction: AsyncManagedTransaction) -> tuple[Sequence[str], Sequence[Sequence[Value]]]:
            result = await transaction.run(statement.text, params)
            rows: list[Sequence[Value]] = []
            columns = result.keys()
            size = sum(len(each.encode()) + _FRAMING for each in columns)
            if size > most:
                raise _too_large(size, most)
            async for record in result:
                values = [*map(value_of, record.values())]
                size += sum(each.ByteSize() + _FRAMING for each in values)
                if size > most:
                    raise _too_large(size, most)
                rows.append(values)
            owner = await _take(transaction, space)  # which the statement may have deleted
            if owner != space:
                raise _taken(owner)
            return columns, rows

        return await self._link.write(context, work, of_caller=True)


async def _take(transaction: AsyncManagedTransaction, space: str) -> str:
    """Takes the database where it is not taken; whose it is then."""
    return str((await (await transaction.run(_CLAIM, ns=space)).values())[0][0])


_FRAMING: Final = 10
"""Bytes that a column, or a value and its row, need besides, at most."""


def _too_large(size: int, most: int) -> PrismError:
    error = answer_too_large(size, most)
    error.outcome = Outcome.NOT_APPLIED
    return error


def _params(statement: Statement) -> dict[str, Any]:
    found = {}
    for name, value in statement.params.items():
        try:
            found[name] = plain(value)
        except TypeError as error:
            violation = Violation(f"params[{name[:40]!r}]", "decimal or other", "Neo4j has no such values")
            raise InvalidArgument(str(violation), violations=[violation]) from error
    return found


def _taken(owner: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"the database is the namespace {owner!r}'s, or has its nodes: a graph that statements are let into (`query`) "
        "is one namespace's alone; configure another database",
        outcome=Outcome.NOT_APPLIED,
    )
