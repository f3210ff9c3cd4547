"""Filters as an application writes them: tests of fields, and what is made of them. Their rules: docs/contract.md, 3.

    all_of(field("country").eq("NZ"), any_of(field("age").ge(18), negated(field("age").exists())))

Operands are plain Python values (`prism.client.values`). A field that is missing or null makes every test false but
`ne`.
"""

from collections.abc import Iterable

from prism.client.values import Plain, to_value
from prism.interfaces.filter import Filter, FilterList, FilterTest, Op, filter_violation


def all_of(*filters: Filter) -> Filter:
    """True where every one of them is; of none: true."""
    return Filter(all=FilterList(filters=filters))


def any_of(*filters: Filter) -> Filter:
    """True where one of them is; of none: false."""
    return Filter(any=FilterList(filters=filters))


def negated(condition: Filter) -> Filter:
    """True where it is false."""
    made = Filter()
    getattr(made, "not").CopyFrom(condition)  # a word of Python's own
    return made


class Field:
    """A field of the rows, to be tested. Each test may raise a ValueError or TypeError for its operand."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def eq(self, value: Plain) -> Filter:
        """It equals the value."""
        return self._test(Op.EQ, value)

    def ne(self, value: Plain) -> Filter:
        """It does not equal the value, or is missing."""
        return self._test(Op.NE, value)

    def lt(self, value: Plain) -> Filter:
        """It is less than the value."""
        return self._test(Op.LT, value)

    def le(self, value: Plain) -> Filter:
        """It is at most the value."""
        return self._test(Op.LE, value)

    def gt(self, value: Plain) -> Filter:
        """It is greater than the value."""
        return self._test(Op.GT, value)

    def ge(self, value: Plain) -> Filter:
        """It is at least the value."""
        return self._test(Op.GE, value)

    def is_in(self, values: Iterable[Plain]) -> Filter:
        """It equals one of the values, at most 1,000."""
        return _valid(FilterTest(field=self.name, op=Op.IN, values=[to_value(each) for each in values]))

    def starts_with(self, prefix: str) -> Filter:
        """It is a string that begins so."""
        return self._test(Op.PREFIX, prefix)

    def exists(self) -> Filter:
        """It is there and not null."""
        return _valid(FilterTest(field=self.name, op=Op.EXISTS))

    def _test(self, op: Op, value: Plain) -> Filter:
        return _valid(FilterTest(field=self.name, op=op, value=to_value(value)))


def field(name: str) -> Field:
    """The field of that name."""
    return Field(name)


def _valid(test: FilterTest) -> Filter:
    made = Filter(test=test)
    if (broken := filter_violation(made, "filter")) is not None:
        raise ValueError(str(broken))
    return made
