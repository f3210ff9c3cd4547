"""Positions as cursors: the values of the last row in the store's own form, and a digest of the collection's schema."""

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from prism.context import Context
from prism.errors import SchemaChanged
from prism.interfaces import reader as r
from prism.interfaces.value import MAX_INT64, MIN_INT64
from prism.sdk.cursor import Query
from prism.sdk.reader.ordering import refusal
from prism.sdk.reader.ranges import Position

_DOUBLE = struct.Struct(">d")
_PART = 65_535


class Undecodable(bytes):
    """A text of the store that is not UTF-8."""

    __slots__ = ()


class Cursors:
    """The cursors of one query."""

    def __init__(self, request: r.ReadRequest | r.ReadPageRequest, context: Context) -> None:
        same = r.ReadPageRequest(
            collection=request.collection, fields=request.fields, filter=request.filter, sort=request.sort
        )
        if not request.HasField("filter"):
            same.ClearField("filter")
        self._query = Query(same, context)

    def made(self, digest: bytes, position: Position) -> bytes:
        """The cursor behind a row."""
        packed = b"".join(map(_packed, position))
        parts = [packed[begin : begin + _PART] for begin in range(0, len(packed), _PART)]
        return self._query.cursor(digest, *parts)

    def position(self, cursor: bytes, digest: bytes, fields: int, collection: str) -> Position | None:
        """What a cursor was made of; None for an empty one.

        Raises:
            InvalidArgument: it is damaged, forged, or of another query.
            SchemaChanged: the collection was another one then.
        """
        parts = self._query.position(cursor, parts=None)
        if not parts:
            return None
        if parts[0] != digest:
            raise SchemaChanged(f"the table of {collection} was changed since this cursor was made; read it anew")
        found = _unpacked(b"".join(parts[1:]))
        if found is None or len(found) != fields:
            raise refusal("cursor", "not a cursor of this query", "pass next_cursor unchanged")
        return found


def _packed(value: Any) -> bytes:
    match value:
        case None:
            tag, data = b"n", b""
        case int():
            tag, data = b"i", b"%d" % value
        case float():
            tag, data = b"d", _DOUBLE.pack(value)
        case str():
            tag, data = b"s", value.encode()
        case Undecodable():
            tag, data = b"u", bytes(value)
        case bytes():
            tag, data = b"b", value
        case _:
            raise TypeError(f"a cursor holds no {type(value).__name__}")
    return tag + len(data).to_bytes(4, "big") + data


def _unpacked(packed: bytes) -> list[Any] | None:
    """The values; None where a forger has sealed what no query made."""
    found: list[Any] = []
    while packed:
        tag, size = packed[:1], int.from_bytes(packed[1:5], "big")
        data, packed = packed[5 : 5 + size], packed[5 + size :]
        if len(data) != size:
            return None
        try:
            found.append(_READ[tag](data))
        except (KeyError, ValueError, struct.error):
            return None
    return found


def _int64(data: bytes) -> int:
    value = int(data)
    if not MIN_INT64 <= value <= MAX_INT64:
        raise ValueError(f"{value} has more than 64 bits")
    return value


_READ: Final[Mapping[bytes, Callable[[bytes], Any]]] = {
    b"n": lambda _: None,
    b"i": _int64,
    b"d": lambda data: _DOUBLE.unpack(data)[0],
    b"s": lambda data: data.decode(),
    b"u": Undecodable,
    b"b": bytes,
}
