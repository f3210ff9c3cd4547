"""A table that is there already, as its store describes it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from prism.sdk.filters import Field


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        name: as the store has it, and as callers give it.
        sql: the name, quoted.
        type: the store's name of its type.
        computed: only the store gives it a value.
        filled: the store gives it a value where a new row comes without one.
        read: what gives its value to be read, where that is not the column itself.
    """

    name: str
    sql: str
    type: str = ""
    computed: bool = False
    filled: bool = False
    read: str = ""

    @property
    def selected(self) -> str:
        """What stands in a list of what is read."""
        return self.read or self.sql


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: what callers call it.
        sql: its name in the store, quoted and with its schema.
        columns: by name, in their order.
        fields: what filters may name.
        keys: the columns of its primary key and of its unique indexes.
        writable: rows may be written; False for what can only be read.
    """

    name: str
    sql: str
    columns: Mapping[str, Column]
    fields: Mapping[str, Field]
    keys: Collection[frozenset[str]] = field(default=())
    writable: bool = True
