"""Graph as nodes and relationships of the server's own; each write is one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from neo4j import AsyncManagedTransaction, ResultSummary

from prism.backends.opencypher import statements
from prism.backends.opencypher.errors import CONFLICTS, RULE, code_of, nothing_applied
from prism.backends.opencypher.link import Link
from prism.backends.opencypher.names import NODE, beyond, label_of, own_label, parted, sorted_text
from prism.backends.opencypher.schema import Schema
from prism.backends.opencypher.values import read, written
from prism.context import Context
from prism.errors import NodeHasEdges, PrismError
from prism.interfaces.graph import MAX_CASCADE, Edge, Mode, Node
from prism.interfaces.value import Value
from prism.sdk.graph import (
    EdgeName,
    GraphStore,
    Hop,
    NodeChange,
    Place,
    already_exists,
    kept,
    missing_nodes,
)

_PART: Final = 1000
"""Nodes that are looked for at once."""
_DELETING: Final = CONFLICTS | {RULE}
"""An edge came to a node of many after its edges were counted."""
_TYPES: Final = 100
"""Labels of edges that a node's are counted by at once."""


class _Short(Exception):
    """Nodes of edges are missing: the transaction is rolled back."""


class OpenCypherGraphs(GraphStore):
    """`prism.sdk.graph.GraphStore` in one database.

    Args:
        link: to it.
        schema: of it.
        prefix: begins the names under which namespaces are kept.
    """

    def __init__(self, link: Link, schema: Schema, prefix: str) -> None:
        self._link = link
        self._schema = schema
        self._prefix = prefix

    async def holds_data(self, namespace: str) -> bool:
        """Whether a namespace has a node."""
        return bool(await self._link.rows(Context(namespace), statements.HOLDS_NODES, ns=self._prefix + namespace))

    async def nodes(self, context: Context, ids: Sequence[str]) -> Mapping[str, Node]:
        rows = await self._link.rows(context, statements.NODES, ns=self._space(context), ids=[*ids])
        return {row[0]: _node(*row) for row in rows}

    async def list_nodes(self, context: Context, label: str, after: str, limit: int) -> Sequence[Node]:
        statement = statements.list_nodes(label_of(label) if label else NODE)
        rows = await self._link.rows(context, statement, ns=self._space(context), after=after, limit=limit)
        return [_node(*row) for row in rows]

    async def edges(self, context: Context, names: Sequence[EdgeName]) -> Mapping[EdgeName, Edge]:
        found = {}
        for label, ids in self._ids(context, names).items():
            for id_, properties in await self._link.rows(context, statements.edges(label), ids=ids):
                name = _name(id_)
                found[name] = name.edge(read(properties))
        return found

    async def adjacent(
        self, context: Context, places: Sequence[Place], *, incoming: bool, limit: int, whole: bool
    ) -> Sequence[Sequence[Hop]]:
        found: list[Sequence[Hop]] = [[] for _ in places]
        by_label: defaultdict[str, list[int]] = defaultdict(list)
        for index, place in enumerate(places):
            by_label[place.label].append(index)
        for label, indexes in by_label.items():
            asked = [[index, places[index].node, self._behind(context, places[index])] for index in indexes]
            statement = statements.adjacent(label, incoming=incoming, whole=whole)
            rows = await self._link.rows(context, statement, ns=self._space(context), places=asked, limit=limit)
            for index, degree, hops in rows:
                found[index] = [_hop(*hop) for hop in hops]
                if degree > statements.DENSE:
                    found[index] = await self._of_hub(
                        context, places[index], incoming=incoming, limit=limit, whole=whole
                    )
        return found

    async def _of_hub(
        self, context: Context, place: Place, *, incoming: bool, limit: int, whole: bool
    ) -> Sequence[Hop]:
        """The first edges at a place whose node has many, label by label."""
        labels = [place.label] if place.label else await self._labels_at(context, place, incoming=incoming)
        found: list[Hop] = []
        behind = self._behind(context, place)
        for label in labels:
            here = sorted_text(self._space(context), place.node, label)
            if len(found) >= limit or beyond(here) <= behind:
                continue
            rows = await self._link.rows(
                context, statements.stretch(label, incoming=incoming, whole=whole),
                after=max(here, behind), end=beyond(here), limit=limit - len(found),
            )  # fmt: skip
            found += [_hop(*row) for row in rows]
        return found

    async def _labels_at(self, context: Context, place: Place, *, incoming: bool) -> list[str]:
        rows = await self._link.rows(context, statements.TYPES)
        every = sorted(row[0] for row in rows if row[0] >= place.after[0])
        found: list[str] = []
        for begin in range(0, len(every), _TYPES):
            some = every[begin : begin + _TYPES]
            statement = statements.degrees(tuple(some), incoming=incoming)
            rows = await self._link.rows(context, statement, ns=self._space(context), id=place.node)
            found += [label for label, degree in zip(some, rows[0][0] if rows else (), strict=False) if degree]
        return found

    async def count(self, context: Context, place: Place, *, incoming: bool, loops: bool, at_most: int) -> int:
        statement = statements.count(place.label, incoming=incoming, loops=loops)
        rows = await self._link.rows(context, statement, ns=self._space(context), id=place.node)
        return min(rows[0][0], at_most) if rows else 0

    async def create_nodes(self, context: Context, nodes: Sequence[Node], mode: Mode) -> int:
        space = self._space(context)
        labels = {node.id: tuple(sorted(map(label_of, {*node.labels}))) for node in nodes}
        with nothing_applied():
            await self._schema.labels(context, {each for some in labels.values() for each in some})
        by_labels: defaultdict[tuple[str, ...], list[list[Any]]] = defaultdict(list)
        replaces = mode == Mode.GRAPH_MODE_REPLACE
        for node in nodes:
            properties = written(node.properties if mode == Mode.GRAPH_MODE_MERGE else kept(node.properties))
            if replaces:
                properties |= {"_ns": space, "_id": node.id}
            by_labels[() if replaces else labels[node.id]].append([node.id, properties])

        async def work(transaction: AsyncManagedTransaction) -> int:
            made = 0
            before: list[list[Any]] = []
            for some, rows in by_labels.items():
                found, summary = await _run(transaction, statements.put_nodes(mode, some), ns=space, rows=rows)
                made += summary.counters.nodes_created
                before += found
            await _relabel(transaction, space, before, labels)
            return made

        try:
            return await self._link.write(context, work)
        except PrismError as error:
            if code_of(error.__cause__ or error) != RULE:
                raise
            with nothing_applied():
                there = await self.nodes(context, [node.id for node in nodes])
            raise already_exists("node", min(there, default=nodes[0].id)) from error

    async def create_edges(self, context: Context, edges: Sequence[Edge], mode: Mode) -> int:
        space = self._space(context)
        by_label: defaultdict[str, list[list[Any]]] = defaultdict(list)
        for edge in edges:
            name = EdgeName.of(edge)
            id_, back = self._id(context, name), sorted_text(space, name.to_id, name.label, name.from_id, name.key)
            properties = written(edge.properties if mode == Mode.GRAPH_MODE_MERGE else kept(edge.properties))
            if mode == Mode.GRAPH_MODE_REPLACE:
                properties |= {"_id": id_, "_in": back}
            by_label[name.label].append([name.from_id, name.to_id, id_, back, properties])
        with nothing_applied():
            await self._schema.types(context, by_label)

        async def work(transaction: AsyncManagedTransaction) -> int:
            made = 0
            for label, rows in by_label.items():
                found, summary = await _run(transaction, statements.put_edges(mode, label), ns=space, rows=rows)
                if found[0][0] < len(rows):
                    raise _Short
                made += summary.counters.relationships_created
            return made

        try:
            return await self._link.write(context, work)
        except _Short:
            raise await self._refusal(context, edges) from None
        except PrismError as error:
            if code_of(error.__cause__ or error) != RULE:
                raise
            raise await self._refusal(context, edges) from error

    async def _refusal(self, context: Context, edges: Sequence[Edge]) -> PrismError:
        """Why edges were not made; a node that is missing comes first."""
        ends = sorted({end for edge in edges for end in (edge.from_id, edge.to_id)})
        there: set[str] = set()
        with nothing_applied():
            for begin in range(0, len(ends), _PART):
                there |= {*await self.nodes(context, ends[begin : begin + _PART])}
            if missing := {*ends} - there:
                return missing_nodes(missing)
            names = [EdgeName.of(edge) for edge in edges]
            return already_exists("edge", min(await self.edges(context, names), default=names[0]).id)

    async def update_node(self, context: Context, node: str, change: NodeChange) -> Node | None:
        add = tuple(sorted(map(label_of, change.add_labels)))
        remove = tuple(sorted(map(label_of, change.remove_labels)))
        with nothing_applied():
            await self._schema.labels(context, add)
        changed = written(change.set) | written({name: Value(null="NULL_VALUE") for name in change.remove})

        async def work(transaction: AsyncManagedTransaction) -> Node | None:
            rows, _ = await _run(
                transaction, statements.update_node(add, remove), ns=self._space(context), id=node, set=changed
            )
            return _node(*rows[0]) if rows else None

        return await self._link.write(context, work)

    async def delete_node(self, context: Context, node: str, *, cascade: bool) -> tuple[bool, int]:
        most = MAX_CASCADE if cascade else 0
        statement = statements.DELETE_WHOLE if cascade else statements.DELETE_BARE

        async def work(transaction: AsyncManagedTransaction) -> tuple[bool, int]:
            rows, summary = await _run(transaction, statement, ns=self._space(context), id=node, most=most)
            if rows and rows[0][0] > most:
                raise NodeHasEdges.of(node, rows[0][0], most=most)
            return bool(rows), summary.counters.relationships_deleted

        return await self._link.write(context, work, conflicts=_DELETING)

    async def delete_edges(self, context: Context, names: Sequence[EdgeName]) -> int:
        async def work(transaction: AsyncManagedTransaction) -> int:
            gone = 0
            for label, ids in self._ids(context, names).items():
                _, summary = await _run(transaction, statements.delete_edges(label), ids=ids)
                gone += summary.counters.relationships_deleted
            return gone

        return await self._link.write(context, work)

    def _space(self, context: Context) -> str:
        return self._prefix + context.namespace

    def _id(self, context: Context, name: EdgeName) -> str:
        return sorted_text(self._space(context), *name)

    def _ids(self, context: Context, names: Iterable[EdgeName]) -> Mapping[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            found[name.label].append(self._id(context, name))
        return found

    def _behind(self, context: Context, place: Place) -> str:
        """The text that the edges asked for are behind."""
        here = [self._space(context), place.node]
        if place.after[0]:
            return sorted_text(*here, *place.after)
        return sorted_text(*here, place.label) if place.label else sorted_text(*here)


async def _run(
    transaction: AsyncManagedTransaction, statement: str, **parameters: Any
) -> tuple[list[list[Any]], ResultSummary]:
    """Runs a statement to its end: its rows, and what it did."""
    result = await transaction.run(statement, parameters)  # names in it are quoted
    rows = [record.values() async for record in result]
    return rows, await result.consume()


async def _relabel(
    transaction: AsyncManagedTransaction,
    space: str,
    before: Iterable[Sequence[Any]],
    labels: Mapping[str, tuple[str, ...]],
) -> None:
    """Gives nodes exactly their labels, of which they had others before."""
    changes: defaultdict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
    for id_, had in before:
        add = tuple(each for each in labels[id_] if each not in had)
        remove = tuple(sorted({*had} - {NODE, *labels[id_]}))
        if add or remove:
            changes[add, remove].append(id_)
    for (add, remove), ids in changes.items():
        await _run(transaction, statements.relabel(add, remove), ns=space, ids=ids)


def _node(id_: str, labels: Iterable[str], properties: Mapping[str, Any]) -> Node:
    own = sorted(label for each in labels if (label := own_label(each)) is not None)
    return Node(id=id_, labels=own, properties=read(properties))


def _name(id_: str) -> EdgeName:
    return EdgeName(*parted(id_)[1:])


def _hop(id_: str, properties: Mapping[str, Any] | None = None) -> Hop:
    return Hop(_name(id_), {} if properties is None else read(properties))
