"""The tables of a SQLite file as collections: looked up by their exact names, described by SQLite's own pragmas."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from prism.backends.sqlite.filters import condition
from prism.errors import CollectionNotFound, Unimplemented
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.filters import Field, Order, Resolved
from prism.sdk.transact import Column, Table
from prism.sdk.transact.changes import refusal
from prism.sdk.transact.options import CollectionOptions

OWN: Final = ("prism_", "sqlite_")
"""What the names of tables begin with that are no collections."""

_CLASSES: Final = {Kind.INT64: "integer", Kind.DOUBLE: "real", Kind.STRING: "text", Kind.BYTES: "blob"}
_NUMBERS: Final = frozenset({Kind.INT64, Kind.DOUBLE})
_COMPUTED: Final = frozenset({2, 3})


class Collections:
    """The tables of a file that callers may name.

    Args:
        allowed: by the collections' names; None for every table under its own.
    """

    def __init__(self, allowed: Mapping[str, CollectionOptions] | None) -> None:
        self._allowed = allowed
        self._known: dict[str, Table] = {}
        self._version = -1

    def find(self, connection: sqlite3.Connection, name: str) -> Table:
        """A table as it is now; raises CollectionNotFound."""
        (version,) = connection.execute("PRAGMA schema_version").fetchone()
        if version != self._version:
            self._known.clear()
            self._version = version
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._described(connection, name)
        return found

    def _described(self, connection: sqlite3.Connection, name: str) -> Table:
        options = CollectionOptions() if self._allowed is None else self._allowed.get(name)
        if options is None:
            raise no_collection(name)
        actual = options.table or name
        row = connection.execute(
            "SELECT type, sql FROM sqlite_master WHERE name = ? AND type IN ('table', 'view')", (actual,)
        ).fetchone()
        if row is None or actual.lower().startswith(OWN):
            raise no_collection(name)
        columns: dict[str, Column] = {}
        primary: list[str] = []
        kinds: dict[str, str] = {}
        given = connection.execute(
            "SELECT name, type, dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?) ORDER BY cid", (actual,)
        )
        for column, kind, default, pk, hidden in given:
            if hidden == 1:  # of a virtual table, not a value of the row
                continue
            columns[column] = Column(column, quoted(column), kind, hidden in _COMPUTED, bool(default))
            kinds[column] = kind
            if pk:
                primary.append(column)
        if len(primary) == 1 and kinds[primary[0]].upper() == "INTEGER":  # an alias of the row's number
            only = columns[primary[0]]
            columns[only.name] = Column(only.name, only.sql, only.type, only.computed, filled=True)
        keys = [frozenset(primary)] if primary else []
        keys += _unique_indexes(connection, actual)
        fields = {each.name: _field(each) for each in columns.values()}
        return Table(name, quoted(actual), columns, fields, keys, writable=row[0] == "table")


def _unique_indexes(connection: sqlite3.Connection, table: str) -> list[frozenset[str]]:
    names = connection.execute('SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial', (table,))
    found = []
    for (index,) in names.fetchall():
        columns = [name for (name,) in connection.execute("SELECT name FROM pragma_index_info(?)", (index,))]
        if None not in columns:  # an expression has no name
            found.append(frozenset(columns))
    return found


def no_collection(name: str) -> CollectionNotFound:
    """The error of a collection that is missing, or not the namespace's."""
    return CollectionNotFound(
        f"collection {name!r} does not exist in this namespace; make the table, or correct the name"
    )


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def _field(column: Column) -> Field:
    """Each row decides the kind."""
    columns = {
        kind: f"CASE typeof({column.sql}) WHEN '{name}' THEN {column.sql} END" for kind, name in _CLASSES.items()
    }
    return Field(column.name, columns, Order.STORE)


class SqliteBinder:
    """`prism.sdk.transact.Binder` of SQLite."""

    def __init__(self) -> None:
        self.parameters: list[Any] = []

    def bind(self, column: Column, value: Value, path: str) -> str:  # noqa: ARG002 - any column takes any value
        """See Binder."""
        return self._add(to_stored(value, path))

    def equal(self, column: Column, value: Value, path: str) -> str:
        """See Binder."""
        placeholder = self._add(to_stored(value, path))
        kind = kind_of(value)
        if kind in _NUMBERS or kind is Kind.BOOL:
            return f"{column.sql} = {placeholder} AND typeof({column.sql}) IN ('integer', 'real')"
        if kind is Kind.STRING:
            same = f"{column.sql} = {placeholder} COLLATE BINARY"
            return f"{column.sql} = {placeholder} AND {same} AND typeof({column.sql}) = 'text'"
        return f"{column.sql} = {placeholder} AND typeof({column.sql}) = 'blob'"

    def condition(self, filter: Resolved) -> str:  # noqa: A002 - the abstraction's own word
        """See Binder."""
        return condition(filter, self.parameters)

    def _add(self, stored: object) -> str:
        self.parameters.append(stored)
        return f"?{len(self.parameters)}"


def to_stored(value: Value, path: str) -> int | float | str | bytes | None:
    """A value as SQLite keeps it.

    Raises:
        InvalidArgument: it is NaN or infinite.
        Unimplemented: SQLite has no such type.
    """
    match kind := kind_of(value):
        case Kind.NULL:
            return None
        case Kind.BOOL:
            return int(value.bool)
        case Kind.INT64 | Kind.STRING | Kind.BYTES:
            stored: int | str | bytes = getattr(value, kind)
            return stored
        case Kind.DOUBLE:
            if value.double - value.double != 0:
                raise refusal(path, str(value.double), "SQLite keeps neither NaN nor the infinities")
            return value.double
    raise Unimplemented(
        f"{path} is of kind {kind}, which a column of SQLite does not keep; give an int64, double, string or bytes",
        capability="value_kinds",
    )
