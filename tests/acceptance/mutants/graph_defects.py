"""Defects of the rules of Graph on memory, each breaking one of them."""

from collections.abc import AsyncIterator, Mapping, Sequence

from prism.backends.memory.graph import MemoryGraphs
from prism.context import Context
from prism.errors import LimitExceeded, NodeNotFound, PrismError
from prism.interfaces import graph as g
from prism.sdk.graph import Hop, NodeChange, Place, StoredGraph


class LeavesEdgesBehind(MemoryGraphs):
    """A node goes without its edges, and edges come without their nodes."""

    async def delete_node(self, context: Context, node: str, *, cascade: bool) -> tuple[bool, int]:
        del cascade
        graph = self._of(context, writes=True)
        if node not in graph.nodes:
            return False, 0
        graph.remove(node)
        return True, 0


class MakesWhatItCan(MemoryGraphs):
    """CREATE makes those that are new before it refuses the others."""

    async def create_nodes(self, context: Context, nodes: Sequence[g.Node], mode: g.Mode) -> int:
        refused: list[PrismError] = []
        made = 0
        for node in nodes:
            try:
                made += await super().create_nodes(context, [node], mode)
            except PrismError as error:
                refused.append(error)
        for error in refused:
            raise error
        return made


class MergesLikeReplace(MemoryGraphs):
    """MERGE forgets what is not named."""

    async def create_nodes(self, context: Context, nodes: Sequence[g.Node], mode: g.Mode) -> int:
        merging = mode == g.Mode.GRAPH_MODE_MERGE
        return await super().create_nodes(context, nodes, g.Mode.GRAPH_MODE_REPLACE if merging else mode)


class MakesLonelyEdges(MemoryGraphs):
    """An edge is made whether its nodes are there or not."""

    async def create_edges(self, context: Context, edges: Sequence[g.Edge], mode: g.Mode) -> int:
        try:
            return await super().create_edges(context, edges, mode)
        except NodeNotFound:
            ends = {end for edge in edges for end in (edge.from_id, edge.to_id)}
            await self.create_nodes(context, [g.Node(id=end) for end in ends], g.Mode.GRAPH_MODE_MERGE)
            return await super().create_edges(context, edges, mode)


class CascadesWithoutABound(MemoryGraphs):
    """Whatever a node has goes with it."""

    async def delete_node(self, context: Context, node: str, *, cascade: bool) -> tuple[bool, int]:
        if not cascade:
            return await super().delete_node(context, node, cascade=False)
        gone = await self.delete_edges(context, [*self._of(context, writes=True).names_of(node)])
        found, _ = await super().delete_node(context, node, cascade=True)
        return found, gone


class ForgetsKeys(MemoryGraphs):
    """Edges of the same ends and label are one."""

    async def create_edges(self, context: Context, edges: Sequence[g.Edge], mode: g.Mode) -> int:
        for edge in edges:
            edge.ClearField("key")
        return await super().create_edges(context, edges, g.Mode.GRAPH_MODE_MERGE)


class SkipsAfterAPage(MemoryGraphs):
    """Where reading goes on, the first edge is missed."""

    async def adjacent(
        self, context: Context, places: Sequence[Place], *, incoming: bool, limit: int, whole: bool
    ) -> Sequence[Sequence[Hop]]:
        found = await super().adjacent(context, places, incoming=incoming, limit=limit, whole=whole)
        return [hops[1:] if place.after[0] else hops for place, hops in zip(places, found, strict=True)]


class GivesLoopsTwice(MemoryGraphs):
    """An edge from a node to itself is another one from its end."""

    async def adjacent(
        self, context: Context, places: Sequence[Place], *, incoming: bool, limit: int, whole: bool
    ) -> Sequence[Sequence[Hop]]:
        found = await super().adjacent(context, places, incoming=incoming, limit=limit, whole=whole)
        if not incoming:
            return found
        return [[_turned(hop) for hop in hops] for hops in found]


def _turned(hop: Hop) -> Hop:
    if hop.name.from_id != hop.name.to_id:
        return hop
    return Hop(hop.name._replace(from_id=f"{hop.name.from_id} "), hop.properties)


class KeepsNulls(MemoryGraphs):
    """What is to be removed stays."""

    async def update_node(self, context: Context, node: str, change: NodeChange) -> g.Node | None:
        return await super().update_node(context, node, change._replace(remove=()))


class SortsByCase(MemoryGraphs):
    """Ids come in the order of a dictionary."""

    async def list_nodes(self, context: Context, label: str, after: str, limit: int) -> Sequence[g.Node]:
        every = await super().list_nodes(context, label, "", 1 << 30)
        key = str.casefold
        return [each for each in sorted(every, key=lambda node: key(node.id)) if key(each.id) > key(after)][:limit]


class OtherTraversal(StoredGraph):
    """A graph whose traversals are others."""

    def changed(self, request: g.TraverseRequest, responses: list[g.TraverseResponse]) -> list[g.TraverseResponse]:
        """What is answered in the place of the responses."""
        raise TypeError(f"{request} {responses}")

    async def traverse(self, request: g.TraverseRequest, context: Context) -> AsyncIterator[g.TraverseResponse]:
        given = [response async for response in super().traverse(request, context)]
        for response in self.changed(request, given):
            yield response


class ForgetsDepths(OtherTraversal):
    """Results come by id alone."""

    def changed(self, request: g.TraverseRequest, responses: list[g.TraverseResponse]) -> list[g.TraverseResponse]:
        del request
        levels = [each.level for each in responses if each.HasField("level")]
        nodes = sorted((node for level in levels for node in level.nodes), key=lambda node: node.id)
        if not nodes:
            return responses
        merged = g.TraverseResponse(level=g.Level(depth=1, nodes=nodes))
        return [merged, responses[-1]]


class GivesNodesAgain(OtherTraversal):
    """A node is in the answer for each depth at which it can be reached."""

    def changed(self, request: g.TraverseRequest, responses: list[g.TraverseResponse]) -> list[g.TraverseResponse]:
        del request
        levels = [each for each in responses if each.HasField("level") and each.level.nodes]
        again = [g.TraverseResponse(level=g.Level(depth=9, nodes=each.level.nodes)) for each in levels]
        return [*responses[:-1], *again, responses[-1]]


class CutsInSilence(OtherTraversal):
    """What `limit` cuts off is said to be all."""

    def changed(self, request: g.TraverseRequest, responses: list[g.TraverseResponse]) -> list[g.TraverseResponse]:
        del request
        responses[-1].end.complete = True
        return responses


class EndsOverItsLimit(StoredGraph):
    """Over `max_visited` a traversal ends as if it had come to its end."""

    async def traverse(self, request: g.TraverseRequest, context: Context) -> AsyncIterator[g.TraverseResponse]:
        try:
            async for response in super().traverse(request, context):
                yield response
        except LimitExceeded:
            yield g.TraverseResponse(end=g.TraverseEnd(complete=True))


class WalksInCircles(StoredGraph):
    """Paths may have a node twice."""

    def traverse(self, request: g.TraverseRequest, context: Context) -> AsyncIterator[g.TraverseResponse]:
        request.unique = g.Unique.GRAPH_UNIQUE_EDGE
        return super().traverse(request, context)


class FindsNoWayToItself(StoredGraph):
    """A path has an edge at least."""

    async def shortest_path(self, request: g.ShortestPathRequest, context: Context) -> g.ShortestPathResponse:
        if request.from_id == request.to_id:
            return g.ShortestPathResponse()
        return await super().shortest_path(request, context)


class TakesTheLastPath(MemoryGraphs):
    """Of equal paths the greatest is found."""

    async def adjacent(
        self, context: Context, places: Sequence[Place], *, incoming: bool, limit: int, whole: bool
    ) -> Sequence[Sequence[Hop]]:
        found = await super().adjacent(context, places, incoming=incoming, limit=limit, whole=whole)
        return [hops[1:] if len({*map(_other, hops)}) > 1 and not whole else hops for hops in found]


def _other(hop: Hop) -> str:
    return hop.name.to_id


class LosesScale(MemoryGraphs):
    """A decimal comes back as another text of the same number."""

    async def nodes(self, context: Context, ids: Sequence[str]) -> Mapping[str, g.Node]:
        found = {}
        for each, node in (await super().nodes(context, ids)).items():
            twin = g.Node()
            twin.CopyFrom(node)
            for value in twin.properties.values():
                if value.HasField("decimal"):
                    value.decimal = f"{value.decimal}0" if "." in value.decimal else value.decimal
            found[each] = twin
        return found
