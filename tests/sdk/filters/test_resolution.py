"""Filters against the fields of their rows: what is refused, and what is left to compare."""

import math

import pytest

from prism.client.filters import all_of, field, negated
from prism.errors import InvalidArgument, Unimplemented
from prism.interfaces.filter import NUMBERS, Filter, FilterTest, Op
from prism.interfaces.value import Kind, Value
from prism.sdk.filters import Any, Field, FieldTest, Not, Operand, matches, resolve

AGE, NAME = Field("age", {Kind.INT64: "age"}), Field("name", {Kind.STRING: "name"})
OPEN = Field("open", {Kind.INT64: "i", Kind.STRING: "s"})
FIELDS = {each.name: each for each in (AGE, NAME, OPEN)}


@pytest.mark.parametrize(
    ("made", "path", "says"),
    [
        (field("agee").exists(), "filter.test.field", "'agee'; no field has that name; did you mean age?"),
        (field('age" OR 1=1 --').eq(1), "filter.test.field", "no field has that name"),
        (field("x" * 500).exists(), "filter.test.field", "known are age, name, open"),
        (
            all_of(field("age").eq("1")),
            "filter.all.filters[0].test.value",
            "a value of kind string; age is of kind int64",
        ),
        (field("name").is_in(["a", 1]), "filter.test.values[1]", "a value of kind int64; name is of kind string"),
        (field("age").starts_with("1"), "filter.test.value", "a value of kind string; age is of kind int64"),
        (negated(Filter()), "filter.not", "one of all, any, not, test is required"),
    ],
)
def test_what_is_refused(made: Filter, path: str, says: str) -> None:
    """By the path of what is wrong, with what is there."""
    with pytest.raises(InvalidArgument, match="filter") as refusal:
        resolve(made, FIELDS)
    assert [each.field for each in refusal.value.violations] == [path]
    assert says in refusal.value.message


def test_an_op_that_is_not_declared() -> None:
    """Is another backend's."""
    with pytest.raises(Unimplemented, match=r"the filter PREFIX of .* needs the capability 'filter_ops'"):
        resolve(field("name").starts_with("a"), FIELDS, ops=frozenset({Op.EQ}))


def test_ne_is_not_eq() -> None:
    """There is one comparison for both, so they cannot disagree."""
    assert resolve(field("age").ne(1), FIELDS) == Not(FieldTest(AGE, Op.EQ, (Operand(Kind.INT64, 1),)))


def test_a_field_whose_rows_decide() -> None:
    """An operand of another kind than a row's is as if the row had none."""
    row = {"open": Value(string="1")}
    assert not matches(resolve(field("open").eq(1), FIELDS), row)
    assert matches(resolve(field("open").ne(1), FIELDS), row)
    assert matches(resolve(field("open").eq("1"), FIELDS), row)
    assert not matches(resolve(field("open").ge(1.5), FIELDS), row)


def test_null_is_missing() -> None:
    """Every test is false but NE, and `not` is the complement."""
    for row in ({}, {"age": Value(null="NULL_VALUE")}):
        assert [
            matches(resolve(made, FIELDS), row)
            for made in (
                *(field("age").eq(1), field("age").lt(1), field("age").is_in([1]), field("age").exists()),
                *(field("age").ne(1), negated(field("age").eq(1)), negated(field("age").ne(1))),
            )
        ] == [False, False, False, False, True, True, False]


def test_nothing_of_nothing() -> None:
    """`all{}` is true, `any{}` and IN [] are false."""
    assert matches(resolve(all_of(), FIELDS), {})
    assert resolve(Filter(any={}), FIELDS) == Any(())
    assert not matches(Any(()), {})
    assert not matches(resolve(field("age").is_in([]), FIELDS), {"age": Value(int64=1)})


@pytest.mark.parametrize("number", [Value(int64=1), Value(double=1.0), Value(double=math.nan), Value(decimal="1.0")])
def test_nan_compares_with_nothing(number: Value) -> None:
    """Every test is false but NE, whether the NaN is the operand or in the row."""
    fields = {"number": Field("number", dict.fromkeys(NUMBERS, "column"))}
    nan = Value(double=math.nan)
    for op in (Op.EQ, Op.LT, Op.LE, Op.GT, Op.GE):
        for row, operand in ((number, nan), (nan, number)):
            made = resolve(Filter(test=FilterTest(field="number", op=str(op), value=operand)), fields)
            assert not matches(made, {"number": row})
            assert matches(resolve(field("number").ne(math.nan), fields), {"number": row})
