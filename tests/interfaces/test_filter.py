"""Filters: what breaks a rule of docs/contract.md 3, whatever the fields are."""

import pytest

from prism.client.filters import all_of, any_of, field, negated
from prism.interfaces.filter import (
    MAX_DEPTH,
    MAX_NODES,
    MAX_OPERANDS,
    Filter,
    FilterTest,
    Op,
    filter_violation,
    parts,
)
from prism.interfaces.value import Value, ValueList

ONE = Value(int64=1)
EXISTS = field("a").exists()


def of(op: Op | None, value: Value | None = None, *values: Value, name: str = "a") -> Filter:
    return Filter(test=FilterTest(field=name, op=op and str(op), value=value, values=values))


def deep(depth: int, innermost: Filter) -> Filter:
    for _ in range(depth - 1):
        innermost = all_of(innermost)
    return innermost


def nested(depth: int) -> Value:
    value = ONE
    for _ in range(depth - 1):
        value = Value(list=ValueList(values=[value]))
    return value


@pytest.mark.parametrize(
    ("made", "path", "found", "limit"),
    [
        (Filter(), "f", "nothing", "one of all, any, not, test is required"),
        (all_of(EXISTS, negated(Filter())), "f.all.filters[1].not", "nothing", "is required"),
        (any_of(EXISTS, of(Op.EQ)), "f.any.filters[1].test.value", "nothing", "EQ needs an operand"),
        (of(None, ONE), "f.test.op", "0", "one of EQ, NE, LT"),
        (of(Op.EQ, ONE, name=""), "f.test.field", "0 bytes", "1 to 512"),
        (of(Op.EQ, ONE, name="a\0"), "f.test.field", "2 bytes", "without NUL"),
        (of(Op.EQ, ONE, ONE), "f.test.values", "1 values", "values are for IN alone"),
        (of(Op.IN, ONE), "f.test.value", "a value", "IN takes none"),
        (of(Op.EXISTS, ONE), "f.test.value", "a value", "EXISTS takes none"),
        (of(Op.NE, Value(null="NULL_VALUE")), "f.test.value", "null", "ask with EXISTS"),
        (of(Op.IN, None, ONE, Value(null="NULL_VALUE")), "f.test.values[1]", "null", "ask with EXISTS"),
        (of(Op.IN, None, *[ONE] * (MAX_OPERANDS + 1)), "f.test.values", "1001 values", "at most 1000"),
        (of(Op.LT, Value(bool=True)), "f.test.value", "a value of kind bool", "LT takes bytes, decimal"),
        (of(Op.PREFIX, Value(bytes=b"a")), "f.test.value", "a value of kind bytes", "PREFIX takes string"),
        (of(Op.EQ, Value(decimal="1e5")), "f.test.value", "'1e5'", "digits are expected"),
        (all_of(*[EXISTS] * MAX_NODES), "f", "more filters", "at most 256"),
        (deep(MAX_DEPTH + 1, EXISTS), "f" + ".all.filters[0]" * MAX_DEPTH, "within too many", "at most 32 deep"),
        (deep(30, of(Op.EQ, nested(4))), "f" + ".all.filters[0]" * 29 + ".test.value", "within too many", "32 deep"),
    ],
)
def test_what_breaks_a_rule(made: Filter, path: str, found: str, limit: str) -> None:
    """The first thing that is wrong is named, with its place."""
    broken = filter_violation(made, "f")
    assert broken is not None
    assert broken.field.startswith(path)
    assert found in broken.found
    assert limit in broken.limit


@pytest.mark.parametrize(
    "made",
    [
        all_of(),
        any_of(),
        of(Op.IN),
        of(Op.IN, None, *[ONE] * MAX_OPERANDS),
        all_of(*[EXISTS] * (MAX_NODES - 1)),
        deep(MAX_DEPTH, EXISTS),
        deep(MAX_DEPTH, of(Op.EQ, ONE)),
        deep(30, of(Op.EQ, nested(3))),
    ],
)
def test_what_breaks_none(made: Filter) -> None:
    """The largest and the smallest filters, which protobuf reads as well."""
    assert filter_violation(made, "f") is None
    assert Filter.FromString(made.SerializeToString()) == made


def test_parts_in_their_order() -> None:
    """With their paths."""
    assert [path for _, path in parts(all_of(EXISTS, EXISTS))] == ["all.filters[0]", "all.filters[1]"]
    assert [path for _, path in parts(negated(EXISTS))] == ["not"]
    assert list(parts(EXISTS)) == []
