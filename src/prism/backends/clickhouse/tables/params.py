"""Values as parameters of ClickHouse's types. What does not fit is refused here: ClickHouse would wrap or cut it."""

import math
import re
import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from prism.backends.clickhouse.tables import times
from prism.backends.clickhouse.tables.names import TypeName
from prism.backends.clickhouse.tables.texts import escaped, of_float, quoted
from prism.backends.clickhouse.tables.types import decimal_shape, type_of
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.tables import Misfit

_BITS: Final = re.compile(r"(U?)Int(8|16|32|64|128|256)")
_PLACEHOLDER: Final = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*` | --[^\n]* | \#[!\ ][^\n]* | /\*.*?\*/
    | \{\s*(\w+)\s*:\s*((?:[^{}'`"]|'(?:[^'\\]|\\.)*')*)\}""",
    re.VERBOSE | re.DOTALL,
)
"""A placeholder, or what may hold the text of one and has none."""
_NULL: Final = "\\N"
_LITERALS: Final = frozenset({"Map", "Tuple", "Nested"})
"""Types whose text is a literal with escapes of its own."""


def placeholders(statement: str) -> dict[str, str]:
    """The parameters that a statement names, and the type of each."""
    return {found[1]: found[2].strip() for found in _PLACEHOLDER.finditer(statement) if found[1]}


def parameter(type_name: str, value: Value, zone: str) -> str:
    """A value as the text of a parameter.

    Args:
        type_name: of the parameter.
        value: without a violation.
        zone: of the server, for types that name none.

    Raises:
        Misfit: the type does not hold it.
    """
    found = TypeName.of(type_name)
    plain = _unwrapped(found)
    if kind_of(value) is Kind.NULL:
        if plain.text == found.text:
            raise Misfit("null", f"{found.text} has no NULL: declare Nullable({found.text})")
        return _NULL
    if plain.name == "Array":
        return _list(plain, value, zone)
    text = _text(plain, value, zone)
    return text if plain.name in _LITERALS else escaped(text)


def _unwrapped(found: TypeName) -> TypeName:
    while found.name in {"Nullable", "LowCardinality"}:
        found = TypeName.of(found.arguments[0])
    return found


def _list(found: TypeName, value: Value, zone: str) -> str:
    if kind_of(value) is not Kind.LIST:
        raise _misfit(found, value, "list")
    return f"[{','.join(_elements(TypeName.of(found.arguments[0]), value, zone))}]"


def _elements(declared: TypeName, value: Value, zone: str) -> Iterator[str]:
    element = _unwrapped(declared)
    bare = _BITS.fullmatch(element.name) or element.name.startswith(("Decimal", "Float", "Bool", "Map", "Tuple"))
    for each in value.list.values:
        if kind_of(each) is Kind.NULL:
            if element.text == declared.text:
                raise Misfit("null in a list", f"{declared.text} has no NULL: declare Nullable({declared.text})")
            yield "NULL"
        elif element.name == "Array":
            yield _list(element, each, zone)
        else:
            text = _text(element, each, zone)
            yield text if bare else quoted(text)


def _text(found: TypeName, value: Value, zone: str) -> str:
    """A value of a type that is neither nullable nor an array, not escaped."""
    name = found.name
    if (bits := _BITS.fullmatch(name)) is not None:
        return _integer(found, value, unsigned=bool(bits[1]), bits=int(bits[2]))
    match name:
        case "Bool":
            return str(_only(found, value, Kind.BOOL).bool).lower()
        case "Float64" | "Float32" | "BFloat16":
            return _float(found, value)
        case "Decimal" | "Decimal32" | "Decimal64" | "Decimal128" | "Decimal256":
            return _decimal(found, value)
        case "String":
            return _string(found, value)
        case "FixedString":
            text = _string(found, value)
            if len(text.encode()) > int(found.arguments[0]):
                raise Misfit(f"a string of {len(text.encode())} bytes", f"{found.text} takes {found.arguments[0]}")
            return text
        case "Enum8" | "Enum16":
            return _only(found, value, Kind.STRING).string
        case "DateTime":
            return _seconds(found, _only(found, value, Kind.TIMESTAMP).timestamp)
        case "DateTime64":
            return _instant(found, value, zone)
    return _other(found, value)


def _integer(found: TypeName, value: Value, *, unsigned: bool, bits: int) -> str:
    match kind_of(value):
        case Kind.INT64:
            number = value.int64
        case Kind.DECIMAL if bits > 32 and "." not in value.decimal and "E" not in value.decimal.upper():
            number = int(value.decimal)
        case _:
            raise _misfit(found, value, "int64, or a decimal without fraction" if bits > 32 else "int64")
    least, most = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if not least <= number <= most:
        raise Misfit(f"the number {number}", f"{found.text} takes {least} to {most}")
    return str(number)


def _float(found: TypeName, value: Value) -> str:
    if kind_of(value) is Kind.INT64 and int(float(value.int64)) == value.int64:
        number = float(value.int64)
    else:
        number = _only(found, value, Kind.DOUBLE).double
    if found.name != "Float64" and math.isfinite(number) and not _exact(number):
        raise Misfit(f"the double {number!r}", f"{found.text} has fewer digits: declare the parameter Float64")
    return of_float(number)


def _exact(number: float) -> bool:
    try:
        return bool(struct.unpack("<f", struct.pack("<f", number))[0] == number)
    except OverflowError:
        return False


def _decimal(found: TypeName, value: Value) -> str:
    match kind_of(value):
        case Kind.DECIMAL:
            number = Decimal(value.decimal)
        case Kind.INT64:
            number = Decimal(value.int64)
        case _:
            raise _misfit(found, value, "decimal and int64")
    digits, scale = decimal_shape(found)
    sign, figures, exponent = number.as_tuple()
    if not isinstance(exponent, int) or -exponent > scale or len(figures) + exponent > digits - scale:
        raise Misfit(f"the number {number}", f"{found.text} takes {digits} digits, {scale} of them behind the point")
    del sign
    return f"{number:f}"


def _string(found: TypeName, value: Value) -> str:
    match kind_of(value):
        case Kind.STRING:
            return value.string
        case Kind.BYTES:
            try:
                return value.bytes.decode()
            except UnicodeDecodeError as error:
                raise Misfit("bytes that are not UTF-8", f"a parameter of {found.text} is text: use unhex()") from error
    raise _misfit(found, value, "string, and bytes that are UTF-8")


def _seconds(found: TypeName, microseconds: int) -> str:
    seconds, rest = divmod(microseconds, 1_000_000)
    if rest or not 0 <= seconds < 2**32:
        raise Misfit("an instant with a fraction, or beyond 1970 to 2106", f"{found.text} takes whole seconds of those")
    return f"{seconds:010d}"


def _instant(found: TypeName, value: Value, zone: str) -> str:
    digits = int(found.arguments[0]) if found.arguments else 3
    if kind_of(value) is Kind.OTHER and value.other.type == found.text and digits > 6:
        return times.of_ticks(value.other.text, digits, found.text)
    microseconds = _only(found, value, Kind.TIMESTAMP).timestamp
    if digits < 6 and microseconds % 10 ** (6 - digits):
        raise Misfit("an instant with more digits", f"{found.text} takes {digits} of a second")
    named = found.arguments[1].strip("'") if len(found.arguments) > 1 else zone
    return times.unix(microseconds, named)


def _other(found: TypeName, value: Value) -> str:
    called = type_of(found.text).called or found.text
    if kind_of(value) is not Kind.OTHER or value.other.type not in {called, found.text}:
        given = f"other{{{value.other.type}}}" if kind_of(value) is Kind.OTHER else str(kind_of(value))
        raise Misfit(f"a value of kind {given}", f"{found.text} takes other{{{called}}}")
    return value.other.text


def _only(found: TypeName, value: Value, kind: Kind) -> Value:
    if kind_of(value) is not kind:
        raise _misfit(found, value, str(kind))
    return value


def _misfit(found: TypeName, value: Value, taken: str) -> Misfit:
    return Misfit(f"a value of kind {kind_of(value)}", f"{found.text} takes {taken}")
