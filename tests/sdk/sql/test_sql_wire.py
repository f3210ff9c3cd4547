"""Rows that are written directly are the bytes that protobuf would write."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from prism.interfaces import sql
from prism.interfaces.value import OtherValue, Value
from prism.sdk.sql import wire

INT64 = some.integers(-(2**63), 2**63 - 1)
TEXT = some.text(some.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=300)
WRITERS = {
    "bool": (wire.of_bool, some.booleans()),
    "int64": (wire.of_int64, INT64),
    "timestamp": (wire.of_timestamp, INT64),
    "double": (wire.of_double, some.floats(allow_nan=False)),
    "string": (wire.of_string, TEXT),
    "decimal": (wire.of_decimal, some.decimals(allow_nan=False, allow_infinity=False).map(lambda each: f"{each:f}")),
    "bytes": (wire.of_bytes, some.binary(max_size=300)),
}


@pytest.mark.parametrize("kind", WRITERS)
@given(data=some.data())
def test_each_kind(kind: str, data: Any) -> None:
    """Of any value."""
    write, values = WRITERS[kind]
    held = data.draw(values)
    assert write(held) == sql.Row(values=[Value(**{kind: held})]).SerializeToString()  # type: ignore[operator]


def test_the_edges() -> None:
    """Around the sizes at which the writing changes; null, NaN, and what is written by protobuf."""
    for size in (0, 1, 119, 120, 127, 128, 16_383, 16_384, 300_000):
        assert wire.of_string("x" * size) == sql.Row(values=[Value(string="x" * size)]).SerializeToString()
    for number in (0, 127, 128, 2**14 - 1, 2**14, 2**21, 2**28 - 1, 2**28, 2**35, 2**56, 2**63 - 1, -1):
        assert wire.of_int64(number) == sql.Row(values=[Value(int64=number)]).SerializeToString()
    assert sql.Row(values=[Value(null="NULL_VALUE")]).SerializeToString() == wire.NULL
    other = Value(other=OtherValue(type="date", text="2026-11-30"))
    assert wire.of_value(other) == sql.Row(values=[other]).SerializeToString()
    assert math.isnan(sql.Row.FromString(wire.of_double(math.nan)).values[0].double)


def test_a_message_of_rows() -> None:
    """Several, one of them without a value."""
    rows = [wire.of_int64(1) + wire.NULL, b"", wire.of_string("x")]
    expected = sql.QueryResponse(
        rows=sql.Rows(
            rows=[
                sql.Row(values=[Value(int64=1), Value(null="NULL_VALUE")]),
                sql.Row(),
                sql.Row(values=[Value(string="x")]),
            ]
        )
    )
    assert wire.RowsMessage(rows).SerializeToString() == expected.SerializeToString()
