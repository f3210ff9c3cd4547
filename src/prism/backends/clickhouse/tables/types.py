"""ClickHouse's types as kinds of values, read from RowBinary; docs/contract.md, 2.2: the type decides.

RowBinary, for it keeps every value as it is: a String its bytes, an instant its ticks, a decimal its digits.

Source: ClickHouse's documentation, "RowBinary" and "Data types".
"""

import ipaddress
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from prism.backends.clickhouse.tables import times
from prism.backends.clickhouse.tables.names import TypeName, element_of
from prism.backends.clickhouse.tables.texts import of_float, quoted
from prism.errors import FailedPrecondition
from prism.interfaces.value import Kind, OtherValue, Value, ValueList
from prism.sdk.sql import wire

NULL: Final = Value(null="NULL_VALUE")

Read = Callable[[bytes, int], tuple[Any, int]]
"""A value out of a buffer, from a place on, and the place behind it. What is cut off raises `Cut` or one of `CUTS`."""

CUTS: Final = (struct.error, IndexError)
"""What reading raises, besides `Cut`, where the buffer ends within a value."""


class Cut(Exception):
    """The buffer ends within a value."""


@dataclass(frozen=True, slots=True)
class ChType:
    """A type, as values of it are read.

    Attributes:
        name: as ClickHouse writes it.
        kind: of its values.
        called: the type of its values where their kind is `other`.
        read: see `Read`; None for NULL.
        wire: what was read as a value of a row; never of None.
        value: the same as a value.
        text: the same as ClickHouse writes it within another value.
    """

    name: str
    kind: Kind
    read: Read
    wire: Callable[[Any], bytes]
    value: Callable[[Any], Value]
    text: Callable[[Any], str]
    called: str = ""

    def value_of(self, held: Any) -> Value:
        """What was read, or NULL, as a value."""
        return NULL if held is None else self.value(held)

    def text_of(self, held: Any) -> str:
        """What was read, or NULL, within another value."""
        return "NULL" if held is None else self.text(held)


def type_of(text: str) -> ChType:
    """The type of a name.

    Raises:
        FailedPrecondition: values of it cannot be read.
    """
    found = TypeName.of(text)
    match found.name, found.arguments:
        case "Nullable", (inner,):
            base = type_of(inner)
            return ChType(
                text, base.kind, _nullable(base.read), base.wire, base.value, base.text, base.called or base.name
            )
        case "LowCardinality", (inner,):
            base = type_of(inner)
            return ChType(text, base.kind, base.read, base.wire, base.value, base.text, base.called or base.name)
        case "SimpleAggregateFunction", (_, inner):
            base = type_of(inner)
            return ChType(text, base.kind, base.read, base.wire, base.value, base.text, base.called or base.name)
        case "Array", (inner,):
            return _list(text, type_of(inner))
        case "Nested", elements:
            return _list(text, _tuple(f"Tuple({', '.join(elements)})", elements))
        case "Tuple", elements:
            return _tuple(text, elements)
        case "Map", (key, value):
            return _map(text, type_of(key), type_of(value))
    if (alias := _ALIASES.get(found.name)) is not None:
        base = type_of(alias)
        return ChType(text, base.kind, base.read, base.wire, base.value, base.text)
    return _scalar(found)


def _scalar(found: TypeName) -> ChType:
    name, text = found.name, found.text
    if (number := _NUMBERS.get(name)) is not None:
        return ChType(text, Kind.INT64, _fixed(number), wire.of_int64, _int64, str)
    if (size := _WIDE.get(name)) is not None:
        return ChType(text, Kind.DECIMAL, _integer(size, signed=name[0] == "I"), _decimal_wire, _decimal, str)
    match name:
        case "Bool":
            return ChType(
                text, Kind.BOOL, _bool, wire.of_bool, lambda held: Value(bool=held), lambda held: str(held).lower()
            )
        case "Float32" | "Float64":
            read = _fixed("<f" if name == "Float32" else "<d")
            return ChType(text, Kind.DOUBLE, read, wire.of_double, lambda held: Value(double=held), of_float)
        case "BFloat16":
            return ChType(text, Kind.DOUBLE, _bfloat, wire.of_double, lambda held: Value(double=held), of_float)
        case "String":
            return ChType(text, Kind.STRING, _string, _string_wire, _string_value, _string_text)
        case "FixedString":
            return ChType(text, Kind.STRING, _sized(int(found.arguments[0])), _string_wire, _string_value, _string_text)
        case "Enum8" | "Enum16":
            return ChType(text, Kind.STRING, _enum(found), wire.of_string, lambda held: Value(string=held), quoted)
        case "Decimal" | "Decimal32" | "Decimal64" | "Decimal128" | "Decimal256":
            return ChType(text, Kind.DECIMAL, _decimals(found), wire.of_decimal, lambda held: Value(decimal=held), str)
        case "DateTime":
            return ChType(text, Kind.TIMESTAMP, _seconds, wire.of_timestamp, _timestamp, _instant)
        case "DateTime64" if int(found.arguments[0]) <= _MICROSECONDS:
            return ChType(
                text, Kind.TIMESTAMP, _microseconds(int(found.arguments[0])), wire.of_timestamp, _timestamp, _instant
            )
        case "DateTime64":
            digits = int(found.arguments[0])
            return _other(text, _converted(_fixed("<q"), lambda held: times.ticks(held, digits)), text)
        case "Date":
            return _other(text, _converted(_fixed("<H"), times.day), "date")
        case "Date32":
            return _other(text, _converted(_fixed("<i"), times.day), "date")
        case "Time":
            return _other(text, _converted(_fixed("<i"), lambda held: times.clock(held, 0)), text)
        case "Time64":
            digits = int(found.arguments[0])
            return _other(text, _converted(_fixed("<q"), lambda held: times.clock(held, digits)), text)
        case "UUID":
            return _other(text, _uuid, "uuid")
        case "IPv4":
            return _other(text, _converted(_fixed("<I"), lambda held: str(ipaddress.IPv4Address(held))), text)
        case "IPv6":
            return _other(text, _converted(_sized(16), lambda held: str(ipaddress.IPv6Address(held))), text)
        case "Nothing":
            return _other(text, lambda _, place: ("", place), text)
    if name.startswith("Interval"):
        return _other(text, _converted(_fixed("<q"), str), text, quote=False)
    raise FailedPrecondition(
        f"a column is of type {text[:80]}, which has no value here: convert it in the statement, as by toString(...)"
    )


_MICROSECONDS: Final = 6
_ALIASES: Final = {
    "Point": "Tuple(Float64, Float64)",
    "Ring": "Array(Tuple(Float64, Float64))",
    "LineString": "Array(Tuple(Float64, Float64))",
    "Polygon": "Array(Array(Tuple(Float64, Float64)))",
    "MultiLineString": "Array(Array(Tuple(Float64, Float64)))",
    "MultiPolygon": "Array(Array(Array(Tuple(Float64, Float64))))",
}
_NUMBERS: Final = {
    "Int8": "<b", "Int16": "<h", "Int32": "<i", "Int64": "<q", "UInt8": "<B", "UInt16": "<H", "UInt32": "<I",
}  # fmt: skip
_WIDE: Final = {"UInt64": 8, "UInt128": 16, "Int128": 16, "UInt256": 32, "Int256": 32}
_DIGITS: Final = ((9, 4), (18, 8), (38, 16), (76, 32))
"""The bytes of a decimal of so many digits."""


def varint(buffer: bytes, place: int) -> tuple[int, int]:
    """A length."""
    number = buffer[place]
    place += 1
    if number < 128:
        return number, place
    number &= 127
    shift = 7
    while True:
        byte = buffer[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
        shift += 7


def _fixed(form: str) -> Read:
    unpack = struct.Struct(form)
    size = unpack.size

    def read(buffer: bytes, place: int) -> tuple[Any, int]:
        return unpack.unpack_from(buffer, place)[0], place + size

    return read


def _sized(size: int) -> Read:
    def read(buffer: bytes, place: int) -> tuple[bytes, int]:
        end = place + size
        if end > len(buffer):
            raise Cut
        return bytes(buffer[place:end]), end

    return read


def _string(buffer: bytes, place: int) -> tuple[bytes, int]:
    size, place = varint(buffer, place)
    end = place + size
    if end > len(buffer):
        raise Cut
    return bytes(buffer[place:end]), end


def _converted(read: Read, convert: Callable[[Any], Any]) -> Read:
    def converted(buffer: bytes, place: int) -> tuple[Any, int]:
        held, place = read(buffer, place)
        return convert(held), place

    return converted


def _nullable(read: Read) -> Read:
    def nullable(buffer: bytes, place: int) -> tuple[Any, int]:
        return (None, place + 1) if buffer[place] else read(buffer, place + 1)

    return nullable


def _bool(buffer: bytes, place: int) -> tuple[bool, int]:
    return buffer[place] != 0, place + 1


def _integer(size: int, *, signed: bool) -> Read:
    return _converted(_sized(size), lambda held: int.from_bytes(held, "little", signed=signed))


def _bfloat(buffer: bytes, place: int) -> tuple[float, int]:
    held, place = _sized(2)(buffer, place)
    return struct.unpack("<f", b"\0\0" + held)[0], place


def _enum(found: TypeName) -> Read:
    names = {}
    for each in found.arguments:
        name, _, number = each.rpartition("=")
        names[int(number)] = name.strip()[1:-1].replace("\\'", "'").replace("\\\\", "\\")
    return _converted(_fixed("<b" if found.name == "Enum8" else "<h"), names.__getitem__)


def decimal_shape(found: TypeName) -> tuple[int, int]:
    """Digits and scale of a type of decimals."""
    if found.name == "Decimal":
        first, second = (*found.arguments, "0")[:2]
        return int(first), int(second)
    return {"32": 9, "64": 18, "128": 38, "256": 76}[found.name.removeprefix("Decimal")], int(found.arguments[0])


def _decimals(found: TypeName) -> Read:
    digits, scale = decimal_shape(found)
    size = next(size for most, size in _DIGITS if digits <= most)

    def text(held: int) -> str:
        sign, plain = ("-", str(-held)) if held < 0 else ("", str(held))
        if not scale:
            return sign + plain
        plain = plain.rjust(scale + 1, "0")
        return f"{sign}{plain[:-scale]}.{plain[-scale:]}"

    return _converted(_integer(size, signed=True), text)


def _seconds(buffer: bytes, place: int) -> tuple[int, int]:
    (held,) = struct.unpack_from("<I", buffer, place)
    return held * 1_000_000, place + 4


def _microseconds(digits: int) -> Read:
    factor = 10 ** (_MICROSECONDS - digits)
    return _converted(_fixed("<q"), lambda held: held * factor)


def _uuid(buffer: bytes, place: int) -> tuple[str, int]:
    held, place = _sized(16)(buffer, place)
    return str(UUID(bytes=held[7::-1] + held[:7:-1])), place


def _list(text: str, element: ChType) -> ChType:
    read_element = element.read

    def read(buffer: bytes, place: int) -> tuple[list[Any], int]:
        size, place = varint(buffer, place)
        found = []
        for _ in range(size):
            held, place = read_element(buffer, place)
            found.append(held)
        return found, place

    def value(held: list[Any]) -> Value:
        return Value(list=ValueList(values=[element.value_of(each) for each in held]))

    def written(held: list[Any]) -> str:
        return f"[{','.join(map(element.text_of, held))}]"

    return ChType(text, Kind.LIST, read, lambda held: wire.of_value(value(held)), value, written)


def _tuple(text: str, elements: tuple[str, ...]) -> ChType:
    types = [type_of(element_of(each)[1]) for each in elements]

    def read(buffer: bytes, place: int) -> tuple[str, int]:
        found = []
        for each in types:
            held, place = each.read(buffer, place)
            found.append(each.text_of(held))
        return f"({','.join(found)})", place

    return _other(text, read, text, quote=False)


def _map(text: str, key: ChType, element: ChType) -> ChType:
    def read(buffer: bytes, place: int) -> tuple[str, int]:
        size, place = varint(buffer, place)
        found = []
        for _ in range(size):
            name, place = key.read(buffer, place)
            held, place = element.read(buffer, place)
            found.append(f"{key.text_of(name)}:{element.text_of(held)}")
        return f"{{{','.join(found)}}}", place

    return _other(text, read, text, quote=False)


def _other(text: str, read: Read, called: str, *, quote: bool = True) -> ChType:
    def value(held: str) -> Value:
        return Value(other=OtherValue(type=called, text=held))

    return ChType(
        text, Kind.OTHER, read, lambda held: wire.of_value(value(held)), value, quoted if quote else str, called
    )


def _int64(held: int) -> Value:
    return Value(int64=held)


def _timestamp(held: int) -> Value:
    return Value(timestamp=held)


def _instant(held: int) -> str:
    return quoted(times.ticks(held, _MICROSECONDS))


def _decimal(held: int) -> Value:
    return Value(decimal=str(held))


def _decimal_wire(held: int) -> bytes:
    return wire.of_decimal(str(held))


def _string_wire(held: bytes) -> bytes:
    return wire.of_utf8(held) if held.isascii() and 0 not in held else wire.of_value(_string_value(held))


def _string_value(held: bytes) -> Value:
    """A String is bytes; what no string of UTF-8 is, stands in hexadecimal."""
    try:
        text = held.decode()
    except UnicodeDecodeError:
        text = "\0"
    return Value(string=text) if "\0" not in text else Value(other=OtherValue(type="String", text=f"x'{held.hex()}'"))


def _string_text(held: bytes) -> str:
    return quoted(held.decode(errors="backslashreplace"))
