"""Which bytes of an object a Get asks for. Source: RFC 9110, 14."""

from prism.errors import RangeNotSatisfiable
from prism.interfaces.objectstore import GetRequest, Range


def selected(request: GetRequest, size: int, etag: str) -> Range | None:
    """The bytes to give of an object of that size; None for the whole because no range counts.

    Raises:
        RangeNotSatisfiable: none of the object's bytes is in the range.
    """
    part = request.WhichOneof("part")
    if part is None or (request.if_range and request.if_range != etag):
        return None
    if part == "suffix":
        length = min(request.suffix, size)
        offset = size - length
    else:
        offset = request.range.offset
        left = max(size - offset, 0)
        length = min(request.range.length or left, left)
    if not length:
        raise RangeNotSatisfiable.of(size)
    return Range(offset=offset, length=length)
