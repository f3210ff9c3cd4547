"""Values in PostgreSQL: the column type of each kind, and what a value is to the driver.

Lists, maps and values of a store's own types are kept as their canonical text; columns of text are of collation "C".
Timestamps need the codec of `timestamptz.py` on their connection.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from prism.errors import DataLoss
from prism.interfaces.value import MAX_TIMESTAMP, MIN_TIMESTAMP, Kind, OtherValue, Value, kind_of
from prism.sdk.values.kinds import ALL
from prism.sdk.values.text import from_text, to_text

Stored = bool | int | float | Decimal | str | bytes | None

VALUE_KINDS: Final = ALL

TYPES: Final[Mapping[Kind, str]] = {
    Kind.BOOL: "boolean",
    Kind.INT64: "bigint",
    Kind.DOUBLE: "double precision",
    Kind.DECIMAL: "numeric",
    Kind.STRING: "text",
    Kind.BYTES: "bytea",
    Kind.TIMESTAMP: "timestamptz",
    Kind.LIST: "text",
    Kind.MAP: "text",
    Kind.OTHER: "text",
}
"""What a column of a kind is, and what an operand is cast to."""


def column(kind: Kind) -> str:
    """The definition of a column, without its name."""
    return TYPES[kind] + (' COLLATE "C"' if TYPES[kind] == "text" else "")


def encode(value: Value) -> Stored:
    """What the driver is given for a value that has no violation; NULL for null."""
    match kind := kind_of(value):
        case Kind.NULL:
            return None
        case Kind.DECIMAL:
            return Decimal(value.decimal)
        case Kind.LIST | Kind.MAP | Kind.OTHER:
            return to_text(value)
    stored: Stored = getattr(value, kind)
    return stored


def decode(kind: Kind, stored: Any) -> Value:
    """The value of that kind that the driver gave.

    Raises:
        DataLoss: none is stored so.
    """
    match kind, stored:
        case _, None:
            return Value(null="NULL_VALUE")
        case Kind.BOOL, bool():
            return Value(bool=stored)
        case Kind.INT64, int():
            return Value(int64=stored)
        case Kind.DOUBLE, float():
            return Value(double=stored)
        case Kind.DECIMAL, Decimal():
            return Value(decimal=f"{stored:f}") if stored.is_finite() else _other("numeric", _not_finite(stored))
        case Kind.STRING, str():
            return Value(string=stored)
        case Kind.BYTES, bytes():
            return Value(bytes=stored)
        case Kind.TIMESTAMP, int() if MIN_TIMESTAMP <= stored <= MAX_TIMESTAMP:
            return Value(timestamp=stored)
        case Kind.TIMESTAMP, str():
            return _other("timestamptz", stored)
        case ((Kind.LIST | Kind.MAP | Kind.OTHER), str()):
            return from_text(stored)
    raise DataLoss(f"a value of kind {kind} is stored as {type(stored).__name__}; its table was changed from outside")


def _other(kind: str, text: str) -> Value:
    return Value(other=OtherValue(type=kind, text=text))


def _not_finite(number: Decimal) -> str:
    return "NaN" if number.is_nan() else f"{'-' if number < 0 else ''}Infinity"
