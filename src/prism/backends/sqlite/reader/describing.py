"""Tables of others as collections: their columns, keys and indexes, as SQLite itself describes them."""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final

from prism.backends.sqlite.reader.filters import CLASSES, FoundField
from prism.backends.sqlite.transact.collections import OWN, quoted
from prism.sdk.filters import Order
from prism.sdk.reader import Collection, CollectionOptions, Column, Index, IndexField, configured, not_found

_COLLATION: Final = re.compile(r"^(?:\()?([A-Za-z_][\w]*)")
_COMPARISONS: Final = frozenset({"Lt", "Le", "Gt", "Ge"})
_SCHEMA: Final = "main"
_BYTES: Final = "BINARY"

_NAMES: Final = "SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') ORDER BY name"


def table_names(connection: sqlite3.Connection) -> list[str]:
    """Every table and view that is neither SQLite's own nor Prism's."""
    return [name for (name,) in connection.execute(_NAMES) if not name.lower().startswith(OWN)]


def describe(connection: sqlite3.Connection, name: str, options: CollectionOptions) -> Collection:
    """A table or view as a collection.

    Raises:
        CollectionNotFound: there is no table of that name.
        FailedPrecondition: it has not what the options say.
    """
    table = options.table
    found = connection.execute(
        "SELECT type FROM main.sqlite_schema WHERE name = ?1 AND type IN ('table', 'view')", (table,)
    )
    kind = found.fetchone()
    if options.schema_name not in {"", _SCHEMA} or kind is None or table.lower().startswith(OWN):
        raise not_found(name)
    every = {each.name: each for each in _columns(connection, table)}
    rowid = _rowid_key(connection, table)
    indexes = [*_indexes(connection, table, every, rowid)]
    unique = [frozenset({rowid})] if rowid else []
    unique += [
        frozenset(each.name for each in index.fields[:count])
        for index, count in indexes
        if count and all(not every[each.name].nullable for each in index.fields[:count])
    ]
    primary = _primary_key(connection, table, unique)
    columns, key, unique_sets = configured(name, f"the table {table}", options, every, primary, unique)
    return Collection(
        name=name,
        table=quoted(table),
        source=f"{_SCHEMA}.{quoted(table)}",
        columns=columns,
        key=key,
        unique=unique_sets,
        indexes=tuple(index for index, _ in indexes),
        indexes_only=options.indexes_only,
        nulls_first=(True, False),
        index_nulls=False,
    )


def _columns(connection: sqlite3.Connection, table: str) -> Iterator[Column]:
    for _, name, store_type, not_null, _, primary, hidden in connection.execute(
        f"PRAGMA main.table_xinfo({quoted(table)})"
    ):
        if hidden == 1:
            continue
        sql = f"t.{quoted(name)}"
        collation = _collation(connection, table, name)
        yield Column(
            name=name,
            kind=None,
            store_type=store_type,
            order="bytes" if collation == _BYTES else collation,
            nullable=not not_null and not (primary and _is_rowid(connection, table)),
            generated=hidden in {2, 3},
            sql=sql,
            wanted=sql,
            position=sql,
            field=FoundField(
                name,
                {kind: f"CASE typeof({sql}) WHEN '{text}' THEN {sql} END" for kind, text in CLASSES.items()},
                Order.BYTES if collation == _BYTES else Order.STORE,
                sql,
            ),
        )


def _collation(connection: sqlite3.Connection, table: str, name: str) -> str:
    """What a column's texts are compared by: only the program that SQLite makes of a comparison says so."""
    program = connection.execute(f"EXPLAIN SELECT t.{quoted(name)} < 'x' FROM main.{quoted(table)} AS t")  # noqa: S608
    for _, opcode, _, _, _, fourth, *_ in program:
        if opcode in _COMPARISONS and fourth and (found := _COLLATION.match(str(fourth))):
            return found[1]
    return _BYTES


def _is_rowid(connection: sqlite3.Connection, table: str) -> bool:
    return _rowid_key(connection, table) is not None


def _rowid_key(connection: sqlite3.Connection, table: str) -> str | None:
    """The column that is the table's rowid: INTEGER PRIMARY KEY; it has no index of its own."""
    rows = [*connection.execute(f"PRAGMA main.table_xinfo({quoted(table)})")]
    primary = [(name, store_type) for _, name, store_type, _, _, place, _ in rows if place]
    if len(primary) != 1 or primary[0][1].upper() != "INTEGER":
        return None
    origins = {row[3] for row in connection.execute(f"PRAGMA main.index_list({quoted(table)})")}
    return None if "pk" in origins else primary[0][0]


def _primary_key(connection: sqlite3.Connection, table: str, unique: list[frozenset[str]]) -> list[str]:
    """The columns of the primary key, where none of them may be null: SQLite lets some be."""
    rows = connection.execute(f"PRAGMA main.table_xinfo({quoted(table)})")
    places = sorted((place, name) for _, name, _, _, _, place, _ in rows if place)
    names = [name for _, name in places]
    return names if any(each <= set(names) for each in unique) else []


def _indexes(
    connection: sqlite3.Connection, table: str, columns: Mapping[str, Column], rowid: str | None
) -> Iterator[tuple[Index, int]]:
    """The indexes that sort by columns as they are; of a unique one also how many columns are unique, else 0."""
    if rowid is not None:
        yield Index("rowid", (IndexField(rowid, nulls_first=True),)), 0
    for _, name, unique, _, partial in connection.execute(f"PRAGMA main.index_list({quoted(table)})").fetchall():
        if partial:
            continue
        fields: list[IndexField] = []
        own = 0
        for row in connection.execute(f"PRAGMA main.index_xinfo({quoted(name)})"):
            field = _index_field(row, columns, rowid)
            if field is None:
                break
            if field.name not in {each.name for each in fields}:
                fields.append(field)
            own += row[5]
        if fields:
            whole = own == sum(row[5] for row in connection.execute(f"PRAGMA main.index_xinfo({quoted(name)})"))
            yield Index(name, tuple(fields)), own if unique and whole else 0


def _index_field(row: tuple[Any, ...], columns: Mapping[str, Column], rowid: str | None) -> IndexField | None:
    """A column of an index; None for an expression, and for a column that stands there by another collation."""
    _, number, name, descending, collation, key = row
    if not key:  # what SQLite adds: the rowid, or the primary key of a table without one
        name = rowid if number == -1 else name
        return None if name is None else IndexField(name, bool(descending), not descending)
    if name not in columns or not _same(collation, columns[name].order):
        return None
    return IndexField(name, bool(descending), not descending)


def _same(collation: str, order: str) -> bool:
    return collation.upper() == (_BYTES if order == "bytes" else order.upper())
