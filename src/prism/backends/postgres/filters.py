"""Filters in PostgreSQL: conditions on columns as `values.py` has them, with numbered parameters, each with its type.

Strings are equal byte for byte whatever the column's collation, and the column's own index may serve the test. A range
of prefixes goes by the bytes too: of a column in the order of bytes by collation "C", of another by the operators of
`text_pattern_ops`, so that an index of either serves it.
"""

from collections.abc import Sequence
from typing import Any, Final

from prism.backends.postgres.values import TYPES
from prism.interfaces.filter import Op
from prism.interfaces.value import Kind
from prism.sdk.filters import Dialect, Field, Order, Resolved, where
from prism.sdk.filters.prefix import after_prefix
from prism.sdk.filters.tree import Comparable

_SIGNS: Final = {Op.EQ: "=", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}


def condition(filter: Resolved, parameters: list[Any]) -> str:  # noqa: A002 - the abstraction's own word
    """The filter as a condition.

    Args:
        filter: its columns are PostgreSQL's.
        parameters: those of the statement so far; those of the filter are added.
    """
    return where(filter, PostgresDialect(parameters))


class PostgresDialect(Dialect):
    """The tests of filters, on columns by the kinds of their values."""

    def __init__(self, parameters: list[Any]) -> None:
        self._parameters = parameters

    def compare(self, field: Field, kind: Kind, op: Op, operand: Comparable) -> str:
        column, sign, parameter = field.columns[kind], _SIGNS[op], self._parameter(operand, TYPES[kind])
        if kind is Kind.DOUBLE and op in {Op.GT, Op.GE}:  # a NaN is above all numbers here
            return f"({column} {sign} {parameter} AND {column} <= 'Infinity'::double precision)"
        if TYPES[kind] != "text":
            return f"{column} {sign} {parameter}"
        if op is Op.EQ:
            return f'({column} = {parameter} AND {column} = {parameter} COLLATE "C")'
        return f"{column} {sign} {parameter}" + (' COLLATE "C"' if field.order is Order.BYTES else "")

    def among(self, field: Field, kind: Kind, operands: Sequence[Comparable]) -> str:
        column, parameter = field.columns[kind], self._parameter(list(operands), f"{TYPES[kind]}[]")
        equal = f"{column} = ANY ({parameter})"
        return f'({equal} AND {column} COLLATE "C" = ANY ({parameter}))' if TYPES[kind] == "text" else equal

    def prefix(self, field: Field, operand: str) -> str:
        column = field.columns[Kind.STRING]
        at_least, below, collated = (">=", "<", ' COLLATE "C"') if field.order is Order.BYTES else ("~>=~", "~<~", "")
        begin = f"{column} {at_least} {self._parameter(operand, 'text')}{collated}"
        end = after_prefix(operand)
        return f"({begin} AND {column} {below} {self._parameter(end, 'text')}{collated})" if end else begin

    def _parameter(self, operand: Any, kind: str) -> str:
        self._parameters.append(operand)
        return f"${len(self._parameters)}::{kind}"
