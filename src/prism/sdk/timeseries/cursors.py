"""Cursors of TimeSeries: the place of the last event, or of the last bucket, sealed with the query."""

import struct
from typing import Any, Final

from google.protobuf.message import DecodeError

from prism.context import Context
from prism.errors import InvalidArgument
from prism.interfaces import timeseries as t
from prism.interfaces.value import kind_of
from prism.sdk.cursor import Query
from prism.sdk.timeseries.filling import packed, unpacked
from prism.sdk.timeseries.refusals import refusal
from prism.sdk.timeseries.store import Group, Key, Place
from prism.sdk.timeseries.stream import Stream, StreamField

_KEY: Final = struct.Struct(">qq")
_WINDOW: Final = struct.Struct(">I")
_PART: Final = 65_535


class Cursors:
    """The cursors of one query of a stream."""

    def __init__(self, request: Any, context: Context, stream: Stream) -> None:
        self._query = Query(_same(request), context)
        self._stream = stream

    def of_event(self, key: Key) -> bytes:
        """The cursor behind an event."""
        return self._query.cursor(self._stream.identity, _KEY.pack(key.timestamp, key.arrival), key.event_id.encode())

    def event(self, cursor: bytes) -> Key | None:
        """What `of_event` was given; None for an empty one.

        Raises:
            InvalidArgument: it is damaged, forged, or of another query or stream.
        """
        parts = self._query.position(cursor, parts=3)
        if not parts:
            return None
        identity, numbers, event_id = parts
        if identity != self._stream.identity or len(numbers) != _KEY.size:
            raise _foreign()
        timestamp, arrival = _KEY.unpack(numbers)
        try:
            return Key(timestamp, event_id.decode(), arrival)
        except UnicodeDecodeError:
            raise _foreign() from None

    def of_place(self, place: Place) -> bytes:
        """The cursor behind a bucket."""
        group = packed(place.group)
        parts = [group[begin : begin + _PART] for begin in range(0, len(group), _PART)]
        return self._query.cursor(self._stream.identity, _WINDOW.pack(place.window), *parts)

    def place(self, cursor: bytes, groups: tuple[StreamField, ...]) -> Place | None:
        """What `of_place` was given; None for an empty one.

        Raises:
            InvalidArgument: as in `event`.
        """
        parts = self._query.position(cursor, parts=None)
        if not parts:
            return None
        if len(parts) < 2 or parts[0] != self._stream.identity or len(parts[1]) != _WINDOW.size:
            raise _foreign()
        try:
            group = unpacked(b"".join(parts[2:]))
        except DecodeError:
            raise _foreign() from None
        if not _fits(group, groups):
            raise _foreign()
        return Place(_WINDOW.unpack(parts[1])[0], group)


def _fits(group: Group, fields: tuple[StreamField, ...]) -> bool:
    if len(group) != len(fields):
        return False
    kinds = [each.WhichOneof("kind") for each in group]
    return all(
        kind == "null" or (kind is not None and kind_of(value) is field.kind)
        for kind, value, field in zip(kinds, group, fields, strict=True)
    )


def _foreign() -> InvalidArgument:
    return refusal("cursor", "not a cursor of this query", "pass next_cursor unchanged, with the same other fields")


def _same(request: Any) -> Any:
    """Query and QueryPage have one kind of cursor."""
    if not isinstance(request, t.QueryRequest):
        return request
    same = t.QueryPageRequest(stream=request.stream, order=request.order)
    for name in ("from", "to"):
        if request.HasField(name):
            setattr(same, name, getattr(request, name))
    if request.HasField("filter"):
        same.filter.CopyFrom(request.filter)
    return same
