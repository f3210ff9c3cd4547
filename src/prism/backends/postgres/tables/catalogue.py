"""The types and columns of a database that Prism found, as PostgreSQL's own catalogue has them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import asyncpg

from prism.backends.postgres import timestamptz
from prism.backends.postgres.tables import arrays
from prism.backends.postgres.tables.types import BINARY, PgType, array, renamed, scalar
from prism.sdk.filters import Order
from prism.sdk.tables import Column

_FIRST_OWN: Final = 16_384
"""Types with lower numbers are PostgreSQL's own: the same in every database of a server."""

_TYPES: Final = """
SELECT t.oid::int8, t.typname::text, n.nspname::text, t.typtype::text, t.typcategory::text, t.typdelim::text,
    CASE WHEN t.typoutput = 'pg_catalog.array_out'::regproc THEN t.typelem ELSE 0 END::int8, t.typbasetype::int8
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE """
_BUILTIN: Final = _TYPES + "t.oid < 16384"
_BY_NUMBER: Final = _TYPES + "t.oid = ANY ($1::oid[])"
_NOT_SCALAR: Final = _TYPES + "t.typtype IN ('c', 'r', 'm', 'd')"

_COLUMNS: Final = """
SELECT a.attname::text, a.atttypid::int8, pg_catalog.format_type(a.atttypid, a.atttypmod) AS store_type,
    NOT a.attnotnull AS nullable, a.attgenerated <> '' OR a.attidentity = 'a' AS generated,
    a.attcollation = 0 OR c.collname IN ('C', 'POSIX', 'ucs_basic')
        OR (c.collname = 'default' AND d.datcollate IN ('C', 'POSIX')) AS by_bytes
FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
    LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
WHERE n.nspname = $1 AND r.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum"""


class Catalogue:
    """The types of one database, learned as they are met; shared by all its sessions."""

    def __init__(self) -> None:
        self._types: dict[int, PgType] = {}

    def type_of(self, number: int) -> PgType | None:
        """The type of a number, where it has been met."""
        return self._types.get(number)

    async def prepare(self, connection: asyncpg.Connection) -> None:
        """Lets a new session give values of PostgreSQL's own types as `PgType` reads them."""
        if not self._types:
            await self._learn(await connection.fetch(_BUILTIN), connection)
        await timestamptz.prepare(connection)
        use(connection, {number: each for number, each in self._types.items() if number < _FIRST_OWN})

    async def meet(self, connection: asyncpg.Connection, numbers: Iterable[int]) -> None:
        """Lets a session give values of these types too."""
        wanted = set(numbers)
        if missing := wanted - self._types.keys():
            await self._learn(await connection.fetch(_BY_NUMBER, _array(missing)), connection)
        use(connection, {number: self._types[number] for number in wanted if number in self._types})

    async def meet_all(self, connection: asyncpg.Connection) -> None:
        """The same for every type of several values: the driver refuses some of them, and does not say which."""
        rows = await connection.fetch(_NOT_SCALAR)
        await self._learn(rows, connection)
        use(connection, {row[0]: self._types[row[0]] for row in rows if row[0] in self._types})

    async def columns(self, connection: asyncpg.Connection, schema: str, table: str) -> Sequence[Column]:
        """The columns of a table, a view or a partitioned table; none where it does not exist."""
        rows = await connection.fetch(_COLUMNS, schema, table)
        await self.meet(connection, (row["atttypid"] for row in rows))
        return [
            Column(
                name=row["attname"],
                kind=self._types[row["atttypid"]].kind,
                store_type=row["store_type"],
                order=Order.BYTES if row["by_bytes"] else Order.STORE,
                nullable=row["nullable"],
                generated=row["generated"],
            )
            for row in rows
        ]

    async def _learn(self, rows: Sequence[Any], connection: asyncpg.Connection) -> None:
        """Elements of arrays and bases of domains first."""
        found = {row[0]: row for row in rows}
        needed = {number for row in rows for number in (row[6], row[7]) if number}
        if absent := needed - found.keys() - self._types.keys():
            await self._learn(await connection.fetch(_BY_NUMBER, _array(absent)), connection)
        for number in found:
            self._add(number, found)

    def _add(self, number: int, found: Mapping[int, Any]) -> PgType | None:
        if (known := self._types.get(number)) is not None or number not in found:
            return known
        _, name, schema, sort, category, delimiter, element, base = found[number]
        called = name if schema == "pg_catalog" else f"{schema}.{name}"
        made: PgType | None = None
        if element and (of := self._add(element, found)) is not None:
            made = array(f"{of.name}[]", of, delimiter)
        elif sort == "d" and (of := self._add(base, found)) is not None:
            made = renamed(of, called)
        made = made or scalar(called, category="E" if sort == "e" else category, builtin=schema == "pg_catalog")
        return self._types.setdefault(number, made)


def use(connection: asyncpg.Connection, types: Mapping[int, PgType]) -> None:
    """Gives a session the codecs of types that travel as text.

    The driver's public `set_type_codec` takes no arrays, ranges and composites, whose text is what is wanted.
    """
    session: Any = connection  # its stubs know what is public alone
    settings = session._protocol.get_settings()
    for number, each in types.items():
        if not (each.binary and each.name in BINARY):
            settings.add_python_codec(number, each.name, "", [], "scalar", _as_it_is, _as_it_is, "text")
    session._drop_local_statement_cache()


def _as_it_is(text: str) -> str:
    return text


def _array(numbers: Iterable[int]) -> str:
    """As sessions take arrays that `use` was called for."""
    return arrays.write([str(each) for each in numbers])
