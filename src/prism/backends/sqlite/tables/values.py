"""Values in SQLite's tables of others: the storage class of each row decides, whatever its column was declared as."""

import math
from typing import Final

from prism.interfaces.value import Kind, OtherValue, Value, kind_of
from prism.sdk.sql import wire
from prism.sdk.tables import Misfit

Stored = int | float | str | bytes | None

_TAKEN: Final = "SQLite stores int64, double, string, bytes and null"
_TEXT: Final = "text"
"""The type of a text that is none: it holds U+0000, or bytes that are not UTF-8."""


def decode(stored: Stored) -> Value:
    """The value that the driver gave; a text comes as its bytes, wrapped in `Text`."""
    match stored:
        case None:
            return Value(null="NULL_VALUE")
        case int():
            return Value(int64=stored)
        case float():
            return Value(double=stored)
        case Text():
            return _text(stored)
        case bytes():
            return Value(bytes=stored)
    return Value(string=stored)


def written(stored: Stored) -> bytes:
    """The same as a value of a row."""
    match stored:
        case None:
            return wire.NULL
        case int():
            return wire.of_int64(stored)
        case float():
            return wire.of_double(stored)
        case Text() if stored.isascii() and 0 not in stored:
            return wire.of_utf8(bytes(stored))
        case bytes() if not isinstance(stored, Text):
            return wire.of_bytes(stored)
    return wire.of_value(decode(stored))


class Text(bytes):
    """The bytes of a TEXT: the connection's `text_factory`, for the driver refuses what is not UTF-8."""

    __slots__ = ()


def encode(value: Value) -> Stored:
    """What the driver is given for a value that has no violation.

    Raises:
        Misfit: SQLite would store it as something else.
    """
    match kind := kind_of(value):
        case Kind.NULL:
            return None
        case Kind.INT64 | Kind.STRING | Kind.BYTES:
            stored: Stored = getattr(value, kind)
            return stored
        case Kind.DOUBLE if not math.isnan(value.double):
            return value.double
        case Kind.DOUBLE:
            raise Misfit("the double NaN", "SQLite would store NULL: give null, or another number")
    raise Misfit(f"a value of kind {kind}", f"{_TAKEN}: give it as one of those, as the column holds it")


def _text(stored: bytes) -> Value:
    try:
        text = stored.decode()
    except UnicodeDecodeError:
        return Value(other=OtherValue(type=_TEXT, text=f"x'{stored.hex()}'"))
    if "\0" in text:
        return Value(other=OtherValue(type=_TEXT, text=f"x'{stored.hex()}'"))
    return Value(string=text)
