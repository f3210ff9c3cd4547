"""Tables of others as collections: their columns, keys and indexes, by PostgreSQL's catalogue."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

import asyncpg

from prism.backends.postgres.reader import statements
from prism.backends.postgres.reader.filters import FoundField
from prism.backends.postgres.tables.catalogue import Catalogue
from prism.backends.postgres.tables.types import PgType
from prism.errors import FailedPrecondition
from prism.interfaces.value import Kind
from prism.sdk.filters import Order
from prism.sdk.reader import Collection, CollectionOptions, Column, Index, IndexField, configured, not_found

PUBLIC: Final = "public"
_INTEGERS: Final = frozenset({"int2", "int4", "int8"})
_PLAIN: Final = _INTEGERS | {"bool", "float4", "float8", "numeric", "text", "varchar", "name", "bytea", "timestamptz"}
"""Types whose columns compare with the kind's own type as they are, by an index too."""
_DESCENDING, _NULLS_FIRST = 1, 2
_OF_ROWS: Final = ("OPERATOR(pg_catalog.<)", "OPERATOR(pg_catalog.=)", "OPERATOR(pg_catalog.>)")
"""Operators of which a comparison of rows takes one for all of its fields."""


async def describe(
    connection: asyncpg.Connection, catalogue: Catalogue, name: str, options: CollectionOptions
) -> Collection:
    """A table or view as a collection.

    Raises:
        CollectionNotFound: there is no table of that name.
        FailedPrecondition: it has not what the options say, the role may not read it, or its policies do not bind it.
    """
    schema, table = options.schema_name or PUBLIC, options.table
    relation = await connection.fetchrow(statements.RELATION, schema, table)
    state = await connection.fetchval(statements.STATE, schema, table)
    if relation is None or state is None:
        raise not_found(name)
    if not relation["readable"]:
        raise FailedPrecondition(f"collection {name}: the gateway's role may not read {schema}.{table}; GRANT SELECT")
    if unbound := await connection.fetchval(statements.UNBOUND, relation["number"]):
        raise FailedPrecondition(
            f"collection {name}: {unbound} has policies of row-level security that do not bind the role that reads it; "
            "use a role that is no superuser, has no BYPASSRLS and does not own the table, or FORCE ROW LEVEL SECURITY"
        )
    rows = await connection.fetch(statements.COLUMNS, schema, table)
    await catalogue.meet(connection, {number for row in rows for number in (row["type"], row["base"])})
    every = {row["name"]: _column(row, catalogue) for row in rows}
    found = [*_indexes(await connection.fetch(statements.INDEXES, relation["number"]), rows)]
    unique = [frozenset(names) for _, names, _ in found if names and not any(every[each].nullable for each in names)]
    primary = next((names for _, names, is_primary in found if is_primary), ())
    columns, key, unique_sets = configured(name, f"{schema}.{table}", options, every, primary, unique)
    return Collection(
        name=name,
        table=f"{quoted(schema)}.{quoted(table)}",
        source=f"{quoted(schema)}.{quoted(table)}",
        columns=columns,
        key=key,
        unique=unique_sets,
        indexes=tuple(index for index, _, _ in found if index.fields),
        indexes_only=options.indexes_only,
        nulls_first=(False, True),
        state=state,
    )


def quoted(name: str) -> str:
    """A name as PostgreSQL takes it for a name, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def type_of(row: asyncpg.Record, catalogue: Catalogue) -> PgType:
    """The type of a column."""
    found = catalogue.type_of(row["type"])
    if found is None:
        raise FailedPrecondition(f"the type of the column {row['name']} is gone; read again")
    return found


class PgColumn(Column):
    """A column, and how what the driver gives of it is read.

    Attributes:
        type: its type.
    """

    __slots__ = ("type",)

    type: PgType


def _column(row: asyncpg.Record, catalogue: Catalogue) -> PgColumn:
    found, sql = type_of(row, catalogue), f"t.{quoted(row['name'])}"
    base = catalogue.type_of(row["base"])
    plain = base is not None and base.name in _PLAIN
    operators = (row["below"], row["equal"], row["above"]) if row["above"] else ()
    whole = found.kind is Kind.INT64 and found.name in _INTEGERS
    order = _order(row, found.kind, plain=plain)
    text = f"CAST({sql} AS text)"
    if base is not None and base.name == "bpchar":  # whose cast takes blanks away
        text = f"textin(bpcharout({sql}))"
    field = FoundField(
        name=row["name"],
        columns={found.kind: sql if plain or found.kind is not Kind.STRING else text},
        order=Order.BYTES if order in {"", "bytes"} else Order.STORE,
        raw=sql,
        text=text,
        cast="" if plain or found.name == "oid" else row["cast_type"],
        operators=operators,
        type=found,
    )
    below, equal, above = operators or ("<", "=", ">")
    column = PgColumn(
        name=row["name"],
        kind=found.kind,
        store_type=row["store_type"],
        order=order,
        nullable=row["nullable"],
        generated=row["generated"],
        sql=sql,
        wanted=sql if found.binary else f"CAST({sql} AS text)",
        position="" if not operators else sql if whole else f"CAST({sql} AS text)",
        field=field,
        bound="CAST({} AS int8)" if whole else f"CAST(CAST({{}} AS text) AS {row['cast_type']})",
        below=below,
        equal=equal,
        above=above,
        looked_up=plain or (found.kind is Kind.OTHER and bool(operators)),
        in_rows=plain and operators == _OF_ROWS,
    )
    object.__setattr__(column, "type", found)
    return column


def _order(row: asyncpg.Record, kind: Kind, *, plain: bool) -> str:
    """What the strings of a column sort by; empty where it has none."""
    if kind is not Kind.STRING:
        return ""
    if row["sort_of_type"] == "e" or not (plain or row["collation"]):
        return str(row["store_type"])
    if row["by_bytes"] or not row["collation"]:
        return "bytes" if plain else str(row["store_type"])
    collation = row["usual_collation"] if row["collation_name"] == "default" else row["collation_name"]
    return str(collation) if plain else f"{row['store_type']} {collation}"


def _indexes(
    rows: Sequence[asyncpg.Record], columns: Sequence[asyncpg.Record]
) -> Iterator[tuple[Index, tuple[str, ...], bool]]:
    """The indexes as far as they sort by columns as they are; what a unique one makes unique; whether it is the key."""
    by_number = {row["number"]: row for row in columns}
    for name, group in groupby(rows, itemgetter("name")):
        parts = [*group]
        fields: list[IndexField] = []
        for part in parts:
            column = by_number.get(part["number"])
            if column is None or (part["class"], part["collation"]) != (column["class"], column["collation"]):
                break
            option = part["option"]
            fields.append(IndexField(column["name"], bool(option & _DESCENDING), bool(option & _NULLS_FIRST)))
        whole = len(fields) == parts[0]["keys"]
        unique = tuple(each.name for each in fields) if whole and parts[0]["is_unique"] else ()
        yield Index(name, tuple(fields)), unique, parts[0]["is_primary"]
