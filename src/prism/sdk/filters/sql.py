"""Filters as SQL conditions: what all stores that speak SQL have in common. Each brings its tests, a `Dialect`.

SQL has three truths, filters have two. Negations are carried down to the tests, so that all else is AND and OR: there
unknown is as good as false, and an index serves the test as it is. Only a test that is negated says so: `IS NOT TRUE`.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from prism.interfaces.filter import NUMBERS, Op
from prism.interfaces.value import Kind
from prism.sdk.filters.field import Field
from prism.sdk.filters.numbers import in_kind
from prism.sdk.filters.tree import All, Any, Comparable, FieldTest, Not, Number, Operand, Resolved

TRUE, FALSE = "TRUE", "FALSE"


class Dialect(Protocol):
    """The tests of one store. Each returns SQL that is true, false or NULL, and adds its operands to the statement's.

    `column` is of the kind `kind`, and so are the operands.
    """

    def compare(self, field: Field, kind: Kind, op: Op, operand: Comparable) -> str:
        """EQ, LT, LE, GT or GE; a NaN in the column is false."""
        ...

    def among(self, field: Field, kind: Kind, operands: Sequence[Comparable]) -> str:
        """Equal to one of the operands, of which there is at least one."""
        ...

    def prefix(self, field: Field, operand: str) -> str:
        """Begins with the operand."""
        ...


def where(filter: Resolved, dialect: Dialect) -> str:  # noqa: A002 - the abstraction's own word
    """The condition that the filter is, to stand after WHERE or AND."""
    return _condition(filter, dialect, negated=False)


def _condition(node: Resolved, dialect: Dialect, *, negated: bool) -> str:
    match node:
        case Not(part):
            return _condition(part, dialect, negated=not negated)
        case FieldTest():
            condition = _joined(list(_by_column(node, dialect)), " OR ", FALSE)
            return f"(({condition}) IS NOT TRUE)" if negated else condition
    # The deepest part first: SQLite's parser remembers what stands before a parenthesis until that is closed.
    parts = sorted(node.parts, key=_depth, reverse=True)
    conditions = [_condition(part, dialect, negated=negated) for part in parts]
    every = isinstance(node, All) is not negated
    return _joined(conditions, " AND ", TRUE) if every else _joined(conditions, " OR ", FALSE)


def _depth(node: Resolved) -> int:
    match node:
        case All(parts) | Any(parts):
            return 1 + max(map(_depth, parts), default=0)
        case Not(part):
            return _depth(part)
    return 0


def _by_column(test: FieldTest, dialect: Dialect) -> Iterator[str]:
    """The test on each column that can answer it."""
    for kind, column in test.field.columns.items():
        if test.op is Op.EXISTS:
            yield f"{column} IS NOT NULL"
            continue
        operands = [each for each in test.operands if each.kind is kind or {each.kind, kind} <= NUMBERS]
        if operands:
            yield _on_column(test, kind, operands, dialect)


def _on_column(test: FieldTest, kind: Kind, operands: list[Operand], dialect: Dialect) -> str:
    if test.op is Op.IN:
        equal = list(_equals(operands, kind))
        return dialect.among(test.field, kind, equal) if equal else FALSE
    (operand,) = operands
    if test.op is Op.PREFIX:
        return dialect.prefix(test.field, str(operand.value))
    if kind not in NUMBERS:
        return dialect.compare(test.field, kind, test.op, operand.value)
    match in_kind(test.op, _number(operand), kind):
        case True:
            return f"{test.field.columns[kind]} IS NOT NULL"
        case (op, number):
            return dialect.compare(test.field, kind, op, number)
    return FALSE


def _equals(operands: list[Operand], kind: Kind) -> Iterator[Comparable]:
    """The operands of IN in the column's own kind, without those that no value of it equals."""
    for operand in operands:
        if kind not in NUMBERS:
            yield operand.value
        elif isinstance(found := in_kind(Op.EQ, _number(operand), kind), tuple):
            yield found[1]


def _number(operand: Operand) -> Number:
    if isinstance(operand.value, str | bytes):
        raise TypeError(f"an operand of kind {operand.kind} holds {type(operand.value).__name__}")
    return operand.value


def _joined(conditions: list[str], word: str, none: str) -> str:
    if not conditions:
        return none
    return conditions[0] if len(conditions) == 1 else f"({word.join(conditions)})"
