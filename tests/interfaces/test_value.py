"""Values: what breaks a rule of docs/contract.md 2, and is refused by name."""

import pytest

from prism.interfaces.value import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_SCALE,
    MAX_TIMESTAMP,
    MAX_TYPE,
    MAX_VALUES,
    MIN_TIMESTAMP,
    OtherValue,
    Value,
    ValueList,
    ValueMap,
    value_violation,
)

YEARS = "an instant in the years 1 to 9999 is expected"
FORM = "digits are expected, such as -12.50: without an exponent, a + or zeros in front"


def of(*values: Value) -> Value:
    return Value(list=ValueList(values=values))


def deep(depth: int) -> Value:
    value = Value(bool=True)
    for _ in range(depth - 1):
        value = Value(map=ValueMap(entries={"a": value}))
    return value


@pytest.mark.parametrize(
    ("value", "field", "found", "limit"),
    [
        (Value(), "v", "nothing", "one of null, bool, int64, double"),
        (of(Value(bool=True), Value()), "v.list.values[1]", "nothing", "is required"),
        (Value(string="a\0"), "v", "a NUL character", "NUL is allowed in bytes only"),
        (Value(map=ValueMap(entries={"\0": Value()})), "v.map.entries", "a NUL character", "in bytes only"),
        (Value(timestamp=MIN_TIMESTAMP - 1), "v", "-62135596800000001 us since 1970", YEARS),
        (Value(timestamp=MAX_TIMESTAMP + 1), "v", "253402300800000000 us since 1970", YEARS),
        *(
            (Value(decimal=text), "v", repr(text), FORM)
            for text in ("", "1e5", "+1", "01", "1.", ".5", "NaN", "\u0661", "1\n")
        ),
        (Value(decimal="-0"), "v", "'-0'", "no negative zero"),
        (Value(decimal="-0.00"), "v", "'-0.00'", "no negative zero"),
        (
            Value(decimal="1" * (MAX_DIGITS + 1)),
            "v",
            f"{MAX_DIGITS + 1} digits before the point",
            f"at most {MAX_DIGITS}",
        ),
        (Value(decimal="1." + "0" * (MAX_SCALE + 1)), "v", f"{MAX_SCALE + 1} behind it", f"{MAX_SCALE} are allowed"),
        (Value(other=OtherValue(text="a")), "v.other.type", "0 bytes", f"1 to {MAX_TYPE}"),
        (Value(other=OtherValue(type="ä" * 65)), "v.other.type", "130 bytes", f"1 to {MAX_TYPE}"),
        (Value(other=OtherValue(type="a", text="\0")), "v.other.text", "a NUL character", "bytes only"),
        (of(*[Value(bool=True)] * MAX_VALUES), "v.list.values[65535]", "more values", f"at most {MAX_VALUES}"),
    ],
)
def test_what_breaks_a_rule(value: Value, field: str, found: str, limit: str) -> None:
    """It is named, with what was there and what is allowed."""
    broken = value_violation(value, "v")
    assert broken is not None
    assert broken.field == field
    assert found in broken.found
    assert limit in broken.limit


def test_how_deep_a_value_may_be() -> None:
    """32 deep, the outermost and the innermost counted; with a depth of its own, less."""
    assert value_violation(deep(MAX_DEPTH), "v") is None
    broken = value_violation(deep(MAX_DEPTH + 1), "v")
    assert broken is not None
    assert broken.limit == f"at most {MAX_DEPTH} deep is allowed"
    assert value_violation(deep(3), "v", depth=3) is None
    assert value_violation(deep(4), "v", depth=3) is not None


@pytest.mark.parametrize("text", ["0", "0.0", "-0.1", "-10", "1.00", "123456789012345678901234567890.123"])
def test_what_is_a_decimal(text: str) -> None:
    """Digits, a sign, a scale."""
    assert value_violation(Value(decimal=text), "v") is None
