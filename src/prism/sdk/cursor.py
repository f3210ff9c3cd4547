"""Cursors: opaque, valid across restarts and gateways, refused cleanly when foreign or forged.

A cursor is a position, sealed with a digest of the query it belongs to. The seal is no secret: a cursor grants nothing
that its query does not, because namespace, record and range come from the request that carries it, never from the
cursor.
"""

import struct
from hashlib import blake2b
from typing import Any

from prism.context import Context
from prism.errors import InvalidArgument, Violation

_FORMAT = b"\x01"
_SEAL_SIZE = 8
_LENGTH = struct.Struct(">H")


class Query:
    """What a cursor belongs to: the request without its `cursor` and `limit`, and the namespace."""

    def __init__(self, request: Any, context: Context) -> None:
        bare = type(request)()
        bare.CopyFrom(request)
        bare.ClearField("cursor")
        if "limit" in bare.DESCRIPTOR.fields_by_name:
            bare.ClearField("limit")
        text = f"{bare.DESCRIPTOR.full_name}\0{context.namespace}\0"
        self._scope = text.encode() + bare.SerializeToString(deterministic=True)

    def cursor(self, *position: bytes) -> bytes:
        """The cursor for a position: the parts of the last row's sort key, each of at most 65,535 bytes."""
        packed = b"".join(_LENGTH.pack(len(part)) + part for part in position)
        return _FORMAT + self._seal(packed) + packed

    def position(self, cursor: bytes, *, parts: int | None) -> list[bytes]:
        """The `parts` that `cursor` was made of, None for any number of them; none for an empty cursor.

        Raises:
            InvalidArgument: the cursor is damaged, forged, or of another query.
        """
        if not cursor:
            return []
        seal, packed = cursor[1 : 1 + _SEAL_SIZE], cursor[1 + _SEAL_SIZE :]
        unpacked = _unpack(packed)
        if cursor[:1] != _FORMAT or seal != self._seal(packed) or len(unpacked) != (parts or len(unpacked) or 1):
            violation = Violation(
                "cursor",
                "not a cursor of this query",
                "pass next_cursor unchanged, with the same other fields",
            )
            raise InvalidArgument(str(violation), violations=[violation])
        return unpacked

    def _seal(self, packed: bytes) -> bytes:
        digest = blake2b(self._scope, digest_size=_SEAL_SIZE, person=b"prism-cursor")
        digest.update(_LENGTH.pack(len(packed) & 0xFFFF))
        digest.update(packed)
        return digest.digest()


def _unpack(packed: bytes) -> list[bytes]:
    """The parts; none where a length points outside, for a forger can seal what no query ever made."""
    parts = []
    offset = 0
    while offset < len(packed):
        begin = offset + _LENGTH.size
        end = begin + int.from_bytes(packed[offset:begin], "big")
        if end > len(packed):
            return []
        parts.append(packed[begin:end])
        offset = end
    return parts
