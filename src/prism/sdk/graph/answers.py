"""A traversal as its caller gets it: results by pages of one depth, and the end, which says whether that is all."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TypeVar

from prism.context import Context
from prism.errors import answer_too_large
from prism.interfaces import graph as g
from prism.sdk.graph.limits import Visits
from prism.sdk.graph.paths import Paths, Way
from prism.sdk.graph.steps import PLACES, Steps
from prism.sdk.graph.store import GraphReads
from prism.sdk.graph.walks import Walks

_FRAMING = 8

T = TypeVar("T", g.Node, g.Edge, g.Path)


async def traverse(
    reads: GraphReads, request: g.TraverseRequest, context: Context, payload: int
) -> AsyncIterator[g.TraverseResponse]:
    """All responses of a traversal."""
    steps = Steps.of(request.steps)
    visits = Visits(context, request.max_visited or g.DEFAULT_MAX_VISITED)
    start = await reads.nodes(context, request.start)
    begin = [node for node in request.start if node in start]
    left = request.limit or None
    complete = True
    async for depth, results, more in _levels(reads, request, context, steps, visits, begin):
        wanted = results if left is None else results[:left]
        async for level in _given(reads, context, depth, wanted, payload):
            yield g.TraverseResponse(level=level)
        if left is not None:
            left -= len(wanted)
            if len(wanted) < len(results) or (more and not left):
                complete = False
                break
    end = g.TraverseEnd(complete=complete, visited=visits.visited, depth=visits.depth)
    yield g.TraverseResponse(end=end)


async def _levels(
    reads: GraphReads, request: g.TraverseRequest, context: Context, steps: Steps, visits: Visits, begin: Sequence[str]
) -> AsyncIterator[tuple[int, Sequence[object], bool]]:
    if request.returns == g.Return.GRAPH_RETURN_PATHS:
        async for depth, paths, more in Paths(reads, context, steps, visits, request.unique).levels(begin):
            yield depth, paths, more
        return
    edges = request.returns == g.Return.GRAPH_RETURN_EDGES
    async for level in Walks(reads, context, steps, visits, edges=edges).levels(begin):
        yield level.depth, level.edges if edges else level.nodes, level.more


async def _given(
    reads: GraphReads, context: Context, depth: int, results: Sequence[object], payload: int
) -> AsyncIterator[g.Level]:
    """The results of a depth, in messages of bounded size. What has been deleted meanwhile is left out."""
    for begin in range(0, len(results), PLACES):
        part = results[begin : begin + PLACES]
        if isinstance(part[0], Way):
            for paths in _messages((way.path() for way in part if isinstance(way, Way)), payload):
                yield g.Level(depth=depth, paths=paths)
        elif isinstance(part[0], str):
            ids = [each for each in part if isinstance(each, str)]
            nodes = await reads.nodes(context, ids)
            for found in _messages((nodes[each] for each in ids if each in nodes), payload):
                yield g.Level(depth=depth, nodes=found)
        else:
            names = [each for each in part if isinstance(each, tuple)]
            edges = await reads.edges(context, names)  # type: ignore[arg-type]
            for among in _messages((edges[each] for each in names if each in edges), payload):  # type: ignore[index]
                yield g.Level(depth=depth, edges=among)


def _messages(results: Iterable[T], payload: int) -> Iterable[list[T]]:
    page: list[T] = []
    size = 0
    for each in results:
        own = each.ByteSize() + _FRAMING
        if own > payload:
            error = answer_too_large(own, payload)
            if not isinstance(each, g.Path):
                error.metadata["id"] = each.id
            raise error
        if page and size + own > g.MAX_PAGE_BYTES:
            yield page
            page, size = [], 0
        page.append(each)
        size += own
    if page:
        yield page
