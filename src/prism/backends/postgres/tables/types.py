"""PostgreSQL's types as kinds of values, in tables that Prism found; docs/contract.md, 2.2: the type decides.

Few types travel in binary, those that are many and whose Python object is their value. All others travel as
PostgreSQL's own text, which is what `other` holds, and what a list is read from: no driver's object stands between.
"""

import math
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from prism.backends.postgres.tables import arrays
from prism.backends.postgres.timestamptz import to_wire
from prism.interfaces.value import MAX_INT64, Kind, OtherValue, Value, ValueList, kind_of
from prism.sdk.tables import Misfit

NULL: Final = Value(null="NULL_VALUE")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_INTEGERS: Final[Mapping[str, tuple[int, int]]] = {
    "int2": (-(2**15), 2**15 - 1),
    "int4": (-(2**31), 2**31 - 1),
    "int8": (-(2**63), MAX_INT64),
    "oid": (0, 2**32 - 1),
}
_SHORT: Final[Mapping[str, int]] = {"name": 63, "char": 1}
"""Types of text that PostgreSQL cuts without a word, and the bytes that they keep."""
_ALIASES: Final[Mapping[str, frozenset[str]]] = {"json": frozenset({"json", "jsonb"})}
_OTHER_NAMES: Final[Mapping[str, str]] = {"jsonb": "json"}
"""What a value's type is called where it is not the store's name: a caller's JSON is JSON in both."""
_INSTANT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-]\d\d(?::\d\d(?::\d\d)?)?)"
)

BINARY: Final = frozenset(
    {"bool", "int2", "int4", "int8", "oid", "float4", "float8", "text", "varchar", "bpchar", "name", "bytea",
     "timestamptz"}
)  # fmt: skip
"""Types of pg_catalog whose values the driver gives as Python objects."""


@dataclass(frozen=True, slots=True)
class PgType:
    """A type, as values of it are read and written.

    Attributes:
        name: as columns call it: `int4`, `int4[]`, `public.mood`.
        kind: of its values.
        binary: they travel in binary; else as text.
        read: the value that the driver's object is; never of NULL.
        read_text: the value that a text of PostgreSQL is.
        write: what the driver is given for a value; None for null. Raises `Misfit`.
        write_text: the same as a text, None for null. Raises `Misfit`.
    """

    name: str
    kind: Kind
    binary: bool
    read: Callable[[Any], Value]
    read_text: Callable[[str], Value]
    write: Callable[[Value], Any]
    write_text: Callable[[Value], str | None]


def scalar(name: str, *, category: str, builtin: bool) -> PgType:
    """A type that is no array.

    Args:
        name: its own, with its schema where that is not pg_catalog.
        category: `pg_type.typcategory`, or `E` of an enum.
        builtin: it is one of pg_catalog.
    """
    known = name if builtin else ""
    if known in _INTEGERS:
        return _type(name, Kind.INT64, known, _int64, lambda text: Value(int64=int(text)), _integer(name), str)
    if known in {"float4", "float8"}:
        return _type(
            name, Kind.DOUBLE, known, _double, lambda text: Value(double=float(text)), _float(name), _float_text
        )
    match known:
        case "bool":
            return _type(
                name, Kind.BOOL, known, _bool, lambda text: Value(bool=text == "t"), _only(name, Kind.BOOL), _bool_text
            )
        case "numeric":
            return _type(name, Kind.DECIMAL, known, _numeric, _numeric, _write_numeric, str)
        case "bytea":
            return _type(
                name, Kind.BYTES, known, _bytes, _bytea, _only(name, Kind.BYTES), lambda held: "\\x" + held.hex()
            )
        case "timestamptz":
            return _type(name, Kind.TIMESTAMP, known, _timestamp, _instant, _write_timestamp, _instant_text)
    if category in {"S", "E"} or known in {"name", "char", "unknown"}:
        return _type(name, Kind.STRING, known, _string, _string, _write_string(name, _SHORT.get(known, 0)), str)
    called = _OTHER_NAMES.get(known, name)

    def other(text: str) -> Value:
        return Value(other=OtherValue(type=called, text=text))

    return _type(name, Kind.OTHER, known, other, other, _write_other(name, called), str)


def array(name: str, element: PgType, delimiter: str) -> PgType:
    """The type of arrays of a type, of any number of dimensions."""

    def read(text: str) -> Value:
        try:
            return Value(list=_list(arrays.read(text, delimiter), element))
        except arrays.OwnBounds:
            return Value(other=OtherValue(type=name, text=text))

    def write(value: Value) -> str | None:
        match kind_of(value):
            case Kind.NULL:
                return None
            case Kind.LIST:
                return arrays.write(_elements(value.list, name, element, outermost=True), delimiter)
            case Kind.OTHER if value.other.type == name:
                return value.other.text
        raise Misfit(f"a value of kind {kind_of(value)}", f"{name} takes list")

    return PgType(name, Kind.LIST, False, read, read, write, write)


def renamed(base: PgType, name: str) -> PgType:
    """A domain: values of its base, sent as text, for the driver knows nothing of it."""
    return PgType(name, base.kind, False, base.read_text, base.read_text, base.write_text, base.write_text)


def _type(
    name: str,
    kind: Kind,
    known: str,
    read: Callable[[Any], Value],
    read_text: Callable[[str], Value],
    write: Callable[[Value], Any],
    text: Callable[[Any], str],
) -> PgType:
    def write_null(value: Value) -> Any:
        return None if value.WhichOneof("kind") == "null" else write(value)

    def write_text(value: Value) -> str | None:
        return None if value.WhichOneof("kind") == "null" else text(write(value))

    binary = known in BINARY
    return PgType(
        name, kind, binary, read if binary else read_text, read_text, write_null if binary else write_text, write_text
    )


def _list(elements: list[arrays.Nested], element: PgType) -> ValueList:
    values = [
        NULL
        if each is None
        else Value(list=_list(each, element))
        if isinstance(each, list)
        else element.read_text(each)
        for each in elements
    ]
    return ValueList(values=values)


def _elements(held: ValueList, name: str, element: PgType, *, outermost: bool) -> list[arrays.Nested]:
    if not held.values and not outermost:
        raise Misfit("an empty list within a list", f"{name} has none: all its lists are of one length")
    lists = {kind_of(each) is Kind.LIST for each in held.values}
    lengths = {len(each.list.values) for each in held.values if kind_of(each) is Kind.LIST}
    if len(lists) > 1 or len(lengths) > 1:
        raise Misfit("lists of several lengths", f"in {name} all lists of a depth are of one length")
    if lists == {True}:
        return [_elements(each.list, name, element, outermost=False) for each in held.values]
    return [element.write_text(each) for each in held.values]


def _bool(held: bool) -> Value:
    return Value(bool=held)


def _int64(held: int) -> Value:
    return Value(int64=held)


def _double(held: float) -> Value:
    return Value(double=held)


def _string(held: str) -> Value:
    return Value(string=held)


def _bytes(held: bytes) -> Value:
    return Value(bytes=held)


def _timestamp(held: int | str) -> Value:
    return Value(timestamp=held) if isinstance(held, int) else Value(other=OtherValue(type="timestamptz", text=held))


def _numeric(text: str) -> Value:
    if text[-1].isdigit():
        return Value(decimal=text)
    return Value(other=OtherValue(type="numeric", text=text))


def _bytea(text: str) -> Value:
    return Value(bytes=bytes.fromhex(text.removeprefix("\\x")))


def _instant(text: str) -> Value:
    """Of an element of an array; the session is in UTC."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        return Value(other=OtherValue(type="timestamptz", text=text))
    return Value(timestamp=(datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND)


def _instant_text(held: int | str) -> str:
    return held if isinstance(held, str) else (_EPOCH + held * _MICROSECOND).isoformat(sep=" ")


def _bool_text(held: bool) -> str:
    return "t" if held else "f"


def _float_text(held: float) -> str:
    if math.isfinite(held):
        return repr(held)
    return "NaN" if held != held else "Infinity" if held > 0 else "-Infinity"


def _only(name: str, kind: Kind) -> Callable[[Value], Any]:
    def write(value: Value) -> Any:
        if kind_of(value) is not kind:
            raise Misfit(f"a value of kind {kind_of(value)}", f"{name} takes {kind}")
        return getattr(value, kind)

    return write


def _integer(name: str) -> Callable[[Value], int]:
    least, most = _INTEGERS[name]
    held = _only(name, Kind.INT64)

    def write(value: Value) -> int:
        number: int = held(value)
        if not least <= number <= most:
            raise Misfit(f"the int64 {number}", f"{name} takes {least} to {most}")
        return number

    return write


def _float(name: str) -> Callable[[Value], float]:
    def write(value: Value) -> float:
        if kind_of(value) is Kind.INT64 and int(float(value.int64)) == value.int64:
            number = float(value.int64)
        else:
            number = _only(name, Kind.DOUBLE)(value)
        if name == "float4" and number == number and _as_float4(number) != number:
            raise Misfit(
                f"the double {number!r}", "float4 has fewer digits; cast the parameter in the statement: $n::float8"
            )
        return number

    return write


def _as_float4(number: float) -> float:
    try:
        (back,) = struct.unpack("!f", struct.pack("!f", number))
    except OverflowError:
        return math.nan
    return float(back)


def _write_numeric(value: Value) -> str:
    match kind_of(value):
        case Kind.DECIMAL:
            return value.decimal
        case Kind.INT64:
            return str(value.int64)
        case Kind.OTHER if value.other.type == "numeric" and value.other.text in {"NaN", "Infinity", "-Infinity"}:
            return value.other.text
    raise Misfit(f"a value of kind {kind_of(value)}", "numeric takes decimal and int64")


def _write_timestamp(value: Value) -> int | str:
    match kind_of(value):
        case Kind.TIMESTAMP:
            return value.timestamp
        case Kind.OTHER if value.other.type == "timestamptz":
            try:
                to_wire(value.other.text)
            except (ValueError, struct.error) as error:
                raise Misfit("a text of other{timestamptz}", f"{error}") from error
            return value.other.text
    raise Misfit(f"a value of kind {kind_of(value)}", "timestamptz takes timestamp")


def _write_string(name: str, most: int) -> Callable[[Value], str]:
    held = _only(name, Kind.STRING)

    def write(value: Value) -> str:
        text: str = held(value)
        if most and len(text.encode()) > most:
            raise Misfit(f"a string of {len(text.encode())} bytes", f"{name} takes {most}")
        return text

    return write


def _write_other(name: str, called: str) -> Callable[[Value], str]:
    taken = _ALIASES.get(called, frozenset({name}))

    def write(value: Value) -> str:
        if kind_of(value) is not Kind.OTHER or value.other.type not in taken:
            given = f"other{{{value.other.type}}}" if kind_of(value) is Kind.OTHER else str(kind_of(value))
            raise Misfit(f"a value of kind {given}", f"{name} takes other{{{called}}}")
        return value.other.text

    return write
