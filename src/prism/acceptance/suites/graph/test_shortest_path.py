"""Rule 9: shortest paths, and random graphs on which every answer is that of all walks, one by one."""

import itertools
import random

import pytest

from prism.acceptance.suites.graph.dsl import BOTH, EDGES, IN, NODES, OUT, PATHS, Graph, edge, shown, step
from prism.errors import LimitExceeded
from prism.interfaces import graph as g

SEEDS = range(3)


async def test_a_shortest_path(graph: Graph) -> None:
    """CONTRACT, Graph 9: the fewest edges; of equals the least ids; along its direction and labels."""
    await graph.drawn("a-x>c", "a-x>b", "b-x>d", "c-x>d", "d-x>e", "a-y>e", "e-x>f", edge("a-x>b", key="0"))
    assert await graph.path("a", "e") == ["a", "e"]
    assert await graph.path("a", "e", "x") == ["a", "b", "d", "e"]
    assert await graph.path("e", "a", "x") is None
    assert await graph.path("e", "a", "x", direction=IN) == ["e", "d", "b", "a"]
    assert await graph.path("b", "c", "x", direction=BOTH) == ["b", "a", "c"]
    answer = await graph.call("ShortestPath", g.ShortestPathRequest(from_id="a", to_id="d", labels=["x"]), via=1)
    assert [shown(each) for each in answer.path.edges] == ["a-x>b", "b-x>d"]
    assert [each.id for each in answer.path.edges] == ["a/x/b/", "b/x/d/"]


async def test_a_path_to_itself(graph: Graph) -> None:
    """CONTRACT, Graph 9: from a node to itself it is a path of no edges; where a node is missing there is none."""
    await graph.drawn("a-x>a", "a-x>b")
    assert await graph.path("a", "a") == ["a"]
    assert await graph.path("none", "none") is None
    assert await graph.path("a", "none") is None
    assert await graph.path("none", "a") is None


async def test_how_long_a_path_may_be(graph: Graph) -> None:
    """CONTRACT, Graph 9: none of more than `max` edges is found; over `max_visited` is LIMIT_EXCEEDED."""
    names = [f"n{each:02}" for each in range(41)]
    await graph.drawn(*(f"{one}-x>{other}" for one, other in itertools.pairwise(names)))
    assert await graph.path("n00", "n32") == names[:33]
    assert await graph.path("n00", "n33") is None
    assert await graph.path("n00", "n40", max=40) == names
    assert await graph.path("n00", "n40", max=39) is None
    asked = g.ShortestPathRequest(from_id="n00", to_id="n20", max_visited=19)
    refused = await graph.refused(LimitExceeded, "ShortestPath", asked)
    assert (refused.metadata["visited"], refused.metadata["depth"]) == ("19", "20")


class Walks:
    """A graph, and all walks in it, one by one: what traversals are compared with."""

    def __init__(self, made: random.Random) -> None:
        self.names = made.sample(["a", "b", "ä", "B", "\U0001f600", "\uffff", "c/d", "%"], made.randint(2, 6))
        count = made.randint(1, 3 * len(self.names))
        named = {
            (made.choice(self.names), made.choice("xy"), made.choice(self.names), made.choice(["", "k"]))
            for _ in range(count)
        }
        self.edges = [g.Edge(from_id=one, label=label, to_id=two, key=key) for one, label, two, key in sorted(named)]

    def around(self, node: str, asked: g.Step) -> list[tuple[g.Edge, str]]:
        """The edges of a step from a node, and where each leads."""
        found = []
        for each in self.edges:
            if asked.labels and each.label not in asked.labels:
                continue
            if each.from_id == node and asked.direction != IN:
                found.append((each, each.to_id))
            elif each.to_id == node and asked.direction in (IN, BOTH):
                found.append((each, each.from_id))
        return found

    def of(self, start: str, steps: list[g.Step]) -> list[tuple[list[str], list[g.Edge]]]:
        """All walks."""
        walks: list[tuple[list[str], list[g.Edge]]] = [([start], [])]
        for each in steps:
            whole = list(walks) if not each.min else []
            for taken in range(1, each.max + 1):
                walks = [
                    ([*nodes, other], [*edges, along])
                    for nodes, edges in walks
                    for along, other in self.around(nodes[-1], each)
                ]
                if taken >= each.min:
                    whole += walks
            walks = whole
        return walks


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_walk_counts(graph: Graph, seed: int) -> None:
    """CONTRACT, Graph 5 and 9: on random graphs the answers are what all walks, one by one, say."""
    made = random.Random(seed)
    for _ in range(4):
        space = graph.elsewhere()
        walks = Walks(made)
        await space.nodes(*walks.names)
        await space.edges(*walks.edges)
        for _ in range(6):
            start = made.choice(walks.names)
            steps = [
                step(
                    *made.choice(["", "x", "xy"]), least=least, most=least + made.randint(0, 2),
                    direction=made.choice([OUT, IN, BOTH]),
                )
                for least in [made.randint(0, 2) for _ in range(made.randint(1, 2))]
            ]  # fmt: skip
            every = walks.of(start, steps)
            nodes: dict[str, int] = {}
            edges: dict[tuple[str, ...], tuple[int, str]] = {}
            for passed, along in sorted(every, key=lambda walk: len(walk[1])):
                nodes.setdefault(passed[-1], len(along))
                if along:
                    last = along[-1]
                    name = (last.from_id, last.label, last.to_id, last.key)
                    edges.setdefault(name, (len(along), shown(last)))
            found = await space.reached(start, *steps, returns=NODES)
            assert found == sorted((depth, each) for each, depth in nodes.items())
            found = await space.reached(start, *steps, returns=EDGES)
            expected = sorted((depth, name, text) for name, (depth, text) in edges.items())
            assert found == [(depth, text) for depth, _, text in expected]
            paths = {
                tuple(passed): (len(along), tuple(passed)) for passed, along in every if len({*passed}) == len(passed)
            }
            found = await space.reached(start, *steps, returns=PATHS)
            assert sorted({*found}) == sorted(paths.values())
            assert [each for each, _ in found] == sorted(each for each, _ in found)
