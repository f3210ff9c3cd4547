"""Numbers of one kind against columns of another: the same truth, with an operand of the column's own kind.

So a store compares what it has an index on with what it can hold exactly: `int < 2.5` is `int <= 2`, and a double is
compared with the double next to a decimal. Every step is exact: Python compares int, float and Decimal by their values.
"""

import math
from decimal import Decimal
from typing import Final

from prism.interfaces.filter import Op
from prism.interfaces.value import MAX_INT64, MIN_INT64, Kind
from prism.sdk.filters.tree import Number

_BELOW: Final = frozenset({Op.LT, Op.LE})


def in_kind(op: Op, operand: Number, kind: Kind) -> tuple[Op, Number] | bool:
    """The test `op operand` as one with an operand of `kind`; True or False where all numbers of `kind` answer alike.

    Args:
        op: EQ, LT, LE, GT or GE.
        operand: any number.
        kind: int64, double or decimal; a NaN in a column of doubles is no number.
    """
    if operand != operand:
        return False
    match kind:
        case Kind.INT64:
            return _in_int64(op, operand)
        case Kind.DOUBLE:
            return _in_double(op, operand)
    if isinstance(operand, float) and math.isinf(operand):
        return _beyond(op, above=operand > 0)
    return op, Decimal(operand)


def _in_int64(op: Op, operand: Number) -> tuple[Op, int] | bool:
    if not MIN_INT64 <= operand <= MAX_INT64:
        return _beyond(op, above=operand > 0)
    floor = math.floor(operand)
    if floor == operand:
        return op, floor
    if op is Op.EQ:
        return False
    return (Op.LE if op in _BELOW else Op.GT), floor


def _in_double(op: Op, operand: Number) -> tuple[Op, float] | bool:
    nearest = _nearest(operand)
    if nearest == operand:
        return op, nearest
    if op is Op.EQ:
        return False
    # No double lies between the operand and the nearest one.
    if nearest > operand:
        return (Op.LT if op in _BELOW else Op.GE), nearest
    return (Op.LE if op in _BELOW else Op.GT), nearest


def _nearest(operand: Number) -> float:
    try:
        return float(operand)
    except OverflowError:  # an int; a Decimal becomes infinite by itself
        return math.copysign(math.inf, operand)


def _beyond(op: Op, *, above: bool) -> bool:
    """The answer where the operand is above, or below, all that the kind has."""
    return op is not Op.EQ and (op in _BELOW) is above
