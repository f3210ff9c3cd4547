"""Values in SQLite's own tables: one column without affinity for each field, whose kind the plugin knows.

| kind | stored as |
|---|---|
| bool, int64, timestamp | INTEGER |
| double | REAL; SQLite has no NaN, so that neither it nor the infinities are declared |
| decimal | TEXT that sorts by its value (below) |
| string | TEXT |
| bytes | BLOB |
| list, map, other | their canonical text, TEXT |

The text of a decimal is its sign, its exponent, its digits without zeros at the end, and a mark; behind the mark its
scale, so that equal decimals of different scales lie between the mark and the character after it, next to each other.
Of a negative one, exponent and digits are those that complete them to nines.
"""

from decimal import Decimal
from typing import Final

from prism.errors import DataLoss
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.values.kinds import ALL, NON_FINITE, require_kinds
from prism.sdk.values.text import from_text, to_text

Stored = int | float | str | bytes | None

VALUE_KINDS: Final = ALL - {NON_FINITE}

_BIAS: Final = 100_000
_NINES: Final = str.maketrans("0123456789", "9876543210")
# A mark sorts before every digit, so that 0.12 comes before 0.123; of negative ones after.
_POSITIVE, _ZERO, _NEGATIVE = ("p", " "), ("o", " "), ("n", "~")


def encode(value: Value, what: str = "value") -> Stored:
    """What is stored for a value.

    Args:
        value: without a violation.
        what: what it is called in a refusal.

    Raises:
        Unimplemented: it holds what is not declared.
    """
    require_kinds(value, VALUE_KINDS, what)
    match kind := kind_of(value):
        case Kind.NULL:
            return None
        case Kind.BOOL:
            return int(value.bool)
        case Kind.DECIMAL:
            return decimal_key(Decimal(value.decimal))[0] + str(len(value.decimal.partition(".")[2]))
        case Kind.LIST | Kind.MAP | Kind.OTHER:
            return to_text(value)
    stored: Stored = getattr(value, kind)
    return stored


def decode(kind: Kind, stored: Stored) -> Value:
    """The value of that kind that was stored.

    Raises:
        DataLoss: none was stored so.
    """
    match kind, stored:
        case _, None:
            return Value(null="NULL_VALUE")
        case Kind.BOOL, int():
            return Value(bool=bool(stored))
        case Kind.INT64, int():
            return Value(int64=stored)
        case Kind.TIMESTAMP, int():
            return Value(timestamp=stored)
        case Kind.DOUBLE, float():
            return Value(double=stored)
        case Kind.DECIMAL, str():
            return Value(decimal=_decimal(stored))
        case Kind.STRING, str():
            return Value(string=stored)
        case Kind.BYTES, bytes():
            return Value(bytes=stored)
        case ((Kind.LIST | Kind.MAP | Kind.OTHER), str()):
            return from_text(stored)
    raise DataLoss(f"a value of kind {kind} is stored as {type(stored).__name__}; its table was changed from outside")


def decimal_key(number: Decimal) -> tuple[str, str]:
    """The bounds of the texts of all decimals that equal the number: from the first on, below the second."""
    if not number:
        return _bounds("", *_ZERO)
    sign, digits, _ = number.as_tuple()
    text = f"{number.adjusted() + _BIAS:06}" + "".join(map(str, digits)).rstrip("0")
    return _bounds(text.translate(_NINES), *_NEGATIVE) if sign else _bounds(text, *_POSITIVE)


def _bounds(key: str, sign: str, mark: str) -> tuple[str, str]:
    return f"{sign}{key}{mark}", f"{sign}{key}{chr(ord(mark) + 1)}"


def _decimal(stored: str) -> str:
    """The decimal's own text, with its scale."""
    sign, mark = stored[0], "~" if stored[0] == "n" else " "
    key, _, scale = stored[1:].partition(mark)
    if sign == "n":
        key = key.translate(_NINES)
    digits, exponent = (key[6:], int(key[:6]) - _BIAS) if key else ("0", 0)
    number = Decimal(f"{'-' if sign == 'n' else ''}{digits[0]}.{digits[1:]}E{exponent}")
    return f"{number:.{scale}f}"
