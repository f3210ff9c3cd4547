"""How much a store is asked for: pages, and nodes by their ids, of what is large."""

from collections.abc import Mapping, Sequence

import pytest

from prism.backends.memory.graph import MemoryGraphs
from prism.context import Context
from prism.errors import LimitExceeded
from prism.interfaces import graph as g
from prism.interfaces.capabilities.graph import GraphCapabilities
from prism.interfaces.value import Value
from prism.sdk.graph import Hop, Place, StoredGraph

HERE = Context("n")
LARGE = 100 << 10
NODES = 600


class Counted(MemoryGraphs):
    """Counts the nodes and edges that it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0

    async def nodes(self, context: Context, ids: Sequence[str]) -> Mapping[str, g.Node]:
        found = await super().nodes(context, ids)
        self.given += len(found)
        return found

    async def list_nodes(self, context: Context, label: str, after: str, limit: int) -> Sequence[g.Node]:
        found = await super().list_nodes(context, label, after, limit)
        self.given += len(found)
        return found

    async def adjacent(
        self, context: Context, places: Sequence[Place], *, incoming: bool, limit: int, whole: bool
    ) -> Sequence[Sequence[Hop]]:
        found = await super().adjacent(context, places, incoming=incoming, limit=limit, whole=whole)
        self.given += sum(map(len, found))
        return found


@pytest.fixture
async def store() -> Counted:
    """A hub with many edges, all of them and their nodes large."""
    store = Counted()
    large = {"p": Value(bytes=bytes(LARGE))}
    nodes = [g.Node(id="hub")] + [g.Node(id=f"n{each:04}", properties=large) for each in range(NODES)]
    edges = [g.Edge(from_id="hub", label="x", to_id=each.id, properties=large) for each in nodes[1:]]
    await store.create_nodes(HERE, nodes, g.Mode.GRAPH_MODE_CREATE)
    await store.create_edges(HERE, edges, g.Mode.GRAPH_MODE_CREATE)
    return store


def graph_on(store: Counted) -> StoredGraph:
    """Graph over it."""
    graph = StoredGraph(store)
    graph.declare(GraphCapabilities(value_kinds=("bytes",)))
    return graph


async def test_pages_read_little_more_than_they_give(store: Counted) -> None:
    """Of large nodes and edges not the thousand that a page may have, but a usual page's at first; then what fits."""
    graph = graph_on(store)
    page = await graph.list_nodes(g.ListNodesRequest(limit=1000), HERE)
    assert (len(page.nodes), store.given <= 101) == (11, True)
    store.given = 0
    edges = await graph.get_edges(g.GetEdgesRequest(node="hub", limit=1000), HERE)
    assert (len(edges.edges), store.given <= 101) == (10, True)


async def test_small_ones_are_read_in_two_reads(store: Counted) -> None:
    """Nothing is read twice, and the page is whole."""
    small = [g.Node(id=f"a{each:04}") for each in range(900)]
    await store.create_nodes(HERE, small, g.Mode.GRAPH_MODE_CREATE)
    page = await graph_on(store).list_nodes(g.ListNodesRequest(limit=850), HERE)
    assert [each.id for each in page.nodes] == [each.id for each in small[:850]]
    assert store.given == 851


async def test_nodes_by_ids_stop_where_no_answer_holds_them(store: Counted) -> None:
    """The refusal comes when it is known, not when all are read; what fits comes in order."""
    graph = graph_on(store)
    ids = [f"n{each:04}" for each in range(NODES)]
    with pytest.raises(LimitExceeded) as caught:
        await graph.get_nodes(g.GetNodesRequest(ids=ids), HERE)
    assert (caught.value.reason, store.given) == ("ANSWER_TOO_LARGE", 101)
    found = await graph.get_nodes(
        g.GetNodesRequest(ids=["n0001", "none", "hub", *(f"x{each}" for each in range(400))]), HERE
    )
    assert [each.id for each in found.nodes] == ["n0001", "hub"]
