"""Graph in one schema: each step is one statement, so that one round trip carries it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import asyncpg

from prism.backends.postgres.errors import translate
from prism.backends.postgres.graph import statements
from prism.backends.postgres.graph.records import columns, node_of, read, written
from prism.backends.postgres.lane import Lane, Work
from prism.backends.postgres.sessions import Rows, Session, Sessions
from prism.backends.postgres.statements import Statement
from prism.context import Context
from prism.errors import DeadlineExceeded, NodeHasEdges, PrismError
from prism.interfaces.graph import MAX_CASCADE, Edge, Mode, Node
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.graph import (
    EdgeName,
    GraphReads,
    GraphStore,
    Hop,
    NodeChange,
    Place,
    already_exists,
    kept,
    missing_nodes,
)

SNAPSHOTS = 8
"""Traversals of one instant at a time: each has a session of its own."""
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


Run = Callable[..., Awaitable[Rows]]
"""Runs a statement for a call: `run(context, statement, *arguments)`."""


class PostgresReads(GraphReads):
    """What is read of a graph, by what runs the statements."""

    def __init__(self, run: Run) -> None:
        self._read = run

    async def nodes(self, context: Context, ids: Sequence[str]) -> Mapping[str, Node]:
        rows = await self._read(context, statements.NODES, _space(context), [each.encode() for each in ids])
        found = map(node_of, rows)
        return {node.id: node for node in found}

    async def list_nodes(self, context: Context, label: str, after: str, limit: int) -> Sequence[Node]:
        place = (label.encode(), after.encode()) if label else (after.encode(),)
        statement = statements.LABELLED if label else statements.LIST
        return [node_of(row) for row in await self._read(context, statement, _space(context), *place, limit)]

    async def edges(self, context: Context, names: Sequence[EdgeName]) -> Mapping[EdgeName, Edge]:
        rows = await self._read(context, statements.EDGES, _space(context), *columns(names, 4))
        found = {}
        for *name, properties in rows:
            named = EdgeName(*(part.decode() for part in name))
            found[named] = named.edge(read(properties))
        return found

    async def adjacent(
        self, context: Context, places: Sequence[Place], *, incoming: bool, limit: int, whole: bool
    ) -> Sequence[Sequence[Hop]]:
        labelled = bool(places[0].label)
        asked = ((place.node, place.label or place.after[0], *place.after[1:]) for place in places)
        statement = statements.ADJACENT[incoming, labelled, whole]
        found: list[list[Hop]] = [[] for _ in places]
        for n, label, other, key, properties in await self._read(
            context, statement, _space(context), *columns(asked, 4), limit
        ):
            node, there = places[n - 1].node, other.decode()
            ends = (there, node) if incoming else (node, there)
            name = EdgeName(ends[0], label.decode(), ends[1], key.decode())
            found[n - 1].append(Hop(name, read(properties)))
        return found

    async def count(self, context: Context, place: Place, *, incoming: bool, loops: bool, at_most: int) -> int:
        statement = statements.COUNT[incoming, bool(place.label), loops]
        label = (place.label.encode(),) if place.label else ()
        ((count,),) = await self._read(context, statement, _space(context), place.node.encode(), at_most, *label)
        return int(count)


class PostgresGraphs(PostgresReads, GraphStore):
    """`prism.sdk.graph.GraphStore` in one schema.

    Args:
        sessions: with that schema.
        reads: a lane for what changes nothing.
        writes: a lane for what does.
        open_session: for a traversal of one instant.
    """

    def __init__(
        self,
        sessions: Sessions,
        reads: Lane[Work, Any],
        writes: Lane[Work, Any],
        open_session: Callable[[], Awaitable[Session]],
    ) -> None:
        super().__init__(self._fetch)
        self._sessions = sessions
        self._reads = reads
        self._writes = writes
        self._open_session = open_session
        self._snapshots = asyncio.Semaphore(SNAPSHOTS)

    async def create_nodes(self, context: Context, nodes: Sequence[Node], mode: Mode) -> int:
        ids = [node.id.encode() for node in nodes]
        labels = [json.dumps(sorted(set(node.labels)), ensure_ascii=False) for node in nodes]
        properties = [written(kept(node.properties)) for node in nodes]
        arguments: list[Any] = [ids, labels, properties]
        if mode == Mode.GRAPH_MODE_MERGE:
            arguments += _removed([node.properties for node in nodes])
        statement = {
            Mode.GRAPH_MODE_MERGE: statements.MERGE_NODES,
            Mode.GRAPH_MODE_REPLACE: statements.REPLACE_NODES,
        }.get(mode, statements.CREATE_NODES)
        try:
            rows = await self._write(context, statement, *arguments)
        except PrismError as error:
            if not isinstance(error.__cause__, asyncpg.UniqueViolationError):
                raise
            there = await self.nodes(context, [node.id for node in nodes])
            raise already_exists("node", min(there, default=nodes[0].id)) from error
        return sum(new for (new,) in rows)

    async def create_edges(self, context: Context, edges: Sequence[Edge], mode: Mode) -> int:
        names = [EdgeName.of(edge) for edge in edges]
        arguments: list[Any] = [*columns(names, 4), [written(kept(edge.properties)) for edge in edges]]
        if mode == Mode.GRAPH_MODE_MERGE:
            arguments += _removed([edge.properties for edge in edges])
        statement = {
            Mode.GRAPH_MODE_MERGE: statements.MERGE_EDGES,
            Mode.GRAPH_MODE_REPLACE: statements.REPLACE_EDGES,
        }.get(mode, statements.CREATE_EDGES)
        try:
            rows = await self._write(context, statement, *arguments)
        except PrismError as error:
            refusals = (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError)
            if not isinstance(error.__cause__, refusals):
                raise
            raise await self._refusal(context, names, error.__cause__) from error
        return sum(new for (new,) in rows)

    async def _refusal(self, context: Context, names: Sequence[EdgeName], cause: BaseException) -> PrismError:
        """Why edges were not made; a node that is missing comes first."""
        ends = sorted({end for name in names for end in (name.from_id, name.to_id)})
        there: set[str] = set()
        for begin in range(0, len(ends), 1000):
            there |= {*await self.nodes(context, ends[begin : begin + 1000])}
        if missing := {*ends} - there:
            return missing_nodes(missing)
        if isinstance(cause, asyncpg.ForeignKeyViolationError):  # it has been made since
            return missing_nodes(ends)
        found = await self.edges(context, names)
        return already_exists("edge", min(found, default=names[0]).id)

    async def update_node(self, context: Context, node: str, change: NodeChange) -> Node | None:
        rows = await self._write(
            context,
            statements.UPDATE_NODE,
            node.encode(),
            written(change.set),
            [*change.remove],
            [each.encode() for each in change.add_labels],
            [each.encode() for each in change.remove_labels],
        )
        return node_of(rows[0]) if rows else None

    async def delete_node(self, context: Context, node: str, *, cascade: bool) -> tuple[bool, int]:
        most = MAX_CASCADE if cascade else 0
        ((found, deleted, edges),) = await self._write(context, statements.DELETE_NODE, node.encode(), most)
        if found and not deleted:
            raise NodeHasEdges.of(node, edges, most=most)
        return found, edges

    async def delete_edges(self, context: Context, names: Sequence[EdgeName]) -> int:
        return len(await self._write(context, statements.DELETE_EDGES, *columns(names, 4)))

    @asynccontextmanager
    async def snapshot(self, context: Context) -> AsyncIterator[GraphReads]:
        """Reads of one instant, on a session of its own."""
        del context  # each of its reads has its deadline
        async with self._snapshots:
            try:
                session = await self._open_session()
            except Exception as error:
                raise translate(error, writes=False, sent=False) from error
            try:
                try:
                    await session.connection.execute(_BEGIN)
                except Exception as error:
                    raise translate(error, writes=False, sent=False) from error
                yield PostgresReads(partial(_fetch_in, session))
            finally:
                session.connection.terminate()

    async def _fetch(self, context: Context, statement: Statement, *arguments: Any) -> Rows:
        rows: Rows = await self._reads.call(context, Work(lambda: self._sessions.fetch(statement, *arguments)))
        return rows

    async def _write(self, context: Context, statement: Statement, *arguments: Any) -> Rows:
        space = _space(context)
        rows: Rows = await self._writes.call(context, Work(lambda: self._sessions.fetch(statement, space, *arguments)))
        return rows


async def _fetch_in(session: Session, context: Context, statement: Statement, *arguments: Any) -> Rows:
    timeout = None if context.deadline is None else max(context.deadline.remaining(), 0.001)
    try:
        async with asyncio.timeout(timeout):
            rows: Rows = await session.connection.fetch(statement.sql(session.schema), *arguments)
    except TimeoutError as error:
        raise DeadlineExceeded("PostgreSQL did not answer before the deadline; allow more time") from error
    except Exception as error:
        raise translate(error, writes=False, sent=True) from error
    return rows


def _space(context: Context) -> bytes:
    return context.namespace.encode()


def _removed(properties: Sequence[Mapping[str, Value]]) -> tuple[list[int], list[str]]:
    """The places, from 1, and the names of what is null."""
    gone = [
        (place, name)
        for place, each in enumerate(properties, 1)
        for name, value in each.items()
        if kind_of(value) is Kind.NULL
    ]
    return [place for place, _ in gone], [name for _, name in gone]
