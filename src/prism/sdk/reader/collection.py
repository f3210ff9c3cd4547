"""A collection as its store describes it, and what of it goes into statements: the store's own names, quoted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from prism.interfaces import reader as r
from prism.interfaces.value import Kind
from prism.sdk.filters import Field

DYNAMIC = "dynamic"
"""The kind of a column of which each row decides."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. What is SQL in it is the store's plugin's own text, never a caller's.

    Attributes:
        name: as callers give it, and as the store has it.
        kind: of its values; None where each row decides.
        store_type: the store's name of its type.
        order: what its strings sort by; empty where it has none.
        nullable: it may be null.
        generated: the store computes it.
        sql: the column of the table `t`, quoted.
        wanted: the expression of its value in an answer.
        position: the expression of its value in a cursor; empty where it cannot be sorted.
        bound: how a value out of a cursor is given back: `{}` is the parameter.
        below, equal, above: the operators of its order.
        field: of it in filters.
        looked_up: an EQ test on it finds its rows by an index.
        in_rows: its order is that in which the store compares rows, with the same operators.
    """

    name: str
    kind: Kind | None
    store_type: str
    order: str
    nullable: bool
    generated: bool
    sql: str
    wanted: str
    position: str
    field: Field
    bound: str = "{}"
    below: str = "<"
    equal: str = "="
    above: str = ">"
    looked_up: bool = True
    in_rows: bool = False

    @property
    def described(self) -> r.Column:
        """As `Describe` gives it."""
        return r.Column(
            name=self.name,
            kind=DYNAMIC if self.kind is None else self.kind.value,
            store_type=self.store_type,
            order=self.order,
            nullable=self.nullable,
            generated=self.generated,
        )


@dataclass(frozen=True, slots=True)
class IndexField:
    """A column of an index, and how it stands there."""

    name: str
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """An index that sorts by columns as they are, over all rows."""

    name: str
    fields: tuple[IndexField, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection.

    Attributes:
        name: as callers give it.
        table: the table as messages name it, and as the statement to make an index does.
        source: the same as it stands behind FROM.
        columns: those that exist for callers, by name, in the table's order.
        key: the columns that name a row; empty without one.
        unique: every set of columns of which no two rows have the same values, none of them null.
        indexes: those that count.
        indexes_only: only sorts that an index serves.
        nulls_first: where the store has nulls without an index: ascending, and descending.
        index_nulls: an index may have nulls elsewhere.
        state: what changes with the table; equal where nothing has changed.
    """

    name: str
    table: str
    source: str
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    unique: tuple[frozenset[str], ...]
    indexes: tuple[Index, ...]
    indexes_only: bool
    nulls_first: tuple[bool, bool]
    index_nulls: bool = True
    state: str = ""
    fields: Mapping[str, Field] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", {name: each.field for name, each in self.columns.items()})

    def digest(self, ordering: object) -> bytes:
        """Of all that a cursor relies upon."""
        shape = [[each.name, each.store_type, each.order, each.kind, each.nullable] for each in self.columns.values()]
        text = json.dumps([self.table, shape, self.key, str(ordering)])
        return blake2b(text.encode(), digest_size=8, person=b"prism-reader").digest()

    def describe(self) -> r.DescribeResponse:
        """The answer to `Describe`."""
        answer = r.DescribeResponse(key=self.key, indexes_only=self.indexes_only)
        answer.columns.extend(each.described for each in self.columns.values())
        seen = set()
        for index in self.indexes:
            sort = self._served(index)
            text = str(sort)
            if sort and text not in seen:
                seen.add(text)
                answer.sorts.add(sort=sort)
        return answer

    def _served(self, index: Index) -> list[r.Sort]:
        """What the index sorts by, as far as it exists for callers."""
        found = []
        for each in index.fields:
            column = self.columns.get(each.name)
            if column is None:
                break
            nulls = r.Nulls.READER_NULLS_UNSPECIFIED
            if column.nullable:
                nulls = r.NULLS_FIRST if each.nulls_first else r.NULLS_LAST
            found.append(r.Sort(field=each.name, descending=each.descending, nulls=nulls))
        return found
