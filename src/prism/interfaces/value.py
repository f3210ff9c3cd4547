"""Value: a typed value of any abstraction, and what it may be. Rules: prism/data/v1/value.proto, docs/contract.md 2.

`value_violation` is what the gateway refuses a value for; the client makes no value that has one.
"""

import enum
import re
from typing import Final

from prism._proto.data.v1.value_pb2 import OtherValue, Value, ValueList, ValueMap
from prism.errors import Violation

__all__ = [
    "MAX_DEPTH",
    "MAX_VALUES",
    "Kind",
    "OtherValue",
    "Value",
    "ValueList",
    "ValueMap",
    "kind_of",
    "value_violation",
]

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 65_536

MIN_INT64: Final = -(2**63)
MAX_INT64: Final = 2**63 - 1

MIN_TIMESTAMP: Final = -62_135_596_800_000_000
"""0001-01-01T00:00:00Z in microseconds since 1970."""
MAX_TIMESTAMP: Final = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z."""

MAX_DIGITS: Final = 131_072
"""Digits of a decimal before its point. Both bounds are PostgreSQL's."""
MAX_SCALE: Final = 16_383
"""Digits behind it."""

MAX_TYPE: Final = 128
"""Bytes in the name of a store's own type."""

DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]*)(?:\.([0-9]+))?")


class Kind(enum.StrEnum):
    """The kinds of values, by their names in the .proto."""

    NULL = "null"
    BOOL = "bool"
    INT64 = "int64"
    DOUBLE = "double"
    DECIMAL = "decimal"
    STRING = "string"
    BYTES = "bytes"
    TIMESTAMP = "timestamp"
    LIST = "list"
    MAP = "map"
    OTHER = "other"


_KINDS: Final = {each.value: each for each in Kind}
_ALWAYS_VALID: Final = frozenset(
    {Kind.NULL.value, Kind.BOOL.value, Kind.INT64.value, Kind.DOUBLE.value, Kind.BYTES.value}
)


def kind_of(value: Value) -> Kind:
    """The kind of a value that has no violation."""
    return _KINDS[value.WhichOneof("kind") or ""]


def value_violation(value: Value, path: str, *, depth: int = MAX_DEPTH) -> Violation | None:
    """The first rule that the value breaks, None for a valid one.

    Args:
        value: at any depth that protobuf itself reads.
        path: what the value is called in the violation.
        depth: how deep it may be.
    """
    if depth > 0:  # most values are scalars, of which nothing, or little, can be wrong
        kind = value.WhichOneof("kind")
        if kind in _ALWAYS_VALID or (kind == "string" and "\0" not in value.string):
            return None
    try:
        _Walk().value(value, path, depth)
    except _Broken as broken:
        return broken.violation
    return None


def decimal_violation(text: str) -> tuple[str, str] | None:
    """What was found and what is allowed, where a text is not a decimal."""
    parts = DECIMAL.fullmatch(text)
    if parts is None:
        return _shown(text), "digits are expected, such as -12.50: without an exponent, a + or zeros in front"
    whole, fraction = parts[1], parts[2] or ""
    if text[0] == "-" and not whole.strip("0") and not fraction.strip("0"):
        return _shown(text), "a decimal has no negative zero"
    if len(whole) > MAX_DIGITS or len(fraction) > MAX_SCALE:
        found = f"{len(whole)} digits before the point and {len(fraction)} behind it"
        return found, f"at most {MAX_DIGITS} and {MAX_SCALE} are allowed"
    return None


class _Broken(Exception):
    def __init__(self, field: str, found: str, limit: str) -> None:
        self.violation = Violation(field, found, limit)


class _Walk:
    """Goes through a value once and counts what is in it."""

    def __init__(self) -> None:
        self._count = 0

    def value(self, value: Value, path: str, depth: int) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            raise _Broken(path, "more values", f"at most {MAX_VALUES} are allowed in one")
        if depth <= 0:
            raise _Broken(path, "a value within too many others", f"at most {MAX_DEPTH} deep is allowed")
        match value.WhichOneof("kind"):
            case "string":
                self._text(value.string, path)
            case "timestamp":
                if not MIN_TIMESTAMP <= value.timestamp <= MAX_TIMESTAMP:
                    raise _Broken(
                        path, f"{value.timestamp} us since 1970", "an instant in the years 1 to 9999 is expected"
                    )
            case "decimal":
                if broken := decimal_violation(value.decimal):
                    raise _Broken(path, *broken)
            case "list":
                for index, element in enumerate(value.list.values):
                    self.value(element, f"{path}.list.values[{index}]", depth - 1)
            case "map":
                for name, element in value.map.entries.items():
                    self._text(name, f"{path}.map.entries")
                    self.value(element, f"{path}.map.entries[{name[:40]!r}]", depth - 1)
            case "other":
                self._other(value.other, path)
            case None:
                raise _Broken(path, "nothing", f"one of {', '.join(Kind)} is required")

    def _other(self, other: OtherValue, path: str) -> None:
        if not 0 < len(other.type.encode()) <= MAX_TYPE:
            raise _Broken(f"{path}.other.type", f"{len(other.type.encode())} bytes", f"1 to {MAX_TYPE} are allowed")
        self._text(other.type, f"{path}.other.type")
        self._text(other.text, f"{path}.other.text")

    @staticmethod
    def _text(text: str, path: str) -> None:
        if "\0" in text:
            raise _Broken(path, "a NUL character", "NUL is allowed in bytes only")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
