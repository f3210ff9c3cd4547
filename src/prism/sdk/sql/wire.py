"""Rows as they travel, written directly: a message for each value of a hundred thousand rows costs more than the store.

Source: protobuf.dev, "Encoding"; the numbers of the fields are those of value.proto and sql.proto.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from prism.interfaces.value import Value

_DOUBLE: Final = struct.Struct("<3sd").pack
_LOW: Final[list[bytes]] = []
"""Numbers of one and two bytes; filled when they are first used, for most gateways never do."""
_CONTINUED: Final[list[bytes]] = []
"""The same of 14 bits that others follow."""
_SHORT: Final = 120
_STRINGS: Final = [bytes([0x0A, size + 2, 0x32, size]) for size in range(_SHORT)]

NULL: Final = b"\x0a\x02\x08\x00"
_TRUE: Final = b"\x0a\x02\x10\x01"
_FALSE: Final = b"\x0a\x02\x10\x00"


def varint(number: int) -> bytes:
    """A number from 0 to 2^64 - 1."""
    try:
        if number < 1 << 14:
            return _LOW[number]
        if number < 1 << 28:
            return _CONTINUED[number & 0x3FFF] + _LOW[number >> 14]
        return _CONTINUED[number & 0x3FFF] + varint(number >> 14)
    except IndexError:
        _fill()
        return varint(number)


def _fill() -> None:
    for number in range(1 << 14):
        low, high = number & 127, number >> 7
        _LOW.append(bytes([low]) if not high else bytes([low | 128, high]))
        _CONTINUED.append(bytes([low | 128, high | 128]))


def of_bool(held: bool) -> bytes:  # it is the value
    """A value of a row, as each of those below."""
    return _TRUE if held else _FALSE


def of_int64(held: int) -> bytes:
    """See above."""
    written = varint(held if held >= 0 else held + (1 << 64))
    return b"\x0a%c\x18%b" % (len(written) + 1, written)


def of_timestamp(held: int) -> bytes:
    """See above."""
    written = varint(held if held >= 0 else held + (1 << 64))
    return b"\x0a%c\x40%b" % (len(written) + 1, written)


def of_double(held: float) -> bytes:
    """See above."""
    return _DOUBLE(b"\x0a\x09\x21", held)


def of_string(held: str) -> bytes:
    """See above."""
    return of_utf8(held.encode())


def of_utf8(held: bytes) -> bytes:
    """A string, of its bytes."""
    return _STRINGS[len(held)] + held if len(held) < _SHORT else _sized(b"\x32", held)


def of_decimal(held: str) -> bytes:
    """See above."""
    return _sized(b"\x2a", held.encode())


def of_bytes(held: bytes) -> bytes:
    """See above."""
    return _sized(b"\x3a", held)


def of_value(value: Value) -> bytes:
    """A value of any kind."""
    written = value.SerializeToString()
    return b"\x0a" + varint(len(written)) + written


def _sized(tag: bytes, held: bytes) -> bytes:
    written = tag + varint(len(held)) + held
    return b"\x0a" + varint(len(written)) + written


class RowsMessage:
    """A QueryResponse that has rows: what each is, has been written."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Sequence[bytes]) -> None:
        self._rows = rows

    def SerializeToString(self) -> bytes:  # noqa: N802  # as a message has it
        """The message."""
        rows = b"".join(_rows(self._rows))
        return b"\x12" + varint(len(rows)) + rows


def _rows(rows: Sequence[bytes]) -> Iterable[bytes]:
    for each in rows:
        yield b"\x0a" + varint(len(each))
        yield each
