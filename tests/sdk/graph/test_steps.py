"""How the edges of many nodes are read."""

from collections.abc import Sequence
from typing import Any, cast

from prism.context import Context
from prism.sdk.graph import EdgeName, GraphReads, Hop, Place
from prism.sdk.graph.limits import Visits
from prism.sdk.graph.steps import PLACES, Ways, hops

CONTEXT = Context("n")


class Reads:
    """Nodes with edges of a label each, whose ends are numbered; counts what is asked."""

    def __init__(self, edges: int) -> None:
        self.places = 0
        self._edges = edges

    async def adjacent(
        self, context: Context, places: Sequence[Place], *, incoming: bool, limit: int, whole: bool
    ) -> list[list[Hop]]:
        assert (context, incoming, whole) == (CONTEXT, False, False)
        assert len(places) <= PLACES
        self.places += len(places)
        found = []
        for place in places:
            begin = int(place.after[1] or "-1") + 1
            ends = range(begin, min(begin + limit, self._edges))
            found.append([Hop(EdgeName(place.node, place.label, f"{end:04}", ""), {}) for end in ends])
        return found


async def test_all_edges_of_many_places() -> None:
    """Each once, whether a statement has them all or a node's are read on; places are made as they are asked for."""
    made = 0

    class Nodes(list[str]):
        def __iter__(self) -> Any:
            nonlocal made
            for each in super().__iter__():
                made += 1
                yield each

    reads = Reads(edges=20)
    found: list[tuple[str, str]] = []
    nodes = Nodes(f"n{each}" for each in range(1500))
    ways = Ways((False,), ("a", "b"))
    async for part in hops(cast("GraphReads", reads), CONTEXT, ways, nodes, Visits(CONTEXT, 1_000_000), whole=False):
        found += [(f"{node}{hop.name.label}", other) for node, other, hop in part]
        if len(found) <= PLACES * 16:
            assert made <= PLACES
    assert len(found) == len({*found}) == 1500 * 2 * 20
    assert reads.places == 1500 * 2 * 2
