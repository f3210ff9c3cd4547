"""What follows a position, as ranges of the index that sorts the rows: at most two for each field, one after the other.

Behind the row (a, b, c) come the rows with the same a and b and a later c; then those with the same a and a later b;
then those with a later a. Nulls are a range before or behind all others. So each range is one stretch of the index, and
no statement has an OR or an offset: page 10,000 is found as page 1 is. Where a store compares rows, the last fields of
one direction are one range: those with the same a and a later (b, c).
"""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prism.sdk.reader.ordering import OrderedField, Ordering

Position = Sequence[int | float | str | bytes | None]
"""The values of a row in the fields of its ordering, as the store gave them."""


class How(enum.Enum):
    """What a bound says of its field."""

    EQUAL = "equal"
    BEYOND = "beyond"
    NULL = "null"
    NOT_NULL = "not null"


@dataclass(frozen=True, slots=True)
class Bound:
    """One field of a range.

    Attributes:
        field: which.
        how: what is said of it.
        value: that it is compared with.
        rest: fields that are compared together with it, as one row.
    """

    field: OrderedField
    how: How
    value: int | float | str | bytes | None = None
    rest: "Sequence[Bound]" = ()


Range = list[Bound]


def ranges(ordering: Ordering, position: Position | None) -> Iterator[Range]:
    """The ranges that follow a position, in order; all rows where there is none yet."""
    if position is not None:
        yield from _behind(ordering, position)
    elif ordering.split:
        first = ordering.fields[0]
        nulls, others = [Bound(first, How.NULL)], [Bound(first, How.NOT_NULL)]
        yield from (nulls, others) if first.nulls_first else (others, nulls)
    else:
        yield []


def _behind(ordering: Ordering, position: Position) -> Iterator[Range]:
    bounds = [
        Bound(field, How.NULL) if value is None else Bound(field, How.EQUAL, value)
        for field, value in zip(ordering.fields, position, strict=True)
    ]
    row = _row(bounds)
    if row < len(bounds):
        yield [*bounds[:row], Bound(bounds[row].field, How.BEYOND, bounds[row].value, bounds[row + 1 :])]
    for place in reversed(range(row)):
        field, same = bounds[place].field, bounds[:place]
        value = bounds[place].value
        if value is not None:
            yield [*same, Bound(field, How.BEYOND, value)]
        if value is None and field.nulls_first:
            yield [*same, Bound(field, How.NOT_NULL)]
        if value is not None and field.column.nullable and not field.nulls_first:
            yield [*same, Bound(field, How.NULL)]


def _row(bounds: Sequence[Bound]) -> int:
    """Where the last fields begin that are compared as one row; behind them all where they are fewer than two."""
    begin = len(bounds)
    while begin and _in_row(bounds[begin - 1], bounds[-1]):
        begin -= 1
    return begin if begin < len(bounds) - 1 else len(bounds)


def _in_row(bound: Bound, last: Bound) -> bool:
    column = bound.field.column
    return column.in_rows and not column.nullable and bound.field.descending == last.field.descending
