"""Values of fields in the tables of streams: the column of each kind, RowBinary on the way in, literals, and back."""

import struct
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from prism.backends.clickhouse.tables.texts import quoted
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.sql.wire import varint
from prism.sdk.values.text import from_text, to_text

SCALE: Final = 38
"""Digits of a decimal behind the point, and before it."""
NULL: Final = Value(null="NULL_VALUE")

TYPES: Final[Mapping[Kind, str]] = {
    Kind.BOOL: "Bool",
    Kind.INT64: "Int64",
    Kind.DOUBLE: "Float64",
    Kind.DECIMAL: f"Decimal(76, {SCALE})",
    Kind.STRING: "String",
    Kind.BYTES: "String",
    Kind.TIMESTAMP: "Int64",
    Kind.LIST: "String",
    Kind.MAP: "String",
    Kind.OTHER: "String",
}
"""Instants are numbers: a DateTime64 has fewer years than they have. What is no scalar is its canonical text."""

LEAST: Final[Mapping[Kind, str]] = {Kind.BOOL: "false", Kind.STRING: "''", Kind.BYTES: "''"}
"""What stands for null in a comparison of groups, behind the mark that it is null; 0 for numbers."""

_NUMBER: Final = struct.Struct("<q").pack
_SOME_NUMBER: Final = struct.Struct("<xq").pack
_SOME_DOUBLE: Final = struct.Struct("<xd").pack
_DOUBLE: Final = struct.Struct("<d").pack
_BITS: Final = struct.Struct("<Q").unpack
_NONE: Final = b"\x01"


class TooWide(Exception):
    """A decimal has more digits than a column keeps."""


def text(written: bytes) -> bytes:
    """A String in RowBinary."""
    return varint(len(written)) + written


def _decimal(held: str) -> bytes:
    whole, _, fraction = held.lstrip("-").partition(".")
    if len(whole) > SCALE or len(fraction) > SCALE:
        raise TooWide(f"{len(whole)} digits before the point and {len(fraction)} behind it")
    number = int(whole + fraction.ljust(SCALE, "0"))
    return (-number if held[0] == "-" else number).to_bytes(32, "little", signed=True)


def _canonical(held: Value) -> bytes:
    return text(to_text(held).encode())


WRITERS: Final[Mapping[Kind, Callable[[Value], bytes]]] = {
    Kind.BOOL: lambda held: b"\x01" if held.bool else b"\x00",
    Kind.INT64: lambda held: _NUMBER(held.int64),
    Kind.DOUBLE: lambda held: _DOUBLE(held.double),
    Kind.DECIMAL: lambda held: _decimal(held.decimal),
    Kind.STRING: lambda held: text(held.string.encode()),
    Kind.BYTES: lambda held: text(held.bytes),
    Kind.TIMESTAMP: lambda held: _NUMBER(held.timestamp),
    Kind.LIST: _canonical,
    Kind.MAP: _canonical,
    Kind.OTHER: _canonical,
}


def nullable(kind: Kind) -> Callable[[Value | None], bytes]:
    """What writes the values of a field."""
    match kind:  # most fields: the mark and the value in one go
        case Kind.DOUBLE:
            return lambda held: _NONE if held is None else _SOME_DOUBLE(held.double)
        case Kind.INT64:
            return lambda held: _NONE if held is None else _SOME_NUMBER(held.int64)
        case Kind.TIMESTAMP:
            return lambda held: _NONE if held is None else _SOME_NUMBER(held.timestamp)
    write = WRITERS[kind]
    return lambda held: _NONE if held is None else b"\x00" + write(held)


def literal(kind: Kind, operand: Any) -> str:
    """An operand, of the kind of its column, in a statement.

    Raises:
        TooWide: a decimal that no column of decimals holds.
    """
    match kind:
        case Kind.BOOL:
            return "true" if operand else "false"
        case Kind.INT64 | Kind.TIMESTAMP:
            return f"toInt64('{int(operand)}')"
        case Kind.DOUBLE:
            (bits,) = _BITS(_DOUBLE(operand))  # exact, as no text is read
            return f"reinterpretAsFloat64(toUInt64('{bits}'))"
        case Kind.DECIMAL:
            plain = f"{Decimal(operand):f}"
            _decimal(plain)
            return f"toDecimal256('{plain}', {SCALE})"
        case Kind.BYTES:
            return f"unhex('{operand.hex()}')"
    return quoted(operand)


def literal_of(value: Value, kind: Kind) -> str:
    """The same of a value; of null the least of its kind."""
    if kind_of(value) is Kind.NULL:
        return LEAST.get(kind, "0")
    return literal(kind, getattr(value, kind))


def decode(kind: Kind, held: Any) -> Value:
    """What was read of a column or of a function, as a value of that kind."""
    match kind, held:
        case _, None:
            return NULL
        case Kind.BOOL, _:
            return Value(bool=bool(held))
        case Kind.INT64, _:
            return Value(int64=held)
        case Kind.DOUBLE, _:
            return Value(double=held)
        case Kind.DECIMAL, int():
            return Value(decimal=str(held))
        case Kind.DECIMAL, _:
            return Value(decimal=held.rstrip("0").rstrip(".") if "." in held else held)
        case Kind.STRING, _:
            return Value(string=held.decode())
        case Kind.BYTES, _:
            return Value(bytes=held)
        case Kind.TIMESTAMP, _:
            return Value(timestamp=held)
    return from_text(held.decode())
