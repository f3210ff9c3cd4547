"""`Client.graph`: nodes, edges, traversals and paths as plain Python values; the same without `await`."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from client.upstream import Upstream
from graphs import graphing
from prism.client import (
    AlreadyExists,
    Client,
    Edge,
    EdgeCount,
    Graph,
    LimitExceeded,
    Node,
    NodeHasEdges,
    NodeNotFound,
    Step,
    field,
    sync,
)

ADA = Node(
    "ada", ("person",), {"born": 1815, "name": "Ada", "x": Decimal("1.50"), "at": datetime(1833, 6, 5, tzinfo=UTC)}
)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A server of an empty graph."""
    async with graphing() as upstream:
        yield upstream


@pytest.fixture
async def graph(upstream: Upstream) -> AsyncIterator[Graph]:
    """A client of it."""
    async with Client(upstream.address) as prism:
        yield prism.graph()


async def drawn(graph: Graph) -> None:
    await graph.create_nodes(ADA, Node("bob"), Node("eve"), Node("zoo", ("place",)))
    await graph.create_edges(
        Edge("ada", "knows", "bob", properties={"since": 1833}), Edge("bob", "knows", "eve"), Edge("eve", "owns", "zoo")
    )


async def test_nodes(graph: Graph) -> None:
    """Made, read, changed and deleted; properties keep their types."""
    await drawn(graph)
    assert await graph.node("ada") == ADA
    assert await graph.node("none") is None
    assert await graph.nodes() == {}
    assert [*await graph.nodes("zoo", "none", "ada", "ada")] == ["zoo", "ada"]
    with pytest.raises(AlreadyExists):
        await graph.create_nodes(Node("new"), ADA)
    assert await graph.create_nodes(Node("new"), Node("ada", (), {"born": None}), mode="merge") == 1
    changed = await graph.update_node("ada", {"name": None, "y": 1}, remove=["at"], add_labels=["x"])
    assert changed == Node("ada", ("person", "x"), {"x": Decimal("1.50"), "y": 1})
    with pytest.raises(NodeNotFound):
        await graph.update_node("none", {"a": 1})
    assert [each.id async for each in graph.list_nodes(page_size=2)] == ["ada", "bob", "eve", "new", "zoo"]
    assert [each.id async for each in graph.list_nodes("place")] == ["zoo"]
    assert [each.id async for each in graph.list_nodes(where=field("y").ge(1))] == ["ada"]
    with pytest.raises(NodeHasEdges) as caught:
        await graph.delete_node("bob")
    assert caught.value.metadata["edges"] == "2"
    assert (await graph.delete_node("bob", cascade=True), await graph.delete_node("bob")) == (True, False)


async def test_edges(graph: Graph) -> None:
    """Made, listed, counted and deleted."""
    await drawn(graph)
    with pytest.raises(NodeNotFound):
        await graph.create_edges(Edge("ada", "knows", "none"))
    assert [each async for each in graph.edges("ada")] == [Edge("ada", "knows", "bob", properties={"since": 1833})]
    assert [each.from_id async for each in graph.edges("eve", "both", ("owns", "knows"))] == ["eve", "bob"]
    assert [each async for each in graph.edges("ada", where=field("since").lt(1833))] == []
    assert await graph.count_edges("bob", "both", at_most=1) == EdgeCount(1, exact=False)
    assert await graph.delete_edges() == 0
    assert await graph.delete_edges(Edge("ada", "knows", "bob"), "bob/knows/eve/", "a%2Fb/x/c/") == 2
    assert Edge("a/b", "x%", "c", "k").id == "a%2Fb/x%25/c/k"
    with pytest.raises(ValueError, match="direction is 'up'; give one of out, in, both"):
        graph.edges("ada", "up")  # type: ignore[arg-type]


async def test_ways(graph: Graph) -> None:
    """Traversals give nodes, edges or paths with their depths; a path is its nodes and edges."""
    await drawn(graph)
    knows = Step("knows", most=5)
    assert [(each.depth, each.node.id) async for each in graph.traverse("ada", knows) if each.node] == [
        (1, "bob"), (2, "eve"),
    ]  # fmt: skip
    edges = [each.edge async for each in graph.traverse(["ada", "eve"], Step(), returns="edges")]
    assert edges == [Edge("ada", "knows", "bob", properties={"since": 1833}), Edge("eve", "owns", "zoo")]
    paths = [each.path.nodes async for each in graph.traverse("ada", knows, Step("owns"), returns="paths") if each.path]
    assert paths == [("ada", "bob", "eve", "zoo")]
    since = Step("knows", edges=field("since").exists(), nodes=field("born").exists(), direction="in")
    assert [each.node.id async for each in graph.traverse("bob", since) if each.node] == ["ada"]
    assert len([each async for each in graph.traverse("ada", knows, limit=1)]) == 1
    with pytest.raises(LimitExceeded) as caught:
        _ = [each async for each in graph.traverse("ada", knows, max_visited=1)]
    assert caught.value.metadata["visited"] == "1"
    path = await graph.shortest_path("zoo", "ada", "in")
    assert path is not None
    assert path.nodes == ("zoo", "eve", "bob", "ada")
    assert path.edges[0] == Edge("eve", "owns", "zoo")
    assert await graph.shortest_path("zoo", "ada") is None


async def test_without_await(upstream: Upstream) -> None:
    """The same methods wait."""

    def run() -> list[str]:
        with sync.Client(upstream.address) as prism:
            graph = prism.graph()
            graph.create_nodes(Node("a"), Node("b"))
            graph.create_edges(Edge("a", "x", "b"))
            found = [each.node.id for each in graph.traverse("a", Step()) if each.node is not None]
            path = graph.shortest_path("a", "b")
            return [*(each.id for each in graph.list_nodes()), *found, *(path.nodes if path else ())]

    assert await asyncio.to_thread(run) == ["a", "b", "b", "a", "b"]
