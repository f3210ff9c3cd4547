"""What a filter says of a row, in Python: the reference for what stores answer, and the way of those without a query.

docs/contract.md, 3.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any as AnyType
from typing import Final

from prism.interfaces.filter import NUMBERS, Op
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.filters.field import Order
from prism.sdk.filters.tree import All, Any, FieldTest, Not, Operand, Resolved

_COMPARE: Final[Mapping[Op, Callable[[AnyType, AnyType], bool]]] = {
    Op.EQ: operator.eq,
    Op.IN: operator.eq,
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
    Op.PREFIX: str.startswith,
}
_BY_ORDER: Final = frozenset({Op.LT, Op.LE, Op.GT, Op.GE})


def matches(filter: Resolved, row: Mapping[str, Value]) -> bool:  # noqa: A002 - the abstraction's own word
    """Whether the filter is true of the row, whose fields go by their names; a missing one and null are the same."""
    match filter:
        case All(parts):
            return all(matches(part, row) for part in parts)
        case Any(parts):
            return any(matches(part, row) for part in parts)
        case Not(part):
            return not matches(part, row)
        case FieldTest():
            value = row.get(filter.field.name)
            return value is not None and kind_of(value) is not Kind.NULL and _holds(filter, value)


def _holds(test: FieldTest, value: Value) -> bool:
    if test.op is Op.EXISTS:
        return True
    if test.op in _BY_ORDER and test.field.order is not Order.BYTES:
        raise ValueError(f"the order of {test.field.name} is its store's: only the store can compare")
    compare = _COMPARE[test.op]
    stored = Operand.of(value)
    return any(_alike(stored, operand) and compare(stored.value, operand.value) for operand in test.operands)


def _alike(stored: Operand, operand: Operand) -> bool:
    """Whether they compare at all: of one kind or both numbers, and neither a NaN.

    Python's order of text, by code points, is that of the bytes of UTF-8.
    """
    if stored.kind is not operand.kind and not {stored.kind, operand.kind} <= NUMBERS:
        return False
    return stored.value == stored.value and operand.value == operand.value
