"""Filters on SQLite's tables of others: each row's storage class decides the kind, and affinity changes operands.

Each test asks for the storage class too. What an index is to serve stands before it as a plain comparison, and the
exact test behind it, where no index is looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from prism.backends.sqlite.filters import SQLiteDialect, checked
from prism.interfaces.filter import Op
from prism.interfaces.value import MAX_INT64, MIN_INT64, Kind
from prism.sdk.filters import Dialect as FilterDialect
from prism.sdk.filters import Field, FieldTest, Resolved, where
from prism.sdk.filters.tree import Comparable
from prism.sdk.reader import Dialect, Undecodable

CLASSES: Final = {Kind.INT64: "integer", Kind.DOUBLE: "real", Kind.STRING: "text", Kind.BYTES: "blob"}
"""The storage classes, by the kind of their values."""

_NUMBERS: Final = ("", "''")
_STRETCHES: Final = {Kind.STRING: ("''", "x''"), Kind.BYTES: ("x''", "")}
"""Where the values of a storage class begin in SQLite's order, and those of the next one."""

_LOOSE: Final = {Op.EQ: "=", Op.LT: "<=", Op.LE: "<=", Op.GT: ">=", Op.GE: ">="}


@dataclass(frozen=True, slots=True)
class FoundField(Field):
    """A field of which each row decides.

    Attributes:
        raw: its column, as an index has it.
    """

    raw: str = ""


class _FoundDialect(SQLiteDialect):
    """Tests on columns as they are, each with the storage class that it is about."""

    def compare(self, field: Field, kind: Kind, op: Op, operand: Comparable) -> str:
        return self._typed(field, kind, super().compare(_plain(field), kind, op, operand))

    def among(self, field: Field, kind: Kind, operands: Sequence[Comparable]) -> str:
        return self._typed(field, kind, super().among(_plain(field), kind, operands))

    def prefix(self, field: Field, operand: str) -> str:
        return self._typed(field, Kind.STRING, super().prefix(_plain(field), operand))

    @staticmethod
    def _typed(field: Field, kind: Kind, test: str) -> str:
        return f"(typeof({_raw(field)}) = '{CLASSES[kind]}' AND {test})"


class FoundDialect(Dialect):
    """`prism.sdk.reader.Dialect` of SQLite."""

    def condition(self, filter: Resolved, parameters: list[Any]) -> str:  # noqa: A002 - the abstraction's own word
        """See Dialect."""
        made = where(filter, _dialect(parameters))
        checked(parameters)
        return made

    def lookup(self, test: FieldTest, parameters: list[Any]) -> str:
        """See Dialect: a bound of the column as it is, and the test itself where no index is looked for."""
        (operand,) = test.operands
        raw = _raw(test.field)
        bounds = []
        if (loose := _operand(operand.value)) is not None:
            bounds.append(f"{raw} {_LOOSE[test.op]} {self.parameter(loose, parameters)}")
        if test.op is not Op.EQ:
            # Numbers come before texts, and texts before bytes.
            first, end = _STRETCHES.get(operand.kind, _NUMBERS)
            if test.op in {Op.LT, Op.LE} and first:
                bounds.append(f"{raw} >= {first}")
            if test.op in {Op.GT, Op.GE} and end:
                bounds.append(f"{raw} < {end}")
        exact = f"(({self.condition(test, parameters)}) IS TRUE)"
        return " AND ".join([*bounds, exact])

    def parameter(self, value: Any, parameters: list[Any]) -> str:
        """See Dialect."""
        if isinstance(value, Undecodable):
            parameters.append(bytes(value))
            return f"+CAST(?{len(parameters)} AS TEXT)"
        parameters.append(value)
        return f"?{len(parameters)}"


def _dialect(parameters: list[Any]) -> FilterDialect:
    return _FoundDialect(parameters)


def _raw(field: Field) -> str:
    if not isinstance(field, FoundField):
        raise TypeError(f"{field.name} is not a field of a table that was found")
    return field.raw


def _plain(field: Field) -> Field:
    """The field by its column as it is, for tests that ask for the storage class themselves."""
    return Field(field.name, dict.fromkeys(CLASSES, _raw(field)), field.order)


def _operand(value: Comparable) -> int | float | str | bytes | None:
    """The operand, or the double next to it; None where SQLite has nothing near."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, int) and not MIN_INT64 <= value <= MAX_INT64:
        return float(value)
    return value
