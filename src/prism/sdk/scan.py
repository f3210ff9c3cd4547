"""Scans of a KeyValue backend: ranges, pages and cursors, so that a backend only reads rows in order.

Prefixes are byte ranges: no character is a wildcard. A position is the last row given, never a count, so items that
come or go between pages cause no skip and no repeat of others.
"""

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Self

from prism.errors import DataLoss
from prism.interfaces.keyvalue import (
    DEFAULT_PAGE_ITEMS,
    MAX_PAGE_BYTES,
    Context,
    Item,
    ListRecordsRequest,
    ListRecordsResponse,
    ScanRequest,
    ScanResponse,
    ScanStreamRequest,
    ScanStreamResponse,
)
from prism.sdk.cursor import Query
from prism.sdk.keyvalue import item

Row = Sequence[bytes | int | None]
"""A stored item: record id, key, value, packed metadata, version, expiry. Value and metadata None for keys only."""

STREAM_PAGE_ITEMS = 1000
_FRAMING = 8
"""Most bytes that tag and length add to an item on a page."""


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch in byte order.

    Attributes:
        first: included; empty is the beginning.
        before: excluded; None is the end.
    """

    first: bytes
    before: bytes | None

    @classmethod
    def of(cls, prefix: bytes, start: bytes = b"", end: bytes = b"") -> Self:
        """What starts with `prefix` and lies from `start` to before `end`; empty bytes bound nothing."""
        uppers = [bound for bound in (_successor(prefix), end or None) if bound is not None]
        return cls(max(prefix, start), min(uppers, default=None))

    def beyond(self, position: bytes, *, reverse: bool) -> Self:
        """The part that comes after `position`, in the direction of reading."""
        if reverse:
            return replace(self, before=position if self.before is None else min(self.before, position))
        return replace(self, first=max(self.first, position + b"\0"))

    def __contains__(self, value: bytes) -> bool:
        return self.first <= value and (self.before is None or value < self.before)


def _successor(prefix: bytes) -> bytes | None:
    """The smallest bytes above everything that starts with `prefix`; None where nothing is."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


@dataclass(frozen=True, slots=True)
class Selection:
    """The items that one page is read from.

    Attributes:
        id: the record; empty for every record, in byte order of ids, then keys.
        keys: the keys wanted, in each record.
        after: of every record, only the rows beyond this (id, key); None for all. Never set together with `id`.
        reverse: from the end to the beginning.
        keys_only: values and metadata are not wanted.
        limit: most items on the page.
    """

    id: bytes
    keys: Range
    after: tuple[bytes, bytes] | None
    reverse: bool
    keys_only: bool
    limit: int

    @classmethod
    def of(cls, request: ScanRequest | ScanStreamRequest, position: Sequence[bytes], limit: int) -> Self:
        """What `request` still wants beyond `position`, an (id, key) or nothing."""
        keys = Range.of(request.prefix, request.start, request.end)
        after = None
        if position:
            id_, key = position
            if request.id:
                keys = keys.beyond(key, reverse=request.reverse)
            else:
                after = (id_, key)
        return cls(request.id.encode(), keys, after, request.reverse, request.keys_only, limit)


@dataclass(frozen=True, slots=True)
class Page:
    """What was read.

    Attributes:
        items: each with the id of its record.
        more: something follows.
        damage: where no item comes before it, what cannot be read.
    """

    items: Sequence[tuple[bytes, Item]]
    more: bool
    damage: "Damage | None" = None


@dataclass(frozen=True, slots=True)
class Damage:
    """A row that is there and not to be read.

    Attributes:
        position: its (id, key).
        error: what its reader gets.
    """

    position: tuple[bytes, bytes]
    error: DataLoss

    def error_with(self, cursor: bytes) -> DataLoss:
        """The error, with the names of the item and the cursor of the same scan that goes on behind it."""
        id_, key = self.position
        self.error.metadata |= {
            "id": id_.decode(errors="replace"),
            "key": b64encode(key).decode(),
            "cursor": b64encode(cursor).decode(),
        }
        return self.error


ReadPage = Callable[[Selection, Context], Awaitable[Page]]
"""How a backend reads a page; `page` bounds what it read."""

ReadIds = Callable[[Range, bool, int, Context], Awaitable[Sequence[bytes]]]
"""How a backend lists ids of records with a live item: range, reverse, at most so many."""


def page(rows: Iterable[Row], limit: int) -> Page:
    """The first of `rows`, up to `limit` and to MAX_PAGE_BYTES but at least one; takes one row more than it keeps.

    It ends before a row that is damaged, so that those before it are read, and then those behind.
    """
    items: list[tuple[bytes, Item]] = []
    room = MAX_PAGE_BYTES
    for id_, *columns in rows:
        try:
            message = item(*columns)  # type: ignore[arg-type]  # as Row says
        except DataLoss as error:
            damage = None if items else Damage((id_, columns[0]), error)  # type: ignore[arg-type]
            return Page(items, more=True, damage=damage)
        room -= message.ByteSize() + _FRAMING
        if items and (room < 0 or len(items) == limit):
            return Page(items, more=True)
        items.append((id_, message))  # type: ignore[arg-type]
    return Page(items, more=False)


async def scan(request: ScanRequest, context: Context, read: ReadPage) -> ScanResponse:
    """Serves Scan."""
    query = Query(request, context)
    position = query.position(request.cursor, parts=2)
    found = await read(Selection.of(request, position, request.limit or DEFAULT_PAGE_ITEMS), context)
    if found.damage is not None:
        raise found.damage.error_with(query.cursor(*found.damage.position))
    items = [each for _, each in found.items]
    cursor = query.cursor(request.id.encode(), items[-1].key) if found.more else b""
    return ScanResponse(items=items, next_cursor=cursor)


async def scan_stream(
    request: ScanStreamRequest, context: Context, read: ReadPage
) -> AsyncIterator[ScanStreamResponse]:
    """Serves ScanStream: one page in memory at a time, the next read when the caller has taken it."""
    query = Query(request, context)
    position: Sequence[bytes] = query.position(request.cursor, parts=2)
    left = request.limit
    while True:
        limit = min(left, STREAM_PAGE_ITEMS) if request.limit else STREAM_PAGE_ITEMS
        found = await read(Selection.of(request, position, limit), context)
        if found.damage is not None:
            raise found.damage.error_with(query.cursor(*found.damage.position))
        for id_, group in groupby(found.items, key=itemgetter(0)):
            items = [each for _, each in group]
            position = (id_, items[-1].key)
            yield ScanStreamResponse(id=id_.decode(), items=items, cursor=query.cursor(*position))
        left -= len(found.items)
        if not found.more or (request.limit and left <= 0):
            return


async def list_records(request: ListRecordsRequest, context: Context, read: ReadIds) -> ListRecordsResponse:
    """Serves ListRecords."""
    query = Query(request, context)
    ids = Range.of(request.prefix.encode(), request.start.encode())
    for position in query.position(request.cursor, parts=1):
        ids = ids.beyond(position, reverse=request.reverse)
    limit = request.limit or DEFAULT_PAGE_ITEMS
    found = await read(ids, request.reverse, limit + 1, context)
    cursor = query.cursor(found[limit - 1]) if len(found) > limit else b""
    return ListRecordsResponse(ids=[each.decode() for each in found[:limit]], next_cursor=cursor)
