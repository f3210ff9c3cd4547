"""The steps of a walk as a small automaton: where in them a walk is, what it may do there, and whether it may end."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from prism.context import Context
from prism.errors import InvalidArgument, Violation
from prism.interfaces.graph import Direction
from prism.interfaces.graph import Step as AskedStep
from prism.sdk.filters import Resolved
from prism.sdk.graph.filtering import passes, resolved
from prism.sdk.graph.limits import Visits
from prism.sdk.graph.store import GraphReads, Hop, Place

PLACES = 1000
"""Nodes in one statement."""
_EDGES = 5000
"""Edges that one statement reads, more or less."""
_LEAST = 16
"""Edges of each node that a statement reads at least."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Which edges of a node a walk goes along.

    Attributes:
        incoming: whether they are read from their end; both for both ways.
        labels: theirs, in order; empty for all.
    """

    incoming: tuple[bool, ...]
    labels: tuple[str, ...]

    @classmethod
    def of(cls, direction: Direction, labels: Iterable[str]) -> "Ways":
        """Those of a request."""
        incoming: tuple[bool, ...] = (False,)
        if direction == Direction.GRAPH_DIRECTION_IN:
            incoming = (True,)
        elif direction == Direction.GRAPH_DIRECTION_BOTH:
            incoming = (False, True)
        return cls(incoming, tuple(sorted(set(labels))))

    def twice(self, hop: Hop, *, incoming: bool) -> bool:
        """Whether an edge from a node to itself has come the other way already."""
        return incoming and len(self.incoming) > 1 and hop.name.from_id == hop.name.to_id

    def places(self, node: str) -> list[Place]:
        """Where the edges of a node are read from, in order."""
        return [Place(node, label) for label in self.labels] or [Place(node)]


class Spot(NamedTuple):
    """Where in the steps a walk is: in a step, which has been taken so many times."""

    step: int
    taken: int


@dataclass(frozen=True, slots=True)
class Step:
    """A step.

    Attributes:
        ways: along which edges.
        edge_filter: of them.
        node_filter: of the nodes that they lead to.
        least: how many times it is taken at least.
        most: how many times at most.
    """

    ways: Ways
    edge_filter: Resolved | None
    node_filter: Resolved | None
    least: int
    most: int


class Steps:
    """The steps of a traversal."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.all = steps
        self._closures: dict[Spot, tuple[bool, tuple[Spot, ...]]] = {}

    @classmethod
    def of(cls, asked: Sequence[AskedStep]) -> "Steps":
        """Those of a request.

        Raises:
            InvalidArgument: a filter breaks a rule, or `max` is below `min`.
        """
        return cls([_step(each, f"steps[{index}]") for index, each in enumerate(asked)])

    def at(self, spot: Spot) -> tuple[bool, tuple[Spot, ...]]:
        """Whether a walk may end there, and where it may go on from."""
        found = self._closures.get(spot)
        if found is None:
            found = self._closures[spot] = self._closure(spot)
        return found

    def _closure(self, spot: Spot) -> tuple[bool, tuple[Spot, ...]]:
        onward = []
        index, taken = spot
        while index < len(self.all):
            step = self.all[index]
            if taken < step.most:
                onward.append(Spot(index, taken))
            if taken < step.least:
                return False, tuple(onward)
            index, taken = index + 1, 0
        return True, tuple(onward)


def _step(asked: AskedStep, path: str) -> Step:
    least = asked.min if asked.HasField("min") else 1
    most = asked.max if asked.HasField("max") else max(least, 1)
    if most < least:
        violation = Violation(f"{path}.max", str(most), f"it is at least min, which is {least}")
        raise InvalidArgument(str(violation), violations=[violation])
    return Step(
        Ways.of(asked.direction, asked.labels),
        resolved(asked, "edge_filter", f"{path}.edge_filter"),
        resolved(asked, "node_filter", f"{path}.node_filter"),
        least,
        most,
    )


async def hops(
    reads: GraphReads, context: Context, ways: Ways, nodes: Iterable[str], visits: Visits, *, whole: bool
) -> AsyncIterator[list[tuple[str, str, Hop]]]:
    """All edges of the nodes, some at a time: the node, the one that the edge leads to, and the edge."""
    for incoming in ways.incoming:
        places = (place for node in nodes for place in ways.places(node))
        again: list[Place] = []
        while asked := [*again, *islice(places, PLACES - len(again))]:
            await visits.breathe()
            limit = max(_EDGES // len(asked), _LEAST)
            found = await reads.adjacent(context, asked, incoming=incoming, limit=limit, whole=whole)
            again = []
            for place, edges in zip(asked, found, strict=True):
                if len(edges) >= limit:
                    again.append(place._replace(after=behind(edges[-1], incoming=incoming)))
            yield [
                (place.node, name.from_id if incoming else name.to_id, hop)
                for place, edges in zip(asked, found, strict=True)
                for hop in edges
                if not ways.twice(hop, incoming=incoming)
                for name in (hop.name,)
            ]


def behind(hop: Hop, *, incoming: bool) -> tuple[str, str, str]:
    """What of an edge its place among the others of its node is."""
    from_id, label, to_id, key = hop.name
    return label, from_id if incoming else to_id, key


class NodeTests:
    """Which nodes a step may lead to; each is looked up once."""

    def __init__(self, reads: GraphReads, context: Context, filter: Resolved | None) -> None:  # noqa: A002
        self._reads = reads
        self._context = context
        self._filter = filter
        self._known: dict[str, bool] = {}

    async def pass_all(self, ids: Iterable[str]) -> None:
        """Looks up those that are not known yet."""
        if self._filter is None:
            return
        new = [each for each in dict.fromkeys(ids) if each not in self._known]
        for begin in range(0, len(new), PLACES):
            part = new[begin : begin + PLACES]
            found = await self._reads.nodes(self._context, part)
            for each in part:
                self._known[each] = each in found and passes(self._filter, found[each].properties)

    def __contains__(self, node: str) -> bool:
        return self._filter is None or self._known[node]
