"""Filters on rows that Prism did not make: what a store answers is what the reference evaluator does."""

import itertools

import pytest

from prism.acceptance.suites.reader.dsl import Rows
from prism.client.filters import all_of, any_of, field, negated
from prism.client.values import to_value
from prism.interfaces.filter import Filter
from prism.interfaces.value import Kind, Value
from prism.sdk.filters import Field, matches, resolve

WORDS = [None, "", "a", "A", "ab", "a%", "a_", "á", "b", "B", "it's", "\U0001f600", "\uffff"]
NUMBERS = [None, 0, 1, -1, 2**53, 2**53 + 1, -(2**63) + 1, 2**63 - 1]
DOUBLES = [None, 0.0, 1.0, -1.5, 0.1, 1e300, 2.0**53]
VALUES = [
    (place, WORDS[place % len(WORDS)], NUMBERS[place % len(NUMBERS)], DOUBLES[place % len(DOUBLES)])
    for place in range(len(WORDS) * len(NUMBERS))
]
COLUMNS = "id bigint NOT NULL PRIMARY KEY, word text, number bigint, real double precision"
FIELDS = {
    "id": Field("id", {Kind.INT64: ""}),
    "word": Field("word", {Kind.STRING: ""}),
    "number": Field("number", {Kind.INT64: ""}),
    "real": Field("real", {Kind.DOUBLE: ""}),
}
TESTS = {
    "eq": [field("word").eq(each) for each in WORDS[1:]] + [field("number").eq(1), field("real").eq(0.1)],
    "ne": [field("word").ne("a"), field("number").ne(2**53), field("real").ne(1)],
    "numbers": [
        test
        for name, operand in itertools.product(("number", "real"), (1, 1.0, 0.5, 2**53 + 1, 2.0**53, -0.0, 1e308))
        for test in (field(name).lt(operand), field(name).le(operand), field(name).gt(operand), field(name).eq(operand))
    ],
    "in": [
        field("word").is_in(["a", "B", "it's", "none"]), field("number").is_in([1, 2**63 - 1, 0.5]),
        field("real").is_in([0.1, 1, 7]), field("word").is_in([]),
    ],
    "prefix": [field("word").starts_with(each) for each in ("", "a", "a%", "a_", "\uffff", "\U0001f600", "A")],
    "exists": [field("word").exists(), negated(field("real").exists())],
    "groups": [
        all_of(), any_of(), negated(all_of()),
        any_of(field("word").eq("a"), field("number").lt(0)),
        negated(any_of(field("word").eq("a"), field("number").ne(1))),
        all_of(field("word").ge(""), negated(field("number").eq(1)), any_of(field("real").gt(0), field("id").lt(9))),
    ],
}  # fmt: skip


@pytest.mark.parametrize("tests", TESTS.values(), ids=[*TESTS])
async def test_filters_mean_what_they_say(rows: Rows, tests: list[Filter]) -> None:
    """CONTRACT, 3.1 to 3.4: the rows are those of which the filter is true, the others are those of its complement."""
    table = await rows.table(COLUMNS, VALUES)
    for test in tests:
        expected = [row[0] for row in VALUES if matches(resolve(test, FIELDS), _values(row))]
        got = [row[0] for row in await rows.every(table, filter=test, fields=["id"])]
        assert got == expected, test
        assert await rows.count(table, test) == (len(expected), True)
        others = [row[0] for row in await rows.every(table, filter=negated(test), fields=["id"])]
        assert others == [row[0] for row in VALUES if row[0] not in expected], test


def _values(row: tuple[object, ...]) -> dict[str, Value]:
    names = ("id", "word", "number", "real")
    return {name: to_value(value) for name, value in zip(names, row, strict=True)}  # type: ignore[arg-type]
