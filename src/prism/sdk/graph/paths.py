"""All paths along some steps, level by level: walks that have no node twice, or no edge twice."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple, Optional

from prism.context import Context
from prism.interfaces import graph as g
from prism.sdk.graph.edge_name import EdgeName
from prism.sdk.graph.filtering import passes
from prism.sdk.graph.limits import TURN, Visits
from prism.sdk.graph.steps import NodeTests, Spot, Steps, hops
from prism.sdk.graph.store import GraphReads

_MANY = 2000


class Way(NamedTuple):
    """A path, by its last edge and the path before that.

    Attributes:
        node: where it ends.
        name: of its last edge; None for one of no edges.
        before: it without that edge.
    """

    node: str
    name: EdgeName | None = None
    before: Optional["Way"] = None

    def nodes(self) -> tuple[str, ...]:
        """The ids of its nodes."""
        found = [self.node]
        way = self
        while way.before is not None:
            way = way.before
            found.append(way.node)
        return tuple(reversed(found))

    def names(self) -> tuple[EdgeName, ...]:
        """The names of its edges."""
        found = []
        way = self
        while way.before is not None and way.name is not None:
            found.append(way.name)
            way = way.before
        return tuple(reversed(found))

    def passes_node(self, node: str) -> bool:
        """Whether it has the node."""
        way: Way | None = self
        while way is not None:
            if way.node == node:
                return True
            way = way.before
        return False

    def passes_edge(self, name: EdgeName) -> bool:
        """Whether it has the edge."""
        way: Way | None = self
        while way is not None:
            if way.name == name:
                return True
            way = way.before
        return False

    def order(self) -> tuple[tuple[str, ...], tuple[EdgeName, ...]]:
        """What paths are sorted by."""
        return self.nodes(), self.names()

    def path(self) -> g.Path:
        """It as a message."""
        return g.Path(nodes=self.nodes(), edges=[name.edge() for name in self.names()])


class PathLevel(NamedTuple):
    """The paths of one depth, in order; `more`: others go on."""

    depth: int
    paths: list[Way]
    more: bool


Places = dict[Way, dict[Spot, None]]
"""Paths that go on, each with all places in the steps that it may be at: it is one path whatever they are."""


class Paths:
    """All paths from some nodes along some steps."""

    def __init__(self, reads: GraphReads, context: Context, steps: Steps, visits: Visits, unique: g.Unique) -> None:
        self._reads = reads
        self._context = context
        self._steps = steps
        self._visits = visits
        self._by_edge = unique == g.Unique.GRAPH_UNIQUE_EDGE
        self._tests = [NodeTests(reads, context, step.node_filter) for step in steps.all]

    async def levels(self, start: Iterable[str]) -> AsyncIterator[PathLevel]:
        """Each depth at which there may be a path."""
        places: Places = {Way(node): {Spot(0, 0): None} for node in start}
        while True:
            # Many take a while to sort: on a thread, so that others go on.
            many = len(places) > _MANY
            paths, going = (
                await self._visits.during(asyncio.to_thread(self._settled, places)) if many else self._settled(places)
            )
            yield PathLevel(self._visits.depth, paths, bool(going))
            if not going:
                return
            self._visits.depth += 1
            places = await self._level(going)

    def _settled(self, places: Places) -> tuple[list[Way], Places]:
        """The paths that are whole, and those that may go on, from where."""
        whole: list[Way] = []
        going: Places = {}
        for way, spots in places.items():
            closures = [self._steps.at(spot) for spot in spots]
            if any(ends for ends, _ in closures):
                whole.append(way)
            onward = dict.fromkeys(each for _, after in closures for each in after)
            if onward:
                going[way] = onward
        return sorted(whole, key=Way.order), going

    async def _level(self, going: Places) -> Places:
        following: Places = {}
        for index, step in enumerate(self._steps.all):
            ways: dict[str, list[tuple[Way, list[Spot]]]] = {}
            for way, spots in going.items():
                if here := [spot for spot in spots if spot.step == index]:
                    ways.setdefault(way.node, []).append((way, here))
            tests, whole = self._tests[index], step.edge_filter is not None
            async for found in hops(self._reads, self._context, step.ways, ways, self._visits, whole=whole):
                longer: list[tuple[Way, list[Spot]]] = []
                for node, other, hop in found:
                    for way, here in ways[node]:
                        if self._visits.look():
                            await self._visits.breathe()
                        if self._may(way, other, hop.name) and passes(step.edge_filter, hop.properties):
                            longer.append((Way(other, hop.name, way), here))
                await tests.pass_all(way.node for way, _ in longer)
                for number, (way, here) in enumerate(longer, 1):
                    if number % TURN == 0:
                        await self._visits.breathe()
                    if way.node in tests:
                        place = following.setdefault(way, {})
                        place.update(dict.fromkeys(Spot(index, spot.taken + 1) for spot in here))
        return following

    def _may(self, way: Way, node: str, name: EdgeName) -> bool:
        return not (way.passes_edge(name) if self._by_edge else way.passes_node(node))
