"""Filters as conditions on the table of a stream; ClickHouse compares strings by their bytes."""

from collections.abc import Sequence
from typing import Final

from prism.backends.clickhouse.tables.texts import quoted
from prism.backends.clickhouse.timeseries.values import SCALE, TooWide, literal
from prism.errors import InvalidArgument
from prism.interfaces.filter import Op
from prism.interfaces.value import Kind
from prism.sdk.filters import Dialect, Field, Resolved, where
from prism.sdk.filters.tree import Comparable

_SIGNS: Final = {Op.EQ: "=", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}


class _Conditions(Dialect):
    """The tests of filters."""

    def compare(self, field: Field, kind: Kind, op: Op, operand: Comparable) -> str:
        return f"{field.columns[kind]} {_SIGNS[op]} {literal(kind, operand)}"

    def among(self, field: Field, kind: Kind, operands: Sequence[Comparable]) -> str:
        return f"{field.columns[kind]} IN ({', '.join(literal(kind, each) for each in operands)})"

    def prefix(self, field: Field, operand: str) -> str:
        return f"startsWith({field.columns[Kind.STRING]}, {quoted(operand)})"


def condition(filter: Resolved) -> str:  # noqa: A002 - the abstraction's own word
    """The filter as a condition.

    Raises:
        InvalidArgument: an operand has more digits than ClickHouse compares.
    """
    try:
        return where(filter, _Conditions())
    except TooWide as error:
        raise InvalidArgument(
            f"filter: {error}; this backend compares decimals of {SCALE} digits before the point and {SCALE} behind it"
        ) from error
