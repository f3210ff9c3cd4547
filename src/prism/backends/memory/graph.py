"""Graph in memory: the reference for what other stores answer. Each step is a function call, so none comes between."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

from prism.context import Context
from prism.errors import NodeHasEdges
from prism.interfaces.graph import MAX_CASCADE, Edge, Mode, Node
from prism.sdk.deadline import check_time
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

_CREATE = (Mode.GRAPH_MODE_UNSPECIFIED, Mode.GRAPH_MODE_CREATE)
T = TypeVar("T", str, tuple[str, str, str])
_Order = tuple[str, str, str]
"""Label, other node and key: the order of the edges of a node."""


class _Graph:
    """The graph of one namespace."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.ids: list[str] = []
        self.labelled: defaultdict[str, list[str]] = defaultdict(list)
        self.edges: dict[EdgeName, Edge] = {}
        self.around: tuple[defaultdict[str, list[_Order]], defaultdict[str, list[_Order]]] = (
            defaultdict(list),
            defaultdict(list),
        )
        """The edges of each node: those that lead from it, and those that lead to it."""

    def put(self, node: Node) -> None:
        """Keeps a node in the place of what was there."""
        before = self.nodes.get(node.id)
        if before is None:
            insort(self.ids, node.id)
        for label in before.labels if before is not None else ():
            _without(self.labelled, label, node.id)
        for label in node.labels:
            insort(self.labelled[label], node.id)
        self.nodes[node.id] = node

    def remove(self, node: str) -> None:
        """Forgets a node without edges."""
        del self.ids[bisect_left(self.ids, node)]
        for label in self.nodes.pop(node).labels:
            _without(self.labelled, label, node)

    def link(self, name: EdgeName, edge: Edge) -> None:
        """Keeps an edge in the place of what was there."""
        if name not in self.edges:
            for side, (node, order) in zip(self.around, _ends(name), strict=True):
                insort(side[node], order)
        self.edges[name] = edge

    def unlink(self, name: EdgeName) -> bool:
        """Forgets an edge; whether it was there."""
        if self.edges.pop(name, None) is None:
            return False
        for side, (node, order) in zip(self.around, _ends(name), strict=True):
            _without(side, node, order)
        return True

    def names_of(self, node: str) -> set[EdgeName]:
        """The edges of a node, both ways."""
        outgoing, incoming = (side.get(node, ()) for side in self.around)
        return {EdgeName(node, *order) for order in outgoing} | {
            EdgeName(other, label, node, key) for label, other, key in incoming
        }


class MemoryGraphs(GraphStore):
    """`prism.sdk.graph.GraphStore` in memory."""

    def __init__(self) -> None:
        self._graphs: dict[str, _Graph] = {}

    def clear(self) -> None:
        """Forgets everything."""
        self._graphs.clear()

    def holds_data(self, namespace: str) -> bool:
        """Whether the namespace has a node."""
        return namespace in self._graphs and bool(self._graphs[namespace].nodes)

    def _of(self, context: Context, *, writes: bool) -> _Graph:
        check_time(context, writes=writes)
        graph = self._graphs.get(context.namespace)
        if graph is None:
            graph = _Graph()
            if writes:
                self._graphs[context.namespace] = graph
        return graph

    async def create_nodes(self, context: Context, nodes: Sequence[Node], mode: Mode) -> int:
        graph = self._of(context, writes=True)
        there = [node.id for node in nodes if node.id in graph.nodes]
        if there and mode in _CREATE:
            raise already_exists("node", there[0])
        for node in nodes:
            graph.put(merged_node(graph.nodes.get(node.id), node, mode))
        return len(nodes) - len(there)

    async def create_edges(self, context: Context, edges: Sequence[Edge], mode: Mode) -> int:
        graph = self._of(context, writes=True)
        if missing := {end for edge in edges for end in (edge.from_id, edge.to_id) if end not in graph.nodes}:
            raise missing_nodes(missing)
        named = {EdgeName.of(edge): edge for edge in edges}
        there = [name for name in named if name in graph.edges]
        if there and mode in _CREATE:
            raise already_exists("edge", there[0].id)
        for name, edge in named.items():
            graph.link(name, merged_edge(graph.edges.get(name), edge, mode))
        return len(named) - len(there)

    async def update_node(self, context: Context, node: str, change: NodeChange) -> Node | None:
        graph = self._of(context, writes=True)
        before = graph.nodes.get(node)
        if before is None:
            return None
        after = changed(before, change)
        graph.put(after)
        return after

    async def delete_node(self, context: Context, node: str, *, cascade: bool) -> tuple[bool, int]:
        graph = self._of(context, writes=True)
        if node not in graph.nodes:
            return False, 0
        names = graph.names_of(node)
        if names and not cascade:
            raise NodeHasEdges.of(node, len(names))
        if len(names) > MAX_CASCADE:
            raise NodeHasEdges.of(node, len(names), most=MAX_CASCADE)
        for name in names:
            graph.unlink(name)
        graph.remove(node)
        return True, len(names)

    async def delete_edges(self, context: Context, names: Sequence[EdgeName]) -> int:
        graph = self._of(context, writes=True)
        return sum(graph.unlink(name) for name in names)

    async def nodes(self, context: Context, ids: Sequence[str]) -> Mapping[str, Node]:
        nodes = self._of(context, writes=False).nodes
        return {each: nodes[each] for each in ids if each in nodes}

    async def list_nodes(self, context: Context, label: str, after: str, limit: int) -> Sequence[Node]:
        graph = self._of(context, writes=False)
        ids = graph.labelled.get(label, []) if label else graph.ids
        begin = bisect_right(ids, after)
        return [graph.nodes[each] for each in ids[begin : begin + limit]]

    async def edges(self, context: Context, names: Sequence[EdgeName]) -> Mapping[EdgeName, Edge]:
        edges = self._of(context, writes=False).edges
        return {name: edges[name] for name in names if name in edges}

    async def adjacent(
        self, context: Context, places: Sequence[Place], *, incoming: bool, limit: int, whole: bool
    ) -> Sequence[Sequence[Hop]]:
        del whole  # they are there
        graph = self._of(context, writes=False)
        found = []
        for place in places:
            orders, begin, end = _stretch(graph, place, incoming=incoming)
            hops = []
            for label, other, key in orders[begin : min(begin + limit, end)]:
                name = EdgeName(*((other, label, place.node, key) if incoming else (place.node, label, other, key)))
                hops.append(Hop(name, graph.edges[name].properties))
            found.append(hops)
        return found

    async def count(self, context: Context, place: Place, *, incoming: bool, loops: bool, at_most: int) -> int:
        orders, begin, end = _stretch(self._of(context, writes=False), place, incoming=incoming)
        if loops:
            return min(end - begin, at_most)
        others = (1 for _, other, _ in orders[begin:end] if other != place.node)
        return min(sum(others), at_most)


def _stretch(graph: _Graph, place: Place, *, incoming: bool) -> tuple[Sequence[_Order], int, int]:
    """The edges of a node, and where those at the place begin and end."""
    orders = graph.around[incoming].get(place.node, [])
    begin = bisect_right(orders, place.after) if place.after[0] else 0
    end = len(orders)
    if place.label:
        begin = max(begin, bisect_left(orders, (place.label, "", "")))
        end = bisect_left(orders, (f"{place.label}\0", "", ""))
    return orders, begin, max(begin, end)


def _ends(name: EdgeName) -> tuple[tuple[str, _Order], tuple[str, _Order]]:
    from_id, label, to_id, key = name
    return (from_id, (label, to_id, key)), (to_id, (label, from_id, key))


def _without(lists: defaultdict[str, list[T]], key: str, element: T) -> None:
    """Takes an element out of a sorted list, and the list away where that was the last."""
    elements = lists[key]
    del elements[bisect_left(elements, element)]
    if not elements:
        del lists[key]
