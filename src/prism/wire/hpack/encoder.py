"""HPACK for the fields that Prism sends: literals, and what the static table has.

None of it touches the peer's dynamic table, so that blocks can be kept as constant bytes and sent in any order.
"""

from collections.abc import Iterable
from typing import Final

from prism.wire.hpack.static_table import FIELD_INDEX, NAME_INDEX


def encode_literal(name: bytes, value: bytes) -> bytes:
    """One field as a literal without indexing, its name indexed where the static table has it, no Huffman code."""
    return (_NAMES.get(name) or b"\x00" + _encode_string(name)) + _encode_string(value)


def encode_never_indexed(name: bytes, value: bytes) -> bytes:
    """One field that intermediaries must not index either, for secrets (RFC 7541, section 7.1.3)."""
    return (_SECRET_NAMES.get(name) or b"\x10" + _encode_string(name)) + _encode_string(value)


def encode(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A whole block that neither uses nor changes the peer's dynamic table."""
    return b"".join(_FIELDS.get(field) or encode_literal(*field) for field in headers)


def encode_length(length: int) -> bytes:
    """What stands before a string that is sent without Huffman code; `LENGTHS` has the short ones at hand."""
    return LENGTHS[length] if length < 0x7F else _encode_integer(0x00, 0x7F, length)


def _encode_string(text: bytes) -> bytes:
    length = len(text)
    return (LENGTHS[length] if length < 0x7F else _encode_integer(0x00, 0x7F, length)) + text


def _encode_integer(kind: int, mask: int, value: int) -> bytes:
    """The integer after the bits `kind` of its first octet (RFC 7541, 5.1)."""
    if value < mask:
        return bytes((kind | value,))
    octets = [kind | mask]
    value -= mask
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


LENGTHS: Final = tuple(bytes((length,)) for length in range(0x7F))
_FIELDS: Final = {field: _encode_integer(0x80, 0x7F, index) for field, index in FIELD_INDEX.items()}
_NAMES: Final = {name: _encode_integer(0x00, 0x0F, index) for name, index in NAME_INDEX.items()}
_SECRET_NAMES: Final = {name: _encode_integer(0x10, 0x0F, index) for name, index in NAME_INDEX.items()}
