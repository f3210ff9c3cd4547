"""The statements of Reader: what every store that speaks SQL has in common. Each brings a `Dialect`.

The table goes by the name `t`. Names are the store's own and quoted; all that a caller gave is a parameter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prism.sdk.filters import FieldTest, Resolved
from prism.sdk.reader.collection import Collection, Column
from prism.sdk.reader.ordering import Ordering
from prism.sdk.reader.ranges import Bound, How, Range

HIT, NUMBER, GROUP = '"prism?hit"', '"prism?number"', '"prism?group"'
"""Columns that a scan adds: whether the filter is true, which row of the scan it is, and which group of ties it is of.

No column of a table is taken for one of them: that would be ambiguous, which the store refuses.
"""


class Dialect(Protocol):
    """What a store says in its own way."""

    def condition(self, filter: Resolved, parameters: list[Any]) -> str:  # noqa: A002 - the abstraction's own word
        """A filter as a condition; its operands are added to the parameters."""
        ...

    def lookup(self, test: FieldTest, parameters: list[Any]) -> str:
        """EQ, LT, LE, GT or GE of a column as a condition that an index of the column serves."""
        ...

    def parameter(self, value: Any, parameters: list[Any]) -> str:
        """A value out of a cursor as a parameter."""
        ...


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and its parameters.

    Attributes:
        text: of the statement.
        parameters: in the order of their numbers.
        most: rows that it gives; None for more than are known.
    """

    text: str
    parameters: Sequence[Any]
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """What every page of a read has in common.

    Attributes:
        collection: what is read.
        columns: the columns wanted.
        ordering: their order.
        within: what delimits the stretch of the index that is read: EQ tests, and bounds of its first field.
        residual: what else must be true of a row; None for nothing.
    """

    collection: Collection
    columns: Sequence[Column]
    ordering: Ordering
    within: Sequence[FieldTest]
    residual: Resolved | None

    @property
    def scans(self) -> bool:
        """Rows that are looked at are not all given."""
        return self.residual is not None or not self.ordering.complete


def page(selection: Selection, within: Range, want: int, scan: int, dialect: Dialect) -> Statement:
    """The first rows of a range.

    Args:
        selection: what is read.
        within: the range.
        want: most rows of it.
        scan: most rows to look at.
        dialect: the store's.
    """
    parameters: list[Any] = []
    wanted = [each.wanted for each in selection.columns]
    positions = [each.column.position for each in selection.ordering.fields]
    conditions = [dialect.lookup(each, parameters) for each in selection.within]
    conditions += [_bound(each, dialect, parameters) for each in within]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = _order(selection.ordering)
    source = f"FROM {selection.collection.source} AS t{where}{order}"
    if not selection.scans:
        text = f"SELECT {', '.join([*wanted, *positions]) or 'NULL'} {source} LIMIT {want}"
        return Statement(text, parameters, want)
    hit = "TRUE" if selection.residual is None else f"({dialect.condition(selection.residual, parameters)}) IS TRUE"
    every = {each.name: each for each in selection.columns} | {
        each.column.name: each.column for each in selection.ordering.fields
    }
    raw = ", ".join([*(each.sql for each in every.values()), f"{hit} AS {HIT}"])
    looked_at = f"SELECT {raw} {source} LIMIT {scan}"
    group = f"rank() OVER ({order.strip() or 'ORDER BY NULL'})" if not selection.ordering.complete else "0"
    numbered = f"SELECT t.*, row_number() OVER () AS {NUMBER}, {group} AS {GROUP} FROM ({looked_at}) AS t"  # noqa: S608
    step = mark(scan)
    shown = "" if not selection.ordering.complete else f" WHERE {HIT} OR {NUMBER} % {step} = 0 OR {NUMBER} = {scan}"
    columns = ", ".join([*wanted, *positions, HIT, NUMBER, GROUP])
    return Statement(f"SELECT {columns} FROM ({numbered}) AS t{shown}", parameters)  # noqa: S608 - see above


def mark(scan: int) -> int:
    """After how many rows that are not given one is, so that it is known how far a scan has come."""
    return max(1, min(1000, scan // 10))


def get(collection: Collection, columns: Sequence[Column], key: Resolved, dialect: Dialect) -> Statement:
    """The row of a key."""
    parameters: list[Any] = []
    wanted = ", ".join(each.wanted for each in columns)
    where = dialect.condition(key, parameters)
    return Statement(f"SELECT {wanted} FROM {collection.source} AS t WHERE {where} LIMIT 1", parameters, 1)  # noqa: S608


def count(collection: Collection, filter: Resolved | None, at_most: int, dialect: Dialect) -> Statement:  # noqa: A002
    """How many rows there are, and whether there are more."""
    parameters: list[Any] = []
    where = "" if filter is None else f" WHERE {dialect.condition(filter, parameters)}"
    counted = f"SELECT 1 FROM {collection.source} AS t{where} LIMIT {at_most + 1}"  # noqa: S608 - see above
    return Statement(f"SELECT count(*) FROM ({counted}) AS t", parameters, 1)  # noqa: S608 - see above


def _bound(bound: Bound, dialect: Dialect, parameters: list[Any]) -> str:
    column = bound.field.column
    match bound.how:
        case How.NULL:
            return f"{column.sql} IS NULL"
        case How.NOT_NULL:
            return f"{column.sql} IS NOT NULL"
    if bound.rest:
        members = [bound, *bound.rest]
        columns = ", ".join(each.field.column.sql for each in members)
        values = ", ".join(
            each.field.column.bound.format(dialect.parameter(each.value, parameters)) for each in members
        )
        return f"ROW({columns}) {bound.field.beyond} ROW({values})"
    operator = column.equal if bound.how is How.EQUAL else bound.field.beyond
    return f"{column.sql} {operator} {column.bound.format(dialect.parameter(bound.value, parameters))}"


def _order(ordering: Ordering) -> str:
    parts = []
    for each in ordering.fields:
        part = f"{each.column.sql} {'DESC' if each.descending else 'ASC'}"
        if each.column.nullable:
            part += f" NULLS {'FIRST' if each.index_nulls_first else 'LAST'}"
        parts.append(part)
    return f" ORDER BY {', '.join(parts)}" if parts else ""
