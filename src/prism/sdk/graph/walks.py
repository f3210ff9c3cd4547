"""What walks end at, level by level: nodes, or the edges that led to them, each at its least depth.

A node is gone on from once for each place in the steps, so that circles end. Where a step may be left, a walk that has
taken it fewer times can do all that one can that has taken it more often: the latter is not followed.
"""

from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

from prism.context import Context
from prism.sdk.graph.edge_name import EdgeName
from prism.sdk.graph.filtering import passes
from prism.sdk.graph.limits import Visits
from prism.sdk.graph.steps import NodeTests, Spot, Steps, hops
from prism.sdk.graph.store import GraphReads

Frontier = dict[str, list[Spot]]


class Level(NamedTuple):
    """What is reached at one depth.

    Attributes:
        depth: how many edges that takes.
        nodes: ids in order, where nodes are asked for.
        edges: names in order, where edges are.
        more: walks go on from there.
    """

    depth: int
    nodes: list[str]
    edges: list[EdgeName]
    more: bool


class Walks:
    """All walks from some nodes along some steps."""

    def __init__(self, reads: GraphReads, context: Context, steps: Steps, visits: Visits, *, edges: bool) -> None:
        self._reads = reads
        self._context = context
        self._steps = steps
        self._visits = visits
        self._of_edges = edges
        self._nodes: set[str] = set()
        self._edges: set[EdgeName] = set()
        self._taken: set[tuple[str, Spot]] = set()
        self._fewest: dict[tuple[str, int], int] = {}
        self._tests = [NodeTests(reads, context, step.node_filter) for step in steps.all]

    async def levels(self, start: Iterable[str]) -> AsyncIterator[Level]:
        """Each depth at which something is reached, and those between."""
        frontier: Frontier = {}
        nodes: list[str] = []
        for node in sorted(start):
            if self._arrive(node, Spot(0, 0), frontier) and not self._of_edges:
                self._nodes.add(node)
                nodes.append(node)
        yield Level(0, nodes, [], bool(frontier))
        while frontier:
            self._visits.depth += 1
            frontier, nodes, edges = await self._level(frontier)
            yield Level(self._visits.depth, sorted(nodes), sorted(edges), bool(frontier))

    def _arrive(self, node: str, spot: Spot, frontier: Frontier) -> bool:
        """Notes where walks go on from; whether they may end there."""
        ends, onward = self._steps.at(spot)
        for each in onward:
            if self._first(node, each):
                frontier.setdefault(node, []).append(each)
        return ends

    def _first(self, node: str, spot: Spot) -> bool:
        """Whether nothing has gone on from there that can do all that can be done now."""
        if spot.taken < self._steps.all[spot.step].least:
            place = (node, spot)
            if place in self._taken:
                return False
            self._taken.add(place)
            return True
        fewest = self._fewest.get((node, spot.step))
        if fewest is not None and fewest <= spot.taken:
            return False
        self._fewest[node, spot.step] = spot.taken
        return True

    async def _level(self, frontier: Frontier) -> tuple[Frontier, list[str], list[EdgeName]]:
        following: Frontier = {}
        nodes: list[str] = []
        edges: list[EdgeName] = []
        for index, step in enumerate(self._steps.all):
            spots = {node: [each for each in here if each.step == index] for node, here in frontier.items()}
            origins = [node for node, here in spots.items() if here]
            tests, whole = self._tests[index], step.edge_filter is not None
            async for found in hops(self._reads, self._context, step.ways, origins, self._visits, whole=whole):
                passed = []
                for node, other, hop in found:
                    if self._visits.look():
                        await self._visits.breathe()
                    if passes(step.edge_filter, hop.properties):
                        passed.append((node, other, hop.name))
                await tests.pass_all(other for _, other, _ in passed)
                for node, other, name in passed:
                    if other not in tests:
                        continue
                    for spot in spots[node]:
                        if self._arrive(other, Spot(index, spot.taken + 1), following):
                            self._reach(other, name, nodes, edges)
        return following, nodes, edges

    def _reach(self, node: str, name: EdgeName, nodes: list[str], edges: list[EdgeName]) -> None:
        if self._of_edges:
            if name not in self._edges:
                self._edges.add(name)
                edges.append(name)
        elif node not in self._nodes:
            self._nodes.add(node)
            nodes.append(node)
