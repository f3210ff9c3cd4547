"""Plain Python values: what they become, what comes back, and what is refused."""

import enum
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from prism.client import Json, Other
from prism.client.values import from_value, to_value
from prism.interfaces.value import OtherValue, Value

NINETY_MINUTES = timezone(timedelta(minutes=90))


class Color(enum.IntEnum):
    """An int with a name."""

    RED = 1


class Precise(datetime):
    """A datetime that holds more, as other libraries have them."""

    nanosecond = 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Precise)

    __hash__ = datetime.__hash__


@pytest.mark.parametrize(
    ("plain", "kind"),
    [
        (None, "null"),
        (True, "bool"),
        (-(2**63), "int64"),
        (2**63 - 1, "int64"),
        (-0.0, "double"),
        (math.inf, "double"),
        (Decimal("1.00"), "decimal"),
        (Decimal("0E-7"), "decimal"),
        ("\U0001f600", "string"),
        (b"\0", "bytes"),
        (datetime(1, 1, 1, tzinfo=UTC), "timestamp"),
        (datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), "timestamp"),
        (datetime(2026, 11, 30, 12, tzinfo=NINETY_MINUTES), "timestamp"),
        (datetime(1, 1, 1), "other"),  # noqa: DTZ001 - without a zone on purpose
        (date(9999, 12, 31), "other"),
        (time(12, 30, 0, 500_000), "other"),
        (UUID(int=1), "other"),
        (Json('{"a": 1.0}'), "other"),
        (Other("interval", "1 mon"), "other"),
        (Other("date", "infinity"), "other"),
        ([], "list"),
        ([None, [1, "a"]], "list"),
        ({"": {"b": None}}, "map"),
    ],
)
def test_what_comes_back(plain: Any, kind: str) -> None:
    """The same, of the same type."""
    value = to_value(plain)
    assert value.WhichOneof("kind") == kind
    back = from_value(value)
    assert (back, type(back), repr(back) if kind != "timestamp" else "") == (
        *(plain, type(plain), repr(plain) if kind != "timestamp" else ""),
    )


def test_nan() -> None:
    """Which equals nothing."""
    assert math.isnan(from_value(to_value(math.nan)))


@pytest.mark.parametrize(("plain", "back"), [(Color.RED, 1), (Decimal("1E+3"), Decimal(1000))])
def test_what_comes_back_equal(plain: Any, back: Any) -> None:
    """A number of another type or spelling, and nothing is lost."""
    assert repr(from_value(to_value(plain))) == repr(back)
    assert plain == back


@pytest.mark.parametrize(
    ("plain", "error", "says"),
    [
        (2**63, ValueError, "beyond 64 bits; give a Decimal"),
        (Decimal("-0.0"), ValueError, "no negative zero"),
        (Decimal("NaN"), ValueError, "a Decimal is finite"),
        (Decimal("1E+131072"), ValueError, "more than 131072 digits"),
        (Decimal("1E-16384"), ValueError, "more than .* 16383 behind it"),
        ("a\0", ValueError, "NUL is allowed in bytes only"),
        ("\ud800", ValueError, "character 0 is a lone surrogate"),
        ((1, 2), TypeError, "is a tuple; give a list"),
        (bytearray(b"a"), TypeError, "is a bytearray; give bytes"),
        (timedelta(1), TypeError, "is a timedelta; give Other"),
        (object(), TypeError, "is a object; give None, bool"),
        ({1: 2}, TypeError, "has the key 1; the keys of a map are str"),
        (time(1, tzinfo=UTC), ValueError, "a time with a time zone"),
        (Other("date", "2026-11-30"), ValueError, r"give datetime.date\(2026, 11, 30\)"),
        (Other("", ""), ValueError, "1 to 128 are allowed"),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=2))), ValueError, "the years 1 to 9999"),
        (Precise(2026, 1, 1, tzinfo=UTC), TypeError, "Precise holds more than datetime; convert it"),
        ([None] * 65_536, ValueError, "holds at most 65536"),
    ],
)
def test_what_is_refused(plain: Any, error: type[Exception], says: str) -> None:
    """With what to give in its place, wherever it is."""
    with pytest.raises(error, match=says):
        to_value(plain)
    with pytest.raises(error, match=rf"value\b.*\ba\b.*{says}"):
        to_value({"a": plain})


def test_a_list_within_itself() -> None:
    """Is too deep, not endless."""
    own: list[Any] = []
    own.append(own)
    with pytest.raises(ValueError, match="at most 32 deep"):
        to_value(own)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("date", "0044-03-15 BC"),
        ("date", "20261130"),
        ("time", "24:00:00"),
        ("time", "12:00:00.500"),
        ("time", "12:00:00+00"),
        ("timestamp", "2026-11-30T12:00:00"),
        ("timestamp", "infinity"),
        ("uuid", "{00000000-0000-0000-0000-000000000001}"),
        ("timestamptz", "-infinity"),
    ],
)
def test_what_python_does_not_have(kind: str, text: str) -> None:
    """It stays the store's own, and goes back as it came."""
    value = Value(other=OtherValue(type=kind, text=text))
    assert from_value(value) == Other(kind, text)
    assert to_value(from_value(value)) == value
