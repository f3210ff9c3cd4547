"""Pages of nodes, and of the edges of a node: bounded by count, by bytes, and by what a filter makes them look at."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from prism.context import Context
from prism.errors import answer_too_large
from prism.interfaces import graph as g
from prism.sdk.cursor import Query
from prism.sdk.filters import Resolved
from prism.sdk.graph.filtering import passes, resolved
from prism.sdk.graph.steps import Ways, behind
from prism.sdk.graph.store import GraphReads, Place

_FRAMING = 8
"""Most bytes that tag and length add to a node or an edge on a page."""
_PART = 500
"""Nodes or edges that are read at once where a filter leaves some out."""

_FIRST = 101
"""Nodes or edges that are read before it is known how large they are: those of a page of the usual length, and one."""

T = TypeVar("T", g.Node, g.Edge)


class Pace:
    """How many are read at once: as many as are likely to be of use, by the bytes of those that were read before."""

    def __init__(self) -> None:
        self._count = 0
        self._bytes = 0

    def of(self, wanted: int, room: int) -> int:
        """So many of those wanted as may have so many bytes, and one."""
        if not self._count:
            return min(wanted, _FIRST)
        return min(wanted, max(room, 0) * self._count // max(self._bytes, 1) + 1)

    def read(self, sizes: Iterable[int]) -> None:
        """Notes the bytes of what was read."""
        for each in sizes:
            self._count += 1
            self._bytes += each


class _Page(Generic[T]):
    """A page in the making.

    Attributes:
        found: what is on it.
        room: how many more there may be.
        left: bytes that they may have.
    """

    def __init__(self, limit: int, payload: int, query: Query) -> None:
        self.found: list[T] = []
        self.room = limit or g.DEFAULT_PAGE
        self.left = g.MAX_PAGE_BYTES
        self._payload = payload
        self._query = query

    def add(self, each: T, position: Sequence[bytes]) -> bool:
        """Puts one on the page; False where it is for the next one.

        Raises:
            LimitExceeded: no answer can hold it; its metadata has its id, and a cursor behind it.
        """
        size = each.ByteSize() + _FRAMING
        if self.found and (not self.room or size > self.left):
            return False
        if size > self._payload:
            error = answer_too_large(size, self._payload)
            error.metadata |= {"id": each.id, "cursor": b64encode(self._query.cursor(*position)).decode()}
            raise error
        self.left -= size
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
    pace = Pace()
    while left > 0:
        wanted = min(left, _wanted(page, pace, asked))
        nodes = await reads.list_nodes(context, request.label, after, wanted)
        for node in nodes:
            if passes(asked, node.properties) and not page.add(node, [node.id.encode()]):
                return g.ListNodesResponse(nodes=page.found, next_cursor=query.cursor(after.encode()))
            after = node.id
        left -= len(nodes)
        if len(nodes) < wanted:
            return g.ListNodesResponse(nodes=page.found)
        pace.read(each.ByteSize() for each in nodes)
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
    pace = Pace()
    while index < len(places):
        incoming, place = places[index]
        if left <= 0:
            return g.GetEdgesResponse(edges=page.found, next_cursor=_cursor(query, index, after))
        wanted = min(left, _wanted(page, pace, asked))
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
        pace.read(sum(value.ByteSize() for value in hop.properties.values()) for hop in found)
    return g.GetEdgesResponse(edges=page.found)


def _wanted(page: _Page[T], pace: Pace, asked: Resolved | None) -> int:
    """How many to read next: what fills the page and one more, or a part of what a filter looks through."""
    if asked is None:
        return pace.of(page.room + 1, page.left)
    return pace.of(_PART, g.MAX_PAGE_BYTES)


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
