"""Pages of a listing: keys in byte order, common prefixes merged in, each once over all pages."""

from collections.abc import Awaitable, Callable, Sequence

from prism.context import Context
from prism.interfaces.objectstore import Entry, ListRequest, ListResponse, Object
from prism.sdk.cursor import Query
from prism.sdk.objectstore.keys import check_delimiter

DEFAULT_LIMIT = 100
MAX_PAGE = 1 << 20
"""Bytes of a page, about."""

_FEW = 4
"""Objects that are asked for where the next ones may be under one prefix: the others would be read in vain."""

Fetch = Callable[[bytes, bytes | None, int], Awaitable[Sequence[Object]]]
"""Objects in order: from a key on, before another one (None: to the end), at most so many."""


async def listed(request: ListRequest, context: Context, fetch: Fetch) -> ListResponse:
    """One page of a namespace's objects.

    Raises:
        InvalidArgument: the delimiter or the cursor is not valid.
    """
    check_delimiter(request.delimiter)
    query = Query(request, context)
    prefix, delimiter = request.prefix.encode(), request.delimiter.encode()
    limit = request.limit or DEFAULT_LIMIT
    before = after_prefix(prefix) if prefix else None
    position = query.position(request.cursor, parts=1)
    begin = position[0] if position else prefix
    response, size = ListResponse(), 0
    ahead = _FEW if delimiter else limit
    while len(response.entries) < limit and size < MAX_PAGE:
        wanted = min(limit - len(response.entries), ahead)
        found = await fetch(begin, before, wanted)
        skipped = False
        for each in found:
            if size >= MAX_PAGE:
                break
            entry, begin = _entry(each, prefix, delimiter)
            response.entries.append(entry)
            size += entry.ByteSize()
            skipped = entry.HasField("prefix")
            if skipped:
                break  # what else it stands for is behind `begin`
        if len(found) < wanted and not skipped and size < MAX_PAGE:
            return response
        ahead = _FEW if skipped else 4 * ahead
    if await fetch(begin, before, 1):
        response.next_cursor = query.cursor(begin)
    return response


def _entry(found: Object, prefix: bytes, delimiter: bytes) -> tuple[Entry, bytes]:
    """What stands for an object on the page, and from where to go on."""
    key = found.key.encode()
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    if end < 0:
        return Entry(object=found), key + b"\0"
    common = key[: end + len(delimiter)]
    after = after_prefix(common)
    return Entry(prefix=common.decode()), b"\xff" if after is None else after


def after_prefix(prefix: bytes) -> bytes | None:
    """The first key behind all that begin with a prefix; None where there is none."""
    bare = prefix.rstrip(b"\xff")
    return bare[:-1] + bytes([bare[-1] + 1]) if bare else None
