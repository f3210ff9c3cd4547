"""From a filter as it came to one that a store can be asked: fields looked up, kinds and ops checked."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Final

from prism.errors import InvalidArgument, Violation
from prism.interfaces.capabilities import undeclared
from prism.interfaces.filter import NUMBERS, OPS, Filter, FilterTest, Op, filter_violation, parts
from prism.sdk.filters.field import Field
from prism.sdk.filters.tree import All, Any, FieldTest, Not, Operand, Resolved

ALL_OPS: Final = frozenset(Op)
_SHOWN: Final = 20
"""Most fields that a refusal lists."""


def resolve(
    filter: Filter,  # noqa: A002 - the abstraction's own word
    fields: Mapping[str, Field],
    *,
    ops: frozenset[Op] = ALL_OPS,
    path: str = "filter",
) -> Resolved:
    """The filter over these fields.

    Args:
        filter: as a caller gave it.
        fields: those that the caller may name.
        ops: those that the backend declares.
        path: what the filter is called in a refusal.

    Raises:
        InvalidArgument: it breaks a rule of its own, names an unknown field, or has an operand of another kind.
        Unimplemented: an op is not declared.
    """
    if (broken := filter_violation(filter, path)) is not None:
        raise _refusal(broken)
    return _resolved(filter, fields, ops, path)


def _resolved(node: Filter, fields: Mapping[str, Field], ops: frozenset[Op], path: str) -> Resolved:
    if node.HasField("test"):
        return _test(node.test, fields, ops, f"{path}.test")
    found = tuple(_resolved(part, fields, ops, f"{path}.{name}") for part, name in parts(node))
    match node.WhichOneof("kind"):
        case "all":
            return All(found)
        case "any":
            return Any(found)
    return Not(*found)


def _test(test: FilterTest, fields: Mapping[str, Field], ops: frozenset[Op], path: str) -> Resolved:
    op = OPS[test.op]
    if op not in ops:
        raise undeclared("filter_ops", f"the filter {op.name} of {path}")
    field = fields.get(test.field)
    if field is None:
        raise _refusal(Violation(f"{path}.field", repr(test.field[:40]), _known(test.field, fields)))
    values = [(value, f"{path}.values[{index}]") for index, value in enumerate(test.values)]
    if test.HasField("value"):
        values = [(test.value, f"{path}.value")]
    operands = tuple(_operand(field, Operand.of(value), where) for value, where in values)
    if op is Op.NE:
        return Not(FieldTest(field, Op.EQ, operands))
    return FieldTest(field, op, operands)


def _operand(field: Field, operand: Operand, path: str) -> Operand:
    declared = field.declared
    if declared is None or operand.kind is declared or {operand.kind, declared} <= NUMBERS:
        return operand
    raise _refusal(Violation(path, f"a value of kind {operand.kind}", f"{field.name} is of kind {declared}"))


def _known(name: str, fields: Iterable[str]) -> str:
    known = sorted(fields)
    if nearest := difflib.get_close_matches(name[:80], known, 1):
        return f"no field has that name; did you mean {nearest[0]}?"
    listed = ", ".join(known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
    return f"no field has that name; known are {listed}" if known else "there are no fields"


def _refusal(violation: Violation) -> InvalidArgument:
    return InvalidArgument(str(violation), violations=[violation])
