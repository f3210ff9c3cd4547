"""Graph in as few words as possible, for tests: `a-x>b` is an edge from `a` to `b` with the label `x`."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from prism.acceptance.dsl import Dsl, operations
from prism.client.values import Plain, from_value, to_value
from prism.interfaces import graph as g
from prism.interfaces.capabilities.graph import GraphCapabilities
from prism.interfaces.value import Value

CREATE, MERGE, REPLACE = g.Mode.GRAPH_MODE_CREATE, g.Mode.GRAPH_MODE_MERGE, g.Mode.GRAPH_MODE_REPLACE
OUT, IN, BOTH = g.Direction.GRAPH_DIRECTION_OUT, g.Direction.GRAPH_DIRECTION_IN, g.Direction.GRAPH_DIRECTION_BOTH
NODES, EDGES, PATHS = g.Return.GRAPH_RETURN_NODES, g.Return.GRAPH_RETURN_EDGES, g.Return.GRAPH_RETURN_PATHS
BY_NODE, BY_EDGE = g.Unique.GRAPH_UNIQUE_NODE, g.Unique.GRAPH_UNIQUE_EDGE
REFUSE, CASCADE = g.Edges.GRAPH_EDGES_REFUSE, g.Edges.GRAPH_EDGES_CASCADE

Found = list[tuple[int, Any]]
"""Results in the order in which they came, each with its depth."""


def values(given: Mapping[str, Plain]) -> dict[str, Value]:
    """Properties."""
    return {name: to_value(each) for name, each in given.items()}


def plain(properties: Mapping[str, Value]) -> dict[str, Plain]:
    """Properties as Python has them."""
    return {name: from_value(each) for name, each in properties.items()}


def node(id: str, *labels: str, **properties: Plain) -> g.Node:  # noqa: A002 - the abstraction's own word
    """A node."""
    return g.Node(id=id, labels=labels, properties=values(properties))


def edge(text: str, key: str = "", **properties: Plain) -> g.Edge:
    """An edge, of `a-x>b`."""
    from_id, _, rest = text.partition("-")
    label, _, to_id = rest.partition(">")
    return g.Edge(from_id=from_id, label=label, to_id=to_id, key=key, properties=values(properties))


def shown(edge: g.Edge) -> str:
    """An edge as tests write it; its key behind it."""
    return f"{edge.from_id}-{edge.label}>{edge.to_id}" + (f" {edge.key}" if edge.key else "")


def step(*labels: str, least: int | None = None, most: int | None = None, **fields: Any) -> g.Step:
    """A step."""
    return g.Step(labels=labels, min=least, max=most, **fields)


class Graph(Dsl):
    """Graph in one namespace."""

    INTERFACE = g.INTERFACE
    OPERATIONS = operations(g.INTERFACE)
    capabilities: GraphCapabilities

    async def nodes(self, *nodes: g.Node | str, mode: g.Mode = CREATE, via: int | None = None) -> int:
        """Makes nodes; how many are new."""
        made = [node(each) if isinstance(each, str) else each for each in nodes]
        request = g.CreateNodesRequest(nodes=made, mode=mode)
        answer: g.CreateNodesResponse = await self.call("CreateNodes", request, via=via)
        return answer.created

    async def edges(self, *edges: g.Edge | str, mode: g.Mode = CREATE, via: int | None = None) -> list[str]:
        """Makes edges; their ids."""
        made = [edge(each) if isinstance(each, str) else each for each in edges]
        answer: g.CreateEdgesResponse = await self.call(
            "CreateEdges", g.CreateEdgesRequest(edges=made, mode=mode), via=via
        )
        return list(answer.ids)

    async def drawn(self, *edges: g.Edge | str) -> None:
        """Makes edges, and their nodes where they are missing."""
        made = [edge(each) if isinstance(each, str) else each for each in edges]
        ends = dict.fromkeys(end for each in made for end in (each.from_id, each.to_id))
        for part in _parts([*ends], 500):
            await self.nodes(*part, mode=MERGE)
        for part in _parts(made, 500):
            await self.edges(*part)

    async def get(self, *ids: str, via: int | None = None) -> list[g.Node]:
        """Nodes by their ids."""
        answer: g.GetNodesResponse = await self.call("GetNodes", g.GetNodesRequest(ids=ids), via=via)
        return list(answer.nodes)

    async def one(self, id: str, *, via: int | None = None) -> g.Node:  # noqa: A002
        """A node that is there."""
        (found,) = await self.get(id, via=via)
        return found

    async def update(self, id: str, **fields: Any) -> g.Node:  # noqa: A002
        """Changes a node."""
        answer: g.UpdateNodeResponse = await self.call("UpdateNode", g.UpdateNodeRequest(id=id, **fields))
        return answer.node

    async def delete(self, id: str, edges: g.Edges = REFUSE, *, via: int | None = None) -> tuple[bool, int]:  # noqa: A002
        """Deletes a node."""
        request = g.DeleteNodeRequest(id=id, edges=edges)
        answer: g.DeleteNodeResponse = await self.call("DeleteNode", request, via=via)
        return answer.found, answer.edges

    async def unlink(self, *ids: str) -> int:
        """Deletes edges by their ids."""
        answer: g.DeleteEdgesResponse = await self.call("DeleteEdges", g.DeleteEdgesRequest(ids=ids))
        return answer.deleted

    async def ids(self, **request: Any) -> list[str]:
        """The ids of all nodes, page by page, through one gateway after another."""
        found: list[str] = []
        cursor = b""
        while True:
            page = await self.call("ListNodes", g.ListNodesRequest(cursor=cursor, **request))
            assert len(page.nodes) <= (request.get("limit") or g.DEFAULT_PAGE)
            found += [each.id for each in page.nodes]
            cursor = page.next_cursor
            if not cursor:
                return found

    async def pages(self, node: str, direction: g.Direction = OUT, **request: Any) -> list[list[g.Edge]]:
        """The edges of a node, page by page."""
        found = []
        cursor = b""
        while True:
            asked = g.GetEdgesRequest(node=node, direction=direction, cursor=cursor, **request)
            page = await self.call("GetEdges", asked)
            assert len(page.edges) <= (request.get("limit") or g.DEFAULT_PAGE)
            found.append([*page.edges])
            cursor = page.next_cursor
            if not cursor:
                return found

    async def around(self, node: str, direction: g.Direction = OUT, **request: Any) -> list[str]:
        """The edges of a node."""
        return [shown(each) for page in await self.pages(node, direction, **request) for each in page]

    async def count(self, node: str, direction: g.Direction = OUT, *labels: str, at_most: int = 0) -> tuple[int, bool]:
        """How many edges a node has, and whether that is all."""
        asked = g.CountEdgesRequest(node=node, direction=direction, labels=labels, at_most=at_most)
        answer: g.CountEdgesResponse = await self.call("CountEdges", asked)
        return answer.count, answer.exact

    async def traverse(
        self, start: str | Sequence[str], *steps: g.Step, via: int | None = None, **request: Any
    ) -> tuple[Found, g.TraverseEnd]:
        """What a traversal finds: ids of nodes, edges as tests write them, or paths as their nodes; and its end."""
        begin = [start] if isinstance(start, str) else [*start]
        asked = g.TraverseRequest(start=begin, steps=steps, **request)
        found: Found = []
        end: g.TraverseEnd | None = None
        async with aclosing(self.open("Traverse", asked, via=via)) as responses:  # type: ignore[type-var]
            async for response in responses:
                assert end is None, "nothing follows the end"
                if response.HasField("end"):
                    end = response.end
                else:
                    found += [(response.level.depth, each) for each in _results(response.level)]
        assert end is not None
        return found, end

    async def reached(self, start: str | Sequence[str], *steps: g.Step, **request: Any) -> Found:
        """What a traversal finds, which came to its end."""
        found, end = await self.traverse(start, *steps, **request)
        assert end.complete
        return found

    async def path(
        self, from_id: str, to_id: str, *labels: str, direction: g.Direction = OUT, **request: Any
    ) -> list[str] | None:
        """The nodes of a shortest path; None where there is none."""
        asked = g.ShortestPathRequest(from_id=from_id, to_id=to_id, labels=labels, direction=direction, **request)
        answer: g.ShortestPathResponse = await self.call("ShortestPath", asked)
        assert answer.found or not answer.path.nodes
        return [*answer.path.nodes] if answer.found else None


def _results(level: g.Level) -> Iterable[Any]:
    yield from (each.id for each in level.nodes)
    yield from (shown(each) for each in level.edges)
    yield from (tuple(each.nodes) for each in level.paths)


def _parts(values: list[Any], size: int) -> list[list[Any]]:
    return [values[begin : begin + size] for begin in range(0, len(values), size)]
