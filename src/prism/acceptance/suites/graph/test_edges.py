"""Rules 1, 3, 4 and 7: edges, their ends, what becomes of them, and how they are read."""

import asyncio

from prism.acceptance.suites.graph.dsl import (
    BOTH,
    CASCADE,
    IN,
    MERGE,
    OUT,
    REFUSE,
    REPLACE,
    Graph,
    edge,
    node,
    plain,
    shown,
    values,
)
from prism.client.filters import field
from prism.errors import AlreadyExists, InvalidArgument, NodeHasEdges, NodeNotFound, PrismError
from prism.interfaces import graph as g


async def test_an_edge_needs_its_nodes(graph: Graph) -> None:
    """CONTRACT, Graph 1: an edge without one of its nodes is refused, and nothing of its request is made."""
    await graph.nodes("a", "b")
    for missing in ("a-x>c", "c-x>a", "c-x>c"):
        request = g.CreateEdgesRequest(edges=[edge("a-x>b"), edge(missing)])
        refused = await graph.refused(NodeNotFound, "CreateEdges", request)
        assert (refused.reason, refused.metadata["id"]) == ("NODE_NOT_FOUND", "c")
    assert await graph.around("a", BOTH) == []


async def test_edges_made_while_nodes_go(graph: Graph) -> None:
    """CONTRACT, Graph 1: an edge has both its nodes at every moment, also when 64 callers race."""
    if graph.capabilities.edge_integrity != "enforced":
        return
    for turn in range(3):
        hub, ends = f"hub{turn}", [f"n{turn}-{each}" for each in range(31)]
        await graph.nodes(hub, *ends)
        making = [graph.edges(f"{hub}-x>{end}", via=number % 2) for number, end in enumerate(ends)]
        making += [graph.edges(edge(f"{end}-y>{hub}"), via=number % 2) for number, end in enumerate(ends)]
        deleting = [graph.delete(hub, CASCADE, via=each) for each in (0, 1)]
        racing = [*making[:31], deleting[0], *making[31:], deleting[1]]
        done = await asyncio.gather(*racing, return_exceptions=True)
        assert {type(each) for each in done if isinstance(each, Exception)} <= {NodeNotFound}
        assert sum(each[0] for each in done if isinstance(each, tuple)) == 1
        left = [found for end in ends for found in await graph.around(end, BOTH)]
        assert (await graph.get(hub), left) == ([], [])


async def test_refused_while_edges_come(graph: Graph) -> None:
    """CONTRACT, Graph 1: REFUSE beside callers that make edges: the node goes without any, or stays with them."""
    if graph.capabilities.edge_integrity != "enforced":
        return
    for turn in range(5):
        hub = f"hub{turn}"
        await graph.nodes(hub, "n")
        making = [graph.edges(edge(f"{hub}-x>n", key=f"{each}"), via=each % 2) for each in range(8)]
        done = await asyncio.gather(*making[:4], graph.delete(hub, REFUSE), *making[4:], return_exceptions=True)
        made = [each for each in done if isinstance(each, list)]
        there = await graph.get(hub)
        assert {type(each) for each in done if isinstance(each, PrismError)} <= {NodeNotFound, NodeHasEdges}
        assert bool(made) is bool(there)
        assert await graph.count(hub) == (len(made), True)
        await graph.nodes("n", mode=MERGE)
        await graph.delete("n", CASCADE)


async def test_many_between_two(graph: Graph) -> None:
    """CONTRACT, Graph 4: many edges between two nodes are kept, told apart by label and key."""
    await graph.drawn("a-x>b", edge("a-x>b", key="1", p=1), edge("a-x>b", key="2"), "a-y>b", "b-x>a")
    assert await graph.around("a") == ["a-x>b", "a-x>b 1", "a-x>b 2", "a-y>b"]
    assert await graph.around("a", IN) == ["b-x>a"]
    assert await graph.around("a", BOTH) == ["a-x>b", "a-x>b 1", "a-x>b 2", "a-y>b", "b-x>a"]
    assert await graph.around("b", IN, labels=["x"]) == ["a-x>b", "a-x>b 1", "a-x>b 2"]
    assert await graph.count("a", BOTH, "x") == (4, True)


async def test_from_a_node_to_itself(graph: Graph) -> None:
    """CONTRACT, Graph 4: an edge from a node to itself is kept; BOTH gives it once."""
    await graph.drawn("a-x>a", edge("a-x>a", key="1"), "a-x>b", "b-x>a")
    assert await graph.around("a") == ["a-x>a", "a-x>a 1", "a-x>b"]
    assert await graph.around("a", IN) == ["a-x>a", "a-x>a 1", "b-x>a"]
    assert await graph.around("a", BOTH, limit=1) == ["a-x>a", "a-x>a 1", "a-x>b", "b-x>a"]
    assert [await graph.count("a", each) for each in (OUT, IN, BOTH)] == [(3, True), (3, True), (4, True)]
    assert await graph.delete("a", CASCADE) == (True, 4)
    assert await graph.around("b", BOTH) == []


async def test_modes_of_edges(graph: Graph) -> None:
    """CONTRACT, Graph 2: the modes are those of nodes."""
    await graph.drawn(edge("a-x>b", p=1, q=2))
    request = g.CreateEdgesRequest(edges=[edge("b-x>a"), edge("a-x>b")])
    refused = await graph.refused(AlreadyExists, "CreateEdges", request)
    assert (refused.metadata["id"], await graph.around("b")) == ("a/x/b/", [])
    await graph.edges(edge("a-x>b", q=None, r=3), "b-x>a", mode=MERGE)
    assert plain((await graph.pages("a"))[0][0].properties) == {"p": 1, "r": 3}
    await graph.edges(edge("a-x>b", s=4), mode=REPLACE)
    assert plain((await graph.pages("a"))[0][0].properties) == {"s": 4}
    named = [g.Edge(from_id="a", label="y", to_id="b", properties=values({f"p{each}": each})) for each in range(16)]
    racing = [graph.edges(each, mode=MERGE, via=number % 2) for number, each in enumerate(named)]
    await asyncio.gather(*racing)
    ((merged,),) = await graph.pages("a", labels=["y"])
    assert plain(merged.properties) == {f"p{each}": each for each in range(16)}


async def test_ids_of_edges(graph: Graph) -> None:
    """CONTRACT, Graph: the id of an edge is made of the four, names no other one, and deletes it."""
    made = [
        g.Edge(from_id=from_id, label=label, to_id=to_id, key=key)
        for from_id, label, to_id, key in (
            ("a", "x", "b", ""), ("a", "x", "b", "k"), ("a/x", "b", "c", ""), ("a", "x/b", "c", ""),
            ("a%", "x", "ä", "/"), ("a%2F", "x", "ä", "%"),
        )
    ]  # fmt: skip
    await graph.nodes("a", "b", "c", "a/x", "a%", "a%2F", "ä")
    ids = await graph.edges(*made)
    assert ids[:2] == ["a/x/b/", "a/x/b/k"]
    assert len({*ids}) == len(ids)
    for number, each in enumerate(made):
        found = [one for page in await graph.pages(each.from_id) for one in page if shown(one) == shown(each)]
        assert [one.id for one in found] == [ids[number]]
        assert await graph.unlink(ids[number], "a/none/b/") == 1
    for wrong in ("", "a", "a/x/b", "a/x/b/k/l", "/x/b/", "a%2fx/b/c/", "%zz/x/b/"):
        await graph.refused(InvalidArgument, "DeleteEdges", g.DeleteEdgesRequest(ids=[ids[0], wrong]))
    twice = g.CreateEdgesRequest(edges=[edge("a-x>b"), edge("a-x>c"), edge("a-x>b", p=1)])
    refused = await graph.refused(InvalidArgument, "CreateEdges", twice)
    assert [each.field for each in refused.violations] == ["edges[2]"]


async def test_a_node_with_edges(graph: Graph) -> None:
    """CONTRACT, Graph 3: REFUSE is FAILED_PRECONDITION with the number of edges; CASCADE takes them along."""
    await graph.drawn("a-x>b", "a-x>c", "b-x>a", "b-x>c")
    refused = await graph.refused(NodeHasEdges, "DeleteNode", g.DeleteNodeRequest(id="a"))
    assert (refused.reason, refused.metadata["edges"]) == ("NODE_HAS_EDGES", "3")
    assert await graph.count("a", BOTH) == (3, True)
    assert await graph.delete("a", CASCADE, via=1) == (True, 3)
    assert await graph.around("b", BOTH) == ["b-x>c"]
    assert await graph.delete("a") == (False, 0)
    await graph.unlink("b/x/c/")
    assert await graph.delete("c") == (True, 0)
    assert await graph.ids() == ["b"]


async def test_pages_of_edges(graph: Graph) -> None:
    """CONTRACT, Graph, pages: edges that come or go between pages cause no skip and no repeat of others."""
    every = [f"a-{label}>n{each:02}" for label in "xy" for each in range(12)]
    await graph.drawn(*every, "n03-x>a", "n04-x>a")
    page = await graph.call("GetEdges", g.GetEdgesRequest(node="a", direction=BOTH, limit=5))
    assert [shown(each) for each in page.edges] == every[:5]
    await graph.unlink(page.edges[-1].id, "a/x/n06/")
    await graph.drawn("a-x>n00x", "a-x>n05x")
    rest = [await graph.around("a", BOTH, limit=each) for each in (1, 7, 100)]
    assert rest[0] == rest[1] == rest[2]
    asked = g.GetEdgesRequest(node="a", direction=BOTH, limit=5, cursor=page.next_cursor)
    page = await graph.call("GetEdges", asked, via=1)
    assert [shown(each) for each in page.edges] == ["a-x>n05", "a-x>n05x", "a-x>n07", "a-x>n08", "a-x>n09"]
    other = g.GetEdgesRequest(node="b", direction=BOTH, cursor=page.next_cursor)
    await graph.refused(InvalidArgument, "GetEdges", other)
    assert await graph.around("a", labels=["y", "none", "x"], limit=3) == [each for each in rest[0] if each[0] == "a"]


async def test_filters_of_edges(graph: Graph) -> None:
    """CONTRACT, 3.1: a filter over the properties of edges."""
    await graph.drawn(*(edge(f"a-x>n{each:02}", p=each) for each in range(20)), "a-x>z")
    found = await graph.around("a", filter=field("p").ge(17), limit=2)
    assert found == ["a-x>n17", "a-x>n18", "a-x>n19"]
    assert await graph.around("a", filter=field("p").ne(3), labels=["x"], limit=100) == [
        f"a-x>n{each:02}" for each in range(20) if each != 3
    ] + ["a-x>z"]


async def test_a_count_stops(graph: Graph) -> None:
    """CONTRACT, Graph 7: counting stops at `at_most`, and says that there are more."""
    await graph.drawn(*(f"a-x>n{each}" for each in range(10)), *(f"n{each}-y>a" for each in range(10)))
    assert await graph.count("a", BOTH) == (20, True)
    assert await graph.count("a", BOTH, at_most=20) == (20, True)
    assert await graph.count("a", BOTH, at_most=19) == (19, False)
    assert await graph.count("a", OUT, "x", "y", at_most=5) == (5, False)
    assert await graph.count("none", BOTH) == (0, True)


async def test_a_cascade_has_a_bound(graph: Graph) -> None:
    """CONTRACT, Graph 3: above 10,000 edges CASCADE is refused and changes nothing; by pages it goes."""
    await graph.nodes("hub", "n")
    for begin in range(0, 10_001, 1000):
        some = range(begin, min(begin + 1000, 10_001))
        await graph.edges(*(edge("hub-x>n", key=f"{each:05}") for each in some))
    refused = await graph.refused(NodeHasEdges, "DeleteNode", g.DeleteNodeRequest(id="hub", edges=CASCADE))
    assert refused.metadata["edges"] == "10001"
    assert await graph.count("hub") == (10_001, True)
    page = await graph.call("GetEdges", g.GetEdgesRequest(node="hub", limit=1000))
    assert await graph.unlink(*(each.id for each in page.edges)) == 1000
    assert await graph.delete("hub", CASCADE) == (True, 9001)
    assert (await graph.ids(), await graph.around("n", IN)) == (["n"], [])


async def test_labels_of_edges_are_exact(graph: Graph) -> None:
    """CONTRACT, Graph 4: a label is its bytes: none is the beginning of another one."""
    await graph.nodes(node("a"), node("b"))
    labels = ["x", "xx", "X", "x ", "ä", "x\x01", "x/y", "%"]
    await graph.edges(*(g.Edge(from_id="a", label=each, to_id="b") for each in labels))
    for each in labels:
        ((found,),) = await graph.pages("a", labels=[each])
        assert (found.label, await graph.count("b", IN, each)) == (each, (1, True))
    assert [each.label for each in (await graph.pages("a"))[0]] == sorted(labels, key=str.encode)
