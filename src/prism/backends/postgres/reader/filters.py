"""Filters on PostgreSQL's tables of others: columns of types that callers' kinds stand for, and of the store's own.

A type that is not the kind's own (`citext`, `uuid`, an enum, an array) is compared by its type's operators, named with
their schema, and its text must be the same too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from prism.backends.postgres.filters import PostgresDialect
from prism.backends.postgres.tables import arrays
from prism.backends.postgres.tables.types import PgType
from prism.errors import InvalidArgument, Violation
from prism.interfaces.filter import Op
from prism.interfaces.value import Kind
from prism.sdk.filters import Field, FieldTest, Resolved, where
from prism.sdk.filters.tree import Comparable
from prism.sdk.reader import Dialect
from prism.sdk.tables import Misfit
from prism.sdk.values.text import from_text

_OPERATORS: Final = {Op.LT: 0, Op.LE: 0, Op.EQ: 1, Op.GT: 2, Op.GE: 2}
_UPPER: Final = {
    Kind.DECIMAL: "'NaN'::pg_catalog.numeric",
    Kind.TIMESTAMP: "'9999-12-31 23:59:59.999999+00'::pg_catalog.timestamptz",
}
_LOWER: Final = {Kind.TIMESTAMP: "'0001-01-01 00:00:00+00'::pg_catalog.timestamptz"}
"""What is beyond is a value of another kind."""


@dataclass(frozen=True, slots=True)
class FoundField(Field):
    """A field of a type of the store.

    Attributes:
        raw: its column.
        text: its value as text.
        cast: its type's name, as a cast takes it; empty where the kind's own type compares with the column as it is.
        operators: of its type's order: below, equal, above; none where it has no order.
        type: how its values are written.
    """

    raw: str = ""
    text: str = ""
    cast: str = ""
    operators: tuple[str, ...] = ()
    type: PgType | None = None


class _FoundDialect(PostgresDialect):
    def compare(self, field: Field, kind: Kind, op: Op, operand: Comparable) -> str:
        if not isinstance(field, FoundField):
            raise TypeError(f"{field.name} is not a field of a table that was found")
        if not field.cast:
            test = super().compare(field, kind, op, operand)
            if op in {Op.GT, Op.GE} and kind in _UPPER:
                sign = "<" if kind is Kind.DECIMAL else "<="
                return f"({test} AND {field.raw} {sign} {_UPPER[kind]})"
            if op in {Op.LT, Op.LE} and kind in _LOWER:
                return f"({test} AND {field.raw} >= {_LOWER[kind]})"
            return test
        parameter = self._parameter(_text(field, kind, operand), "text")
        typed = f"CAST({parameter} AS {field.cast})"
        if kind is Kind.STRING and op is Op.EQ:
            return f'{field.text} = {parameter} COLLATE "C"'
        if op is Op.EQ:
            if not field.operators:
                return f'{field.text} = {parameter} COLLATE "C"'
            same = f'{field.text} = CAST({typed} AS text) COLLATE "C"'
            return f"({field.raw} {field.operators[1]} {typed} AND {same})"
        if not field.operators:
            raise _misfit(field, "a comparison", f"values of type {field.cast} have no order")
        test = f"{field.raw} {field.operators[_OPERATORS[op]]} {typed}"
        return f"({test} OR {field.raw} {field.operators[1]} {typed})" if op in {Op.LE, Op.GE} else test

    def among(self, field: Field, kind: Kind, operands: Sequence[Comparable]) -> str:
        if isinstance(field, FoundField) and not field.cast and kind is not Kind.TIMESTAMP:
            return super().among(field, kind, operands)
        return "(" + " OR ".join(self.compare(field, kind, Op.EQ, each) for each in operands) + ")"

    def _parameter(self, operand: Any, kind: str) -> str:
        """As sessions with the codecs of `tables.catalogue` take it: in PostgreSQL's text."""
        if kind.endswith("[]"):
            return super()._parameter(arrays.write([_written(each) for each in operand]), kind)
        return super()._parameter(f"{operand:f}" if isinstance(operand, Decimal) else operand, kind)


class FoundDialect(Dialect):
    """`prism.sdk.reader.Dialect` of PostgreSQL."""

    def condition(self, filter: Resolved, parameters: list[Any]) -> str:  # noqa: A002 - the abstraction's own word
        """See Dialect."""
        return where(filter, _FoundDialect(parameters))

    def lookup(self, test: FieldTest, parameters: list[Any]) -> str:
        """See Dialect: the tests are such that an index serves them as they are."""
        return self.condition(test, parameters)

    def parameter(self, value: Any, parameters: list[Any]) -> str:
        """See Dialect."""
        parameters.append(value)
        return f"${len(parameters)}"


def _written(operand: Comparable) -> str:
    match operand:
        case bool():
            return "t" if operand else "f"
        case Decimal():
            return f"{operand:f}"
        case bytes():
            return f"\\x{operand.hex()}"
    return str(operand)


def _text(field: FoundField, kind: Kind, operand: Comparable) -> str:
    """What stands for an operand in the text of the field's type."""
    if kind is Kind.STRING:
        return str(operand)
    if field.type is None:
        raise TypeError(f"{field.name} has no type")
    try:
        text = field.type.write_text(from_text(str(operand)))
    except Misfit as misfit:
        raise _misfit(field, misfit.found, misfit.expected) from misfit
    return text or ""


def _misfit(field: Field, found: str, expected: str) -> InvalidArgument:
    violation = Violation(f"filter: {field.name}", found, expected)
    return InvalidArgument(str(violation), violations=[violation])
