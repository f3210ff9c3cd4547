"""Filters in SQLite: conditions on columns without affinity, as `values.py` stores values, with numbered parameters.

Strings are equal byte for byte whatever the column's collation, and the column's own index may serve the test.
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from prism.backends.sqlite.values import decimal_key
from prism.errors import LimitExceeded
from prism.interfaces.filter import Op
from prism.interfaces.value import Kind
from prism.sdk.filters import Dialect, Field, Order, Resolved, where
from prism.sdk.filters.prefix import after_prefix
from prism.sdk.filters.tree import Comparable

MAX_PARAMETERS: Final = 32_766
"""Of one statement, in SQLite as it comes."""

_SIGNS: Final = {Op.EQ: "=", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
_IN_RANGE: Final = ((0, ">="), (1, "<"))
_TEXTS: Final = frozenset({Kind.STRING, Kind.LIST, Kind.MAP, Kind.OTHER})
_AS_JSON: Final = _TEXTS | {Kind.BOOL, Kind.INT64, Kind.TIMESTAMP}
"""The kinds whose operands JSON gives to SQLite as they are."""


def condition(filter: Resolved, parameters: list[Any]) -> str:  # noqa: A002 - the abstraction's own word
    """The filter as a condition.

    Args:
        filter: its columns are SQLite's, each with the name of its table: `json_each` has columns of its own.
        parameters: those of the statement so far; those of the filter are added.

    Raises:
        LimitExceeded: the statement has more parameters than SQLite takes.
    """
    made = where(filter, SQLiteDialect(parameters))
    checked(parameters)
    return made


def checked(parameters: Sequence[Any]) -> None:
    """Passes as many parameters as SQLite takes.

    Raises:
        LimitExceeded: there are more.
    """
    if len(parameters) > MAX_PARAMETERS:
        raise LimitExceeded(
            f"the filter has {len(parameters)} operands; give at most {MAX_PARAMETERS} doubles and bytes"
        )


class SQLiteDialect(Dialect):
    """The tests of filters, on columns by the kinds of their values."""

    def __init__(self, parameters: list[Any]) -> None:
        self._parameters = parameters

    def compare(self, field: Field, kind: Kind, op: Op, operand: Comparable) -> str:
        column, sign = field.columns[kind], _SIGNS[op]
        if kind is Kind.DECIMAL:
            return self._compare_decimals(column, op, operand)
        parameter = self._parameter(operand)
        if kind not in _TEXTS:
            return f"{column} {sign} {parameter}"
        if op is Op.EQ:
            return f"({column} = {parameter} AND {column} = {parameter} COLLATE BINARY)"
        return f"{column} {sign} {parameter}" + (" COLLATE BINARY" if field.order is Order.BYTES else "")

    def among(self, field: Field, kind: Kind, operands: Sequence[Comparable]) -> str:
        column = field.columns[kind]
        if kind is Kind.DECIMAL:
            ranges = f"json_each({self._json([_key(each) for each in operands])}) AS operand"
            bounds = " AND ".join(f"{column} {sign} json_extract(operand.value, '$[{at}]')" for at, sign in _IN_RANGE)
            return f"EXISTS (SELECT 1 FROM {ranges} WHERE {bounds})"  # noqa: S608 - the plugin's own columns
        if kind in _AS_JSON:
            collated = f"{column} COLLATE BINARY" if kind in _TEXTS else column
            return f"{collated} IN (SELECT value FROM json_each({self._json(operands)}))"  # noqa: S608 - as above
        return f"{column} IN ({', '.join(map(self._parameter, operands))})"

    def prefix(self, field: Field, operand: str) -> str:
        column = field.columns[Kind.STRING]
        begin = f"{column} >= {self._parameter(operand)} COLLATE BINARY"
        end = after_prefix(operand)
        return f"({begin} AND {column} < {self._parameter(end)} COLLATE BINARY)" if end else begin

    def _compare_decimals(self, column: str, op: Op, operand: Comparable) -> str:
        low, high = _key(operand)
        if op is Op.EQ:
            return f"({column} >= {self._parameter(low)} AND {column} < {self._parameter(high)})"
        bound = self._parameter(low if op in {Op.LT, Op.GE} else high)
        return f"{column} {'<' if op in {Op.LT, Op.LE} else '>='} {bound}"

    def _json(self, operands: Sequence[object]) -> str:
        return self._parameter(json.dumps(operands, ensure_ascii=False))

    def _parameter(self, operand: Comparable) -> str:
        self._parameters.append(operand)
        return f"?{len(self._parameters)}"


def _key(operand: Comparable) -> tuple[str, str]:
    if not isinstance(operand, Decimal):
        raise TypeError(f"{operand!r} is not a Decimal; prism.sdk.filters.numbers makes one")
    return decimal_key(operand)
