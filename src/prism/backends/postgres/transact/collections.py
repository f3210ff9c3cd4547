"""Tables of the database as collections: named in the configuration, described by PostgreSQL's own catalogue.

Values travel as PostgreSQL's own text, each cast to its column's type, which so takes or refuses them.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

import asyncpg

from prism.backends.postgres.filters import condition
from prism.backends.postgres.sessions import Session
from prism.backends.postgres.tables import arrays
from prism.backends.postgres.tables.catalogue import Catalogue
from prism.backends.postgres.tables.types import PgType
from prism.errors import CollectionNotFound, Violation
from prism.errors import InvalidArgument as Refused
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.filters import Field, Order, Resolved
from prism.sdk.tables import Misfit
from prism.sdk.transact import Column, Table
from prism.sdk.transact.options import CollectionOptions

_TABLE: Final = """
SELECT c.oid::int8, c.relkind IN ('r', 'p', 'f') AS writable
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
"""
_COLUMNS: Final = """
SELECT a.attname::text, a.atttypid::int8, pg_catalog.format_type(a.atttypid, -1) AS sql_type,
    a.attgenerated <> '' OR a.attidentity = 'a' AS computed, a.atthasdef OR a.attidentity <> '' AS filled,
    a.attcollation = 0 OR l.collname IN ('C', 'POSIX', 'ucs_basic') AS by_bytes
FROM pg_catalog.pg_attribute AS a LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_KEYS: Final = """
SELECT array_agg(a.attname::text) FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
WHERE i.indrelid = $1::int8::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
GROUP BY i.indexrelid
"""

_PLAIN_TEXTS: Final = frozenset({"text", "varchar", "bpchar"})
_FILTERED: Final = frozenset(
    {Kind.BOOL, Kind.INT64, Kind.DOUBLE, Kind.DECIMAL, Kind.STRING, Kind.BYTES, Kind.TIMESTAMP}
)


@dataclass(frozen=True, slots=True)
class Described:
    """A table, and the types of its columns by their names."""

    table: Table
    types: Mapping[str, PgType]


class Collections:
    """The tables that callers may name.

    Args:
        allowed: by the collections' names.
        own_schema: Prism's, whose tables are none.
        open_session: for a session that looks at the catalogue, whose types it then reads in ways of its own.
    """

    def __init__(
        self,
        allowed: Mapping[str, CollectionOptions] | None,
        own_schema: str,
        open_session: Callable[[], Awaitable[Session]],
    ) -> None:
        self._allowed = allowed or {}
        self._own_schema = own_schema
        self._open_session = open_session
        self._known: dict[str, Described] = {}
        self._catalogue = Catalogue()
        self._described_at = 0.0

    def doubt(self) -> None:
        """As `forget`, where it may be the request that is wrong: not more often than once a second."""
        if monotonic() - self._described_at > 1.0:
            self.forget()

    def forget(self) -> None:
        """A table may have been changed: they are described anew."""
        self._known.clear()

    async def find(self, name: str) -> Described:
        """A table; raises CollectionNotFound, or what the driver does."""
        found = self._known.get(name)
        if found is None:
            options = self._allowed.get(name)
            if options is None:
                raise _missing(name)
            session = await self._open_session()
            try:
                async with session.connection.transaction():
                    found = self._known[name] = await self._described(session.connection, name, options)
            finally:
                session.connection.terminate()
            self._described_at = monotonic()
        return found

    async def _described(self, connection: asyncpg.Connection, name: str, options: CollectionOptions) -> Described:
        await self._catalogue.prepare(connection)
        schema, _, relation = (options.table or name).rpartition(".")
        schema = schema or "public"
        rows = [] if schema == self._own_schema else await connection.fetch(_TABLE, schema, relation)
        if not rows:
            raise _missing(name)
        number, writable = rows[0]
        columns: dict[str, Column] = {}
        fields: dict[str, Field] = {}
        types: dict[str, PgType] = {}
        found = await connection.fetch(_COLUMNS, number)
        await self._catalogue.meet(connection, (row["atttypid"] for row in found))
        for row in found:
            column, kind = row["attname"], self._catalogue.type_of(row["atttypid"])
            if kind is None:  # a pseudo-type: no column is of one
                continue
            sql = quoted(column)
            columns[column] = Column(
                column, sql, row["sql_type"], row["computed"], row["filled"], read=_text(sql, kind)
            )
            types[column] = kind
            if kind.kind in _FILTERED:
                compared = f"{sql}::text" if kind.kind is Kind.STRING and kind.name not in _PLAIN_TEXTS else sql
                fields[column] = Field(column, {kind.kind: compared}, Order.BYTES if row["by_bytes"] else Order.STORE)
        keys = [frozenset(map(str, arrays.read(names))) for (names,) in await connection.fetch(_KEYS, number)]
        sql = f"{quoted(schema)}.{quoted(relation)}"
        return Described(Table(name, sql, columns, fields, keys, writable), types)


def _missing(name: str) -> CollectionNotFound:
    return CollectionNotFound(
        f"collection {name!r} does not exist in this namespace; make the table, and name it in the option "
        "transact.collections"
    )


def _text(sql: str, kind: PgType) -> str:
    """What gives a column's value as PostgreSQL's own output has it, which is the cast but for `boolean`."""
    return f"CASE WHEN {sql} THEN 't' WHEN NOT {sql} THEN 'f' END" if kind.kind is Kind.BOOL else f"{sql}::text"


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


class PostgresBinder:
    """`prism.sdk.transact.Binder` of PostgreSQL.

    Args:
        types: of the table's columns.
    """

    def __init__(self, types: Mapping[str, PgType]) -> None:
        self.parameters: list[Any] = []
        self._types = types

    def bind(self, column: Column, value: Value, path: str) -> str:
        """See Binder."""
        try:
            text = self._types[column.name].write_text(value)
        except Misfit as misfit:
            violation = Violation(path, misfit.found, misfit.expected)
            raise Refused(str(violation), violations=[violation]) from misfit
        self.parameters.append(text)
        return f"${len(self.parameters)}::text::{column.type}"

    def equal(self, column: Column, value: Value, path: str) -> str:
        """See Binder."""
        bound = self.bind(column, value, path)
        same = f"{column.sql} = {bound}"
        if kind_of(value) is Kind.STRING and self._types[column.name].name in _PLAIN_TEXTS:
            return f'{same} AND {column.sql} = {bound} COLLATE "C"'
        return same

    def condition(self, filter: Resolved) -> str:  # noqa: A002 - the abstraction's own word
        """See Binder."""
        return condition(filter, self.parameters)
