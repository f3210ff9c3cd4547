"""A path of the fewest edges; of several the one with the least ids: its nodes in turn, then its edges."""

from prism.context import Context
from prism.sdk.graph.edge_name import EdgeName
from prism.sdk.graph.limits import Visits
from prism.sdk.graph.paths import Way
from prism.sdk.graph.steps import Ways, hops
from prism.sdk.graph.store import GraphReads


async def shortest_path(
    reads: GraphReads, context: Context, ends: tuple[str, str], ways: Ways, most: int, visits: Visits
) -> Way | None:
    """The path from the first of `ends` to the other; None where there is none of at most `most` edges.

    Nodes of one level are in the order of the least paths to them, so that the least path to a node of the next level
    goes by the first of the nodes that lead to it.
    """
    first, last = ends
    if len(await reads.nodes(context, [*dict.fromkeys(ends)])) < len({*ends}):
        return None
    frontier = {first: Way(first)}
    known = {first}
    while frontier and last not in frontier and visits.depth < most:
        visits.depth += 1
        ranks = {node: rank for rank, node in enumerate(frontier)}
        best: dict[str, tuple[int, EdgeName, str]] = {}
        async for found in hops(reads, context, ways, frontier, visits, whole=False):
            for node, other, hop in found:
                if visits.look():
                    await visits.breathe()
                if other not in known:
                    candidate = (ranks[node], hop.name, node)
                    if other not in best or candidate < best[other]:
                        best[other] = candidate
        order = sorted((rank, other) for other, (rank, _, _) in best.items())
        before = frontier
        frontier = {other: Way(other, best[other][1], before[best[other][2]]) for _, other in order}
        known.update(frontier)
    return frontier.get(last)
