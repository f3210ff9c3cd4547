"""Graph in the file: a node and an edge are a row each, with what they have as one record; foreign keys hold edges.

The rows of an edge are in the order of their names, and an index has them by the node that they lead to.
"""

# ruff: noqa: S608  # made of constants

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from prism.backends.sqlite.store import Store
from prism.backends.sqlite.transaction import Transaction, savepoint
from prism.context import Context
from prism.errors import NodeHasEdges
from prism.interfaces.graph import MAX_CASCADE, Edge, Mode, Node
from prism.sdk.graph import (
    EdgeName,
    GraphStore,
    Hop,
    NodeChange,
    Place,
    already_exists,
    changed,
    merged_edge,
    merged_node,
    missing_nodes,
)

T = TypeVar("T")

_CREATE = (Mode.GRAPH_MODE_UNSPECIFIED, Mode.GRAPH_MODE_CREATE)
_SHORT = 64
"""Edges that a read may look for and stay among the short ones."""

_NODE = "SELECT record FROM graph_node WHERE namespace = ? AND id = ?"
_PUT_NODE = "INSERT OR REPLACE INTO graph_node (namespace, id, record) VALUES (?, ?, ?)"
_UPDATE_NODE = "UPDATE graph_node SET record = ?3 WHERE namespace = ?1 AND id = ?2"
_EDGE_KEY = "namespace = ? AND from_id = ? AND label = ? AND to_id = ? AND key = ?"
_EDGE = f"SELECT record FROM graph_edge WHERE {_EDGE_KEY}"
_NODES = "SELECT record FROM graph_node WHERE namespace = ? AND id > ? ORDER BY id LIMIT ?"
_LABELLED = (
    "SELECT record FROM graph_label JOIN graph_node USING (namespace, id) "
    "WHERE namespace = ? AND label = ? AND id > ? ORDER BY id LIMIT ?"
)


def _adjacent(here: str, there: str, *, labelled: bool, whole: bool) -> str:
    order = f"{there}, key" if labelled else f"label, {there}, key"
    behind = f"label = ?3 AND ({order}) > (?4, ?5)" if labelled else f"({order}) > (?3, ?4, ?5)"
    columns = f"label, {there}, key" + (", record" if whole else "")
    return (
        f"SELECT {columns} FROM graph_edge WHERE namespace = ?1 AND {here} = ?2 AND {behind} ORDER BY {order} LIMIT ?6"
    )


_ADJACENT = {
    (incoming, labelled, whole): _adjacent(
        *(("to_id", "from_id") if incoming else ("from_id", "to_id")), labelled=labelled, whole=whole
    )
    for incoming in (False, True)
    for labelled in (False, True)
    for whole in (False, True)
}


class SqliteGraphs(GraphStore):
    """`prism.sdk.graph.GraphStore` in one file."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create_nodes(self, context: Context, nodes: Sequence[Node], mode: Mode) -> int:
        space = context.namespace

        def apply(connection: sqlite3.Connection) -> int:
            there = 0
            for node in nodes:
                before = _node(connection, space, node.id)
                if before is not None:
                    there += 1
                    if mode in _CREATE:
                        raise already_exists("node", node.id)
                _put_node(connection, space, before, merged_node(before, node, mode))
            return len(nodes) - there

        return await self._write(context, apply, sum(node.ByteSize() for node in nodes))

    async def create_edges(self, context: Context, edges: Sequence[Edge], mode: Mode) -> int:
        space = context.namespace

        def apply(connection: sqlite3.Connection) -> int:
            ends = {end for edge in edges for end in (edge.from_id, edge.to_id)}
            found = (connection.execute(_NODE, (space, end)).fetchone() for end in ends)
            if missing := {end for end, row in zip(ends, found, strict=True) if row is None}:
                raise missing_nodes(missing)
            there = 0
            for edge in edges:
                name = EdgeName.of(edge)
                before = _edge(connection, space, name)
                if before is not None:
                    there += 1
                    if mode in _CREATE:
                        raise already_exists("edge", name.id)
                record = merged_edge(before, edge, mode).SerializeToString()
                connection.execute(
                    "INSERT OR REPLACE INTO graph_edge (namespace, from_id, label, to_id, key, record) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (space, *name, record),
                )
            return len(edges) - there

        return await self._write(context, apply, sum(edge.ByteSize() for edge in edges))

    async def update_node(self, context: Context, node: str, change: NodeChange) -> Node | None:
        space = context.namespace

        def apply(connection: sqlite3.Connection) -> Node | None:
            before = _node(connection, space, node)
            if before is None:
                return None
            after = changed(before, change)
            _put_node(connection, space, before, after)
            return after

        return await self._write(context, apply)

    async def delete_node(self, context: Context, node: str, *, cascade: bool) -> tuple[bool, int]:
        space = context.namespace

        def apply(connection: sqlite3.Connection) -> tuple[bool, int]:
            before = _node(connection, space, node)
            if before is None:
                return False, 0
            edges = _count(connection, space, Place(node), incoming=False, loops=True, at_most=-1)
            edges += _count(connection, space, Place(node), incoming=True, loops=False, at_most=-1)
            if edges and not cascade:
                raise NodeHasEdges.of(node, edges)
            if edges > MAX_CASCADE:
                raise NodeHasEdges.of(node, edges, most=MAX_CASCADE)
            for end in ("from_id", "to_id"):
                connection.execute(f"DELETE FROM graph_edge WHERE namespace = ? AND {end} = ?", (space, node))
            _put_labels(connection, space, node, before.labels, ())
            connection.execute("DELETE FROM graph_node WHERE namespace = ? AND id = ?", (space, node))
            return True, edges

        return await self._write(context, apply)

    async def delete_edges(self, context: Context, names: Sequence[EdgeName]) -> int:
        space = context.namespace

        def apply(connection: sqlite3.Connection) -> int:
            delete = f"DELETE FROM graph_edge WHERE {_EDGE_KEY}"
            return sum(connection.execute(delete, (space, *name)).rowcount for name in names)

        return await self._write(context, apply)

    async def nodes(self, context: Context, ids: Sequence[str]) -> Mapping[str, Node]:
        space, wanted = context.namespace, tuple(ids)

        def read(connection: sqlite3.Connection, _now: int) -> dict[str, Node]:
            found = {each: _node(connection, space, each) for each in wanted}
            return {each: node for each, node in found.items() if node is not None}

        return await (self._store.read if len(wanted) <= _SHORT else self._store.query)(context, read)

    async def list_nodes(self, context: Context, label: str, after: str, limit: int) -> Sequence[Node]:
        space = context.namespace

        def read(connection: sqlite3.Connection, _now: int) -> list[Node]:
            place = (space, label, after, limit) if label else (space, after, limit)
            return [Node.FromString(record) for (record,) in connection.execute(_LABELLED if label else _NODES, place)]

        return await self._store.query(context, read)

    async def edges(self, context: Context, names: Sequence[EdgeName]) -> Mapping[EdgeName, Edge]:
        space, wanted = context.namespace, tuple(names)

        def read(connection: sqlite3.Connection, _now: int) -> dict[EdgeName, Edge]:
            found = {name: _edge(connection, space, name) for name in wanted}
            return {name: edge for name, edge in found.items() if edge is not None}

        return await (self._store.read if len(wanted) <= _SHORT else self._store.query)(context, read)

    async def adjacent(
        self, context: Context, places: Sequence[Place], *, incoming: bool, limit: int, whole: bool
    ) -> Sequence[Sequence[Hop]]:
        space, asked = context.namespace, tuple(places)

        def read(connection: sqlite3.Connection, _now: int) -> list[list[Hop]]:
            return [_hops(connection, space, place, incoming=incoming, limit=limit, whole=whole) for place in asked]

        short = len(asked) * limit <= _SHORT
        return await (self._store.read if short else self._store.query)(context, read)

    async def count(self, context: Context, place: Place, *, incoming: bool, loops: bool, at_most: int) -> int:
        space = context.namespace

        def read(connection: sqlite3.Connection, _now: int) -> int:
            return _count(connection, space, place, incoming=incoming, loops=loops, at_most=at_most)

        return await self._store.query(context, read)

    async def _write(self, context: Context, apply: Callable[[sqlite3.Connection], T], size: int = 0) -> T:
        """Runs a change in a group commit; where it is refused nothing of it stays."""

        def alone(transaction: Transaction) -> T:
            with savepoint(transaction.connection):
                return apply(transaction.connection)

        return await self._store.write(context, alone, size=size)


def any_node(connection: sqlite3.Connection, namespace: str) -> bool:
    """Whether the namespace has a node."""
    found = connection.execute("SELECT 1 FROM graph_node WHERE namespace = ? LIMIT 1", (namespace,))
    return found.fetchone() is not None


def _node(connection: sqlite3.Connection, space: str, node: str) -> Node | None:
    row = connection.execute(_NODE, (space, node)).fetchone()
    return None if row is None else Node.FromString(row[0])


def _edge(connection: sqlite3.Connection, space: str, name: EdgeName) -> Edge | None:
    row = connection.execute(_EDGE, (space, *name)).fetchone()
    return None if row is None else Edge.FromString(row[0])


def _put_node(connection: sqlite3.Connection, space: str, before: Node | None, node: Node) -> None:
    record = node.SerializeToString()
    connection.execute(_PUT_NODE if before is None else _UPDATE_NODE, (space, node.id, record))
    _put_labels(connection, space, node.id, before.labels if before is not None else (), node.labels)


def _put_labels(
    connection: sqlite3.Connection, space: str, node: str, before: Sequence[str], after: Sequence[str]
) -> None:
    """What a node is listed by."""
    for label in {*before} - {*after}:
        connection.execute("DELETE FROM graph_label WHERE namespace = ? AND label = ? AND id = ?", (space, label, node))
    for label in {*after} - {*before}:
        connection.execute("INSERT INTO graph_label (namespace, label, id) VALUES (?, ?, ?)", (space, label, node))


def _hops(
    connection: sqlite3.Connection, space: str, place: Place, *, incoming: bool, limit: int, whole: bool
) -> list[Hop]:
    label, other, key = place.after
    where = (place.label or label, other, key)
    rows = connection.execute(_ADJACENT[incoming, bool(place.label), whole], (space, place.node, *where, limit))
    found = []
    for label, other, key, *record in rows:
        name = EdgeName(*((other, label, place.node, key) if incoming else (place.node, label, other, key)))
        found.append(Hop(name, Edge.FromString(record[0]).properties if record else {}))
    return found


def _count(
    connection: sqlite3.Connection, space: str, place: Place, *, incoming: bool, loops: bool, at_most: int
) -> int:
    """`at_most` below zero: all of them."""
    where = "to_id = ?2" if incoming else "from_id = ?2"
    where += " AND label = ?3" if place.label else " AND ?3 = ''"
    where += "" if loops else " AND from_id <> to_id"
    counted = f"SELECT count(*) FROM (SELECT 1 FROM graph_edge WHERE namespace = ?1 AND {where} LIMIT ?4)"
    (count,) = connection.execute(counted, (space, place.node, place.label, at_most)).fetchone()
    return int(count)
