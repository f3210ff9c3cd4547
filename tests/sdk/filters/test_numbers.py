"""Numbers of one kind against columns of another: the same truth for every number of the column."""

import math
import operator
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prism.interfaces.filter import Op
from prism.interfaces.value import MAX_INT64, MIN_INT64, Kind
from prism.sdk.filters.numbers import in_kind
from prism.sdk.filters.tree import Number

COMPARE = {Op.EQ: operator.eq, Op.LT: operator.lt, Op.LE: operator.le, Op.GT: operator.gt, Op.GE: operator.ge}

INTS = st.integers(MIN_INT64, MAX_INT64)
DOUBLES = st.floats(allow_nan=False)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value="-1e400", max_value="1e400")
COLUMNS = {Kind.INT64: INTS, Kind.DOUBLE: DOUBLES, Kind.DECIMAL: DECIMALS}


@pytest.mark.parametrize("kind", COLUMNS)
@settings(max_examples=40)
@given(data=st.data(), operand=INTS | st.floats() | DECIMALS)
@example(data=None, operand=2**53 + 1)
@example(data=None, operand=Decimal("1e400"))
@example(data=None, operand=Decimal("9223372036854775807.5"))
@example(data=None, operand=Decimal("-9223372036854775808.5"))
@example(data=None, operand=-math.inf)
def test_the_truth_stays(kind: Kind, data: st.DataObject | None, operand: Number) -> None:
    """Of each comparison, on any number of the column and on those next to the operand."""
    numbers: list[Number] = [] if data is None else [data.draw(COLUMNS[kind])]
    if kind is Kind.INT64:
        numbers += [MIN_INT64, MAX_INT64]
        if MIN_INT64 < operand < MAX_INT64:
            numbers += [math.floor(operand), math.ceil(operand), math.floor(operand) - 1]
    elif kind is Kind.DOUBLE:
        nearest = _float(operand)
        numbers += [nearest, math.nextafter(nearest, math.inf), math.nextafter(nearest, -math.inf), math.inf, -math.inf]
    elif math.isfinite(operand):
        numbers += [Decimal(operand)]
    for op, compare in COMPARE.items():
        made = in_kind(op, operand, kind)
        for number in numbers:
            if number == number:
                found = made if isinstance(made, bool) else COMPARE[made[0]](number, made[1])
                assert found == (compare(number, operand) if operand == operand else False), (op, number, operand, made)
        if not isinstance(made, bool):
            assert type(made[1]) is {Kind.INT64: int, Kind.DOUBLE: float, Kind.DECIMAL: Decimal}[kind]


def _float(operand: Number) -> float:
    try:
        return float(operand)
    except OverflowError:
        return math.inf if operand > 0 else -math.inf
