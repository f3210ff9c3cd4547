"""Rules 5 to 8: traversals, level by level, their order, their limits and what is read of a hub."""

import asyncio
import itertools
from typing import Any

import pytest

from prism.acceptance.suites.graph.dsl import (
    BOTH,
    BY_EDGE,
    CASCADE,
    EDGES,
    IN,
    NODES,
    PATHS,
    Found,
    Graph,
    edge,
    node,
    step,
)
from prism.client.filters import field
from prism.errors import DeadlineExceeded, InvalidArgument, LimitExceeded, Unimplemented
from prism.interfaces import graph as g

DIAMOND = ("a-x>b", "a-x>c", "b-x>d", "c-x>d", "d-x>e", "e-x>a", "d-y>f")


async def test_level_by_level(graph: Graph) -> None:
    """CONTRACT, Graph 5: what some walk reaches, each once, at its least depth, by depth and then by id in bytes."""
    await graph.drawn(*DIAMOND)
    assert await graph.reached("a", step("x", least=1, most=2)) == [(1, "b"), (1, "c"), (2, "d")]
    assert await graph.reached("a", step("x", least=2, most=2)) == [(2, "d")]
    assert await graph.reached("a", step(most=32)) == [(1, "b"), (1, "c"), (2, "d"), (3, "e"), (3, "f"), (4, "a")]
    assert await graph.reached("a", step("x", least=0, most=1)) == [(0, "a"), (1, "b"), (1, "c")]
    assert await graph.reached("a") == [(0, "a")]
    assert await graph.reached(["c", "a", "none"], step(), via=1) == [(1, "b"), (1, "c"), (1, "d")]


async def test_steps_in_turn(graph: Graph) -> None:
    """CONTRACT, Graph 5: steps are taken in turn, each `min` to `max` times, along its direction and labels."""
    await graph.drawn(*DIAMOND, "g-y>d")
    assert await graph.reached("a", step("x"), step("x"), step("y")) == [(3, "f")]
    assert await graph.reached("f", step("y", direction=IN), step("x", direction=IN)) == [(2, "b"), (2, "c")]
    assert await graph.reached("a", step("x", least=0, most=3), step("y")) == [(3, "f")]
    assert await graph.reached("a", step("x", least=2, most=2), step("y", direction=BOTH)) == [(3, "f"), (3, "g")]
    assert await graph.reached("a", step("y", least=0), step("x", least=0, most=0)) == [(0, "a")]
    assert await graph.reached("b", step("x", "y"), step("none")) == []


async def test_circles_end(graph: Graph) -> None:
    """CONTRACT, Graph 5: a node is gone on from once for each place in the steps, so that circles end."""
    await graph.drawn("a-x>b", "b-x>c", "c-x>a", "a-x>a", edge("a-x>b", key="2"))
    found, end = await graph.traverse("a", step(least=1, most=32))
    assert found == [(1, "a"), (1, "b"), (2, "c")]
    assert (end.complete, end.visited <= 8) == (True, True)
    exactly = await graph.reached("b", step("x", least=31, most=31))
    assert exactly == [(31, "a"), (31, "b"), (31, "c")]
    again = await graph.reached("a", step(least=0, most=32), step(least=0, most=32), returns=EDGES)
    assert again == [(1, "a-x>a"), (1, "a-x>b"), (1, "a-x>b 2"), (2, "b-x>c"), (3, "c-x>a")]


async def test_edges_that_lead_there(graph: Graph) -> None:
    """CONTRACT, Graph 5: EDGES are the last edges of the walks, each once, at its least depth, by their names."""
    await graph.drawn(*DIAMOND)
    assert await graph.reached("a", step("x", least=2, most=2), returns=EDGES) == [(2, "b-x>d"), (2, "c-x>d")]
    assert await graph.reached("d", step(direction=BOTH), returns=EDGES) == [
        (1, "b-x>d"), (1, "c-x>d"), (1, "d-x>e"), (1, "d-y>f"),
    ]  # fmt: skip
    assert await graph.reached("a", returns=EDGES) == []


async def test_filters_along_the_way(graph: Graph) -> None:
    """CONTRACT, Graph 5: `edge_filter` and `node_filter` of a step are about each edge and node that it goes by."""
    await graph.nodes(node("a"), *(node(each, good=each != "c") for each in "bcdef"))
    await graph.edges(*(edge(text, weight=number) for number, text in enumerate(DIAMOND)))
    heavy, good = field("weight").ge(1), field("good").eq(True)
    assert await graph.reached("a", step(edge_filter=heavy, most=9)) == [
        (1, "c"), (2, "d"), (3, "e"), (3, "f"), (4, "a"),
    ]  # fmt: skip
    assert await graph.reached("a", step(node_filter=good, most=9)) == [(1, "b"), (2, "d"), (3, "e"), (3, "f")]
    assert await graph.reached("a", step(edge_filter=heavy, node_filter=good, most=9)) == []


async def test_paths(graph: Graph) -> None:
    """CONTRACT, Graph 5: PATHS: each path once, with no node twice, by depth and then by the ids in it."""
    await graph.drawn(*DIAMOND, "a-y>b")
    expected = [
        (1, ("a", "b")), (1, ("a", "b")), (1, ("a", "c")),
        (2, ("a", "b", "d")), (2, ("a", "b", "d")), (2, ("a", "c", "d")),
        (3, ("a", "b", "d", "e")), (3, ("a", "b", "d", "e")), (3, ("a", "b", "d", "f")), (3, ("a", "b", "d", "f")),
        (3, ("a", "c", "d", "e")), (3, ("a", "c", "d", "f")),
    ]  # fmt: skip
    assert await graph.reached("a", step(most=32), returns=PATHS) == expected
    split = await graph.reached("a", step(least=0, most=2), step(least=0, most=30), returns=PATHS)
    assert split == [(0, ("a",)), *expected], "a path is given once, however the steps share it"
    there = await graph.reached(["a", "c"], step("x", least=2, most=2), returns=PATHS)
    assert there == [(2, ("a", "b", "d")), (2, ("a", "c", "d")), (2, ("c", "d", "e"))]


async def test_paths_without_an_edge_twice(graph: Graph) -> None:
    """CONTRACT, Graph 5: by `unique` EDGE a path may come to a node again, along another edge."""
    await graph.drawn("a-x>b", "b-x>a", "a-x>a")
    assert await graph.reached("a", step(most=9), returns=PATHS) == [(1, ("a", "b"))]
    assert await graph.reached("a", step(most=9), returns=PATHS, unique=BY_EDGE) == [
        (1, ("a", "a")), (1, ("a", "b")), (2, ("a", "a", "b")), (2, ("a", "b", "a")),
        (3, ("a", "a", "b", "a")), (3, ("a", "b", "a", "a")),
    ]  # fmt: skip
    both = await graph.reached("a", step(direction=BOTH, most=1), returns=PATHS, unique=BY_EDGE)
    assert both == [(1, ("a", "a")), (1, ("a", "b")), (1, ("a", "b"))]


@pytest.mark.parametrize("returns", [NODES, EDGES, PATHS])
async def test_a_limit(graph: Graph, returns: g.Return) -> None:
    """CONTRACT, Graph 6: `limit` gives the first results and ends with `complete: false`; nothing else cuts."""
    await graph.drawn(*(f"a-x>n{each}" for each in range(5)), *(f"n{each}-x>m{each}" for each in range(5)))
    asked: dict[str, Any] = {"returns": returns}
    every, end = await graph.traverse("a", step(most=2), **asked)
    assert (len(every), end.complete, end.visited, end.depth) == (10, True, 10, 2)
    for limit in (1, 5, 7):
        found, end = await graph.traverse("a", step(most=2), limit=limit, **asked)
        assert (found, end.complete) == (every[:limit], False)
        assert end.depth == (1 if limit <= 5 else 2)
    assert (await graph.traverse("a", step(most=2), limit=11, **asked))[1].complete


@pytest.mark.parametrize("returns", [NODES, EDGES, PATHS])
async def test_too_many_edges(graph: Graph, returns: g.Return) -> None:
    """CONTRACT, Graph 6: over `max_visited` is LIMIT_EXCEEDED and says how far it came; exactly as many is not."""
    await graph.drawn(*(f"a-x>n{each}" for each in range(5)), *(f"n{each}-x>m{each}" for each in range(5)))
    asked: dict[str, Any] = {"returns": returns}
    for most in (1, 4, 5, 7, 9):
        with pytest.raises(LimitExceeded) as caught:
            await graph.traverse("a", step(most=2), max_visited=most, **asked)
        depth = 1 if most < 5 else 2
        said = {name: caught.value.metadata.get(name) for name in ("limit", "visited", "depth")}
        assert said == {"limit": "max_visited", "visited": str(most), "depth": str(depth)}
    assert (await graph.traverse("a", step(most=2), max_visited=10, **asked))[1].complete


async def test_a_deadline(graph: Graph) -> None:
    """CONTRACT, Graph 6: a deadline ends a traversal with DEADLINE_EXCEEDED, which says how far it came."""
    names = [f"n{each:02}" for each in range(24)]
    await graph.drawn(*(f"{one}-x>{other}" for one in names for other in names if one != other))
    asked = g.TraverseRequest(
        start=names[:1], steps=[step(most=32)], returns=PATHS, max_visited=1_000_000, limit=4_000_000_000
    )
    operation = graph.OPERATIONS["Traverse"]
    said: set[str] = set()
    for timeout in (0.5, 2.0, 8.0):  # a machine that is busy may take the margin that is left for saying it
        with pytest.raises((DeadlineExceeded, LimitExceeded)) as caught:
            async for _ in graph.caller.stream(operation, asked, namespace=graph.namespace, timeout=timeout):
                pass
        said = {*caught.value.metadata}
        if "visited" in said:
            break
    assert {"visited", "depth"} <= said


async def test_steps_that_are_wrong(graph: Graph) -> None:
    """CONTRACT, Graph 5: at most 32 times, `max` not below `min`, a filter that is one: else INVALID_ARGUMENT."""
    for broken, named in (
        (step(most=33), "steps[0].max"),
        (step(least=3, most=2), "steps[0].max"),
        (step("x" * 129), "steps[0].labels[0]"),
    ):
        refused = await graph.refused(InvalidArgument, "Traverse", g.TraverseRequest(start=["a"], steps=[broken]))
        assert [each.field for each in refused.violations] == [named]


async def test_a_hub(graph: Graph) -> None:
    """CONTRACT, Graph 7: the edges of a hub are read by pages, by all of them and along the way."""
    await graph.nodes("a", "hub", "z")
    await graph.edges("a-x>hub", "hub-z>z")
    ends = [f"n{each:05}" for each in range(5_500)]
    for begin in range(0, len(ends), 1000):
        part = ends[begin : begin + 1000]
        await graph.nodes(*part)
        await graph.edges(*(edge(f"hub-x>{each}") for each in part))
    found = await graph.reached("a", step("x", most=2))
    assert found == [(1, "hub"), *((2, each) for each in ends)]
    assert await graph.reached("a", step("x"), step("z")) == [(2, "z")]
    assert await graph.reached(["n00000", "n05499"], step(direction=IN), step(direction=IN)) == [(2, "a")]
    pages = await graph.pages("hub", limit=1000)
    assert [each.to_id for page in pages for each in page] == [*ends, "z"]
    assert await graph.count("hub") == (5_501, True)


async def test_a_wide_level(graph: Graph) -> None:
    """CONTRACT, Graph 7: a level of more nodes than one statement takes is read by several."""
    ends = [f"n{each:04}" for each in range(2500)]
    await graph.drawn(*(f"a-x>{each}" for each in ends), *(f"{each}-x>m" for each in ends))
    found, end = await graph.traverse("a", step("x", least=2, most=2))
    assert (found, end.visited) == ([(2, "m")], 5000)


async def test_a_snapshot(graph: Graph) -> None:
    """CONTRACT, Graph 8: where `snapshot` is declared, all levels are of one instant; else it is UNIMPLEMENTED."""
    asked = g.TraverseRequest(start=["a"], steps=[step("x", most=32)], snapshot=True)
    path = g.ShortestPathRequest(from_id="a", to_id="n11", snapshot=True)
    if not graph.capabilities.snapshot:
        await graph.refused(Unimplemented, "Traverse", asked)
        await graph.refused(Unimplemented, "ShortestPath", path)
        return
    names = ["a", *(f"n{each:02}" for each in range(12))]
    await graph.drawn(*(f"{one}-x>{other}" for one, other in itertools.pairwise(names)))
    assert (await graph.call("ShortestPath", path)).found
    found: Found = []
    deleted = False
    async for response in graph.open("Traverse", asked):
        found += [(response.level.depth, each.id) for each in response.level.nodes]
        if not deleted:
            deleted = True
            await asyncio.gather(*(graph.delete(each, CASCADE) for each in names[2:]))
    assert found == [(number, each) for number, each in enumerate(names) if number]
    assert await graph.reached("a", step("x", most=32)) == [(1, "n00")]
