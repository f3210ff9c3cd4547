"""Pages of nodes, and of the edges of a node: bounded by count, by bytes, and by what a filter makes them look at."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Generic, TypeVar

from prism.context import Context
from prism.errors import answer_too_large
from prism.interfaces import graph as g
from prism.sdk.cursor import Query
from prism.sdk.graph.filtering import passes, resolved
from prism.sdk.graph.steps import Ways, behind
from prism.sdk.graph.store import GraphReads, Place

_FRAMING = 8
"""Most bytes that tag and length add to a node or an edge on a page."""
_PART = 500
"""Nodes or edges that are read at once where a filter leaves some out."""

T = TypeVar("T", g.Node, g.Edge)


class _Page(Generic[T]):
    """A page in the making.

    Attributes:
        found: what is on it.
        room: how many more there may be.
    """

    def __init__(self, limit: int, payload: int, query: Query) -> None:
        self.found: list[T] = []
        self.room = limit or g.DEFAULT_PAGE
        self._bytes = g.MAX_PAGE_BYTES
        self._payload = payload
        self._query = query

    def add(self, each: T, position: Sequence[bytes]) -> bool:
        """Puts one on the page; False where it is for the next one.

        Raises:
            LimitExceeded: no answer can hold it; its metadata has its id, and a cursor behind it.
        """
        size = each.ByteSize() + _FRAMING
        if self.found and (not self.room or size > self._bytes):
            return False
        if size > self._payload:
            error = answer_too_large(size, self._payload)
            error.metadata |= {"id": each.id, "cursor": b64encode(self._query.cursor(*position)).decode()}
            raise error
        self._bytes -= size
        self.room -= 1
        self.found.append(each)
        return True


async def nodes_page(
    reads: GraphReads, request: g.ListNodesRequest, context: Context, payload: int
) -> g.ListNodesResponse:
    """A page of nodes."""
    query = Query(request, context)
    asked = resolved(request, "filter", "filter")
    after = b"".join(query.position(request.cursor, parts=1)).decode(errors="replace")
    page: _Page[g.Node] = _Page(request.limit, payload, query)
    left = g.MAX_SCAN
    while left > 0:
        wanted = min(left, page.room + 1 if asked is None else _PART)
        nodes = await reads.list_nodes(context, request.label, after, wanted)
        for node in nodes:
            if passes(asked, node.properties) and not page.add(node, [node.id.encode()]):
                return g.ListNodesResponse(nodes=page.found, next_cursor=query.cursor(after.encode()))
            after = node.id
        left -= len(nodes)
        if len(nodes) < wanted:
            return g.ListNodesResponse(nodes=page.found)
    return g.ListNodesResponse(nodes=page.found, next_cursor=query.cursor(after.encode()))


async def edges_page(
    reads: GraphReads, request: g.GetEdgesRequest, context: Context, payload: int
) -> g.GetEdgesResponse:
    """A page of the edges of a node: one place after the other, each in its order."""
    query = Query(request, context)
    asked = resolved(request, "filter", "filter")
    ways = Ways.of(request.direction, request.labels)
    places = [(incoming, place) for incoming in ways.incoming for place in ways.places(request.node)]
    index, after = _position(query, request.cursor, len(places))
    page: _Page[g.Edge] = _Page(request.limit, payload, query)
    left = g.MAX_SCAN
    while index < len(places):
        incoming, place = places[index]
        if left <= 0:
            return g.GetEdgesResponse(edges=page.found, next_cursor=_cursor(query, index, after))
        wanted = min(left, page.room + 1 if asked is None else _PART)
        place = Place(place.node, place.label, after)
        (found,) = await reads.adjacent(context, [place], incoming=incoming, limit=wanted, whole=True)
        for hop in found:
            here = behind(hop, incoming=incoming)
            asked_for = not ways.twice(hop, incoming=incoming) and passes(asked, hop.properties)
            if asked_for and not page.add(hop.name.edge(hop.properties), _parts(index, here)):
                return g.GetEdgesResponse(edges=page.found, next_cursor=_cursor(query, index, after))
            after = here
        left -= len(found)
        if len(found) < wanted:
            index, after = index + 1, ("", "", "")
    return g.GetEdgesResponse(edges=page.found)


def _position(query: Query, cursor: bytes, places: int) -> tuple[int, tuple[str, str, str]]:
    parts = query.position(cursor, parts=4)
    if not parts:
        return 0, ("", "", "")
    index, label, other, key = parts
    return min(int.from_bytes(index, "big"), places), (
        label.decode(errors="replace"),
        other.decode(errors="replace"),
        key.decode(errors="replace"),
    )


def _parts(index: int, after: tuple[str, str, str]) -> list[bytes]:
    return [index.to_bytes(2, "big"), *(part.encode() for part in after)]


def _cursor(query: Query, index: int, after: tuple[str, str, str]) -> bytes:
    return query.cursor(*_parts(index, after))
