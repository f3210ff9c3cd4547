"""The tables, and how they are made: created and migrated by the gateway that starts first, under a lock.

Versions are per abstraction and migrations only add (`prism.sdk.schema`): gateways of the release before go on serving
while a migration runs and after it.
"""

from collections.abc import Sequence
from importlib import resources

import asyncpg

from prism.backends.postgres.statements import Statement
from prism.errors import FailedPrecondition
from prism.sdk.schema import Migration, Migrations, Version, Versions, pending, reached

OLDEST_SERVER = 14

# Ids, keys and namespaces are bytea: bytes are bytes, and bytea compares in byte order whatever the collation. The
# longest primary key (63 + 512 + 1024 bytes) fits a B-tree's 2704. Pages keep room for updates in place.
_KEYVALUE = """
CREATE SEQUENCE versions AS bigint CACHE 32;

CREATE TABLE items (
    namespace bytea NOT NULL,
    id bytea NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    metadata bytea NOT NULL,
    version bigint NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (namespace, id, key)
) WITH (fillfactor = 90);
CREATE INDEX items_expiry ON items (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE idempotency (
    namespace bytea NOT NULL,
    key bytea NOT NULL,
    fingerprint bytea NOT NULL,
    versions bigint[] NOT NULL,
    used_at timestamptz NOT NULL,
    PRIMARY KEY (namespace, key)
);
CREATE INDEX idempotency_age ON idempotency (used_at);
"""

_CACHE = """
CREATE TABLE cache (
    namespace bytea NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (namespace, key)
) WITH (fillfactor = 90);
CREATE INDEX cache_expiry ON cache (expires_at) WHERE expires_at IS NOT NULL;
"""

_HERE = resources.files("prism.backends.postgres")
_QUEUE = tuple(
    _HERE.joinpath("queue", name).read_text() for name in ("tables.sql", "log.sql", "step.sql", "manage.sql")
)
_GRAPH = _HERE.joinpath("graph", "tables.sql").read_text()
_PUBSUB = _HERE.joinpath("pubsub", "log.sql").read_text()
_TRANSACT = tuple(_HERE.joinpath("transact", name).read_text() for name in ("tables.sql", "mailboxes.sql"))
_SERIES = _HERE.joinpath("timeseries", "tables.sql").read_text()

MIGRATIONS: Migrations = {
    "keyvalue": (Migration((_KEYVALUE,)),),
    "cache": (Migration((_CACHE,)),),
    "graph": (Migration((_GRAPH,)),),
    "queue": (Migration(_QUEUE),),
    "pubsub": (Migration((_PUBSUB,)),),
    "transact": (Migration(_TRANSACT),),
    "timeseries": (Migration((_SERIES,)),),
}
"""What leads from each version of an abstraction's tables to the next; `@.` and `@name` as in `Statement`."""

LAYOUT = 2
"""What `schema_version` holds. The releases before versions were per abstraction look at nothing else; it stays."""

_OF_LAYOUT: Sequence[Versions] = (
    {},
    {"keyvalue": Version(1, 1)},
    {"keyvalue": Version(1, 1), "cache": Version(1, 1)},
)
"""What each value of `schema_version` stands for at least; `abstraction_versions` knows more, where there is one."""

# Asks the tables of the catalogue: to_regclass may answer from a cache older than a lock just waited for.
_TABLES = """
SELECT class.relname::text
FROM pg_catalog.pg_class AS class JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE space.nspname = $1 AND class.relname IN ('schema_version', 'abstraction_versions')
"""

_VERSION_TABLES = """
CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL);
CREATE TABLE IF NOT EXISTS abstraction_versions (
    abstraction text PRIMARY KEY, version integer NOT NULL, compatible_from integer NOT NULL
);
"""
_SET_LAYOUT = """
WITH changed AS (UPDATE schema_version SET version = $1 RETURNING true)
INSERT INTO schema_version (version) SELECT $1 WHERE NOT EXISTS (SELECT FROM changed)
"""
_SET_VERSION = """
INSERT INTO abstraction_versions (abstraction, version, compatible_from) VALUES ($1, $2, $3)
ON CONFLICT (abstraction) DO UPDATE SET version = excluded.version, compatible_from = excluded.compatible_from
"""


async def prepare(connection: asyncpg.Connection, schema: str) -> None:
    """Brings `schema` to the versions that this release knows; safe when several gateways do so at once.

    Args:
        connection: a session.
        schema: a plain lower-case name.

    Raises:
        FailedPrecondition: the schema is newer than this release can serve, or the server too old.
        asyncpg.PostgresError: the store refuses.
    """
    if connection.get_server_version().major < OLDEST_SERVER:
        raise FailedPrecondition(
            f"PostgreSQL {connection.get_server_version().major} is too old; upgrade the server to "
            f"{OLDEST_SERVER} or newer"
        )
    async with connection.transaction():  # behind a pooler, only a transaction stays with one server
        if not _pending(await _versions(connection, schema), schema):
            return
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('prism.schema.' || $1, 0))", schema)
        await _migrate(connection, schema)


async def _migrate(connection: asyncpg.Connection, schema: str) -> None:
    found = await _versions(connection, schema)
    statements = _pending(found, schema)
    if not statements:
        return
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema):
        await connection.execute(f'CREATE SCHEMA "{schema}"')
    await connection.execute(f'SET LOCAL search_path = "{schema}"')
    for statement in (_VERSION_TABLES, *statements):
        await connection.execute(Statement(statement, writes=True).sql(schema))
    await connection.execute(_SET_LAYOUT, LAYOUT)
    rows = [(name, each.number, each.compatible_from) for name, each in reached(MIGRATIONS, found).items()]
    await connection.executemany(_SET_VERSION, rows)


def _pending(found: Versions, schema: str) -> list[str]:
    return pending(MIGRATIONS, found, f"the schema {schema!r}")


async def _versions(connection: asyncpg.Connection, schema: str) -> Versions:
    """What is in the schema; nothing where there is none."""
    tables = {name for (name,) in await connection.fetch(_TABLES, schema)}
    if not tables:
        return {}
    # The full names: without USAGE on the schema, the short ones would seem not to exist.
    layout: int = await connection.fetchval(f'SELECT max(version) FROM "{schema}".schema_version') or 0  # noqa: S608
    if layout > LAYOUT:
        raise FailedPrecondition(
            f"the schema {schema!r} has layout {layout}, this release knows up to {LAYOUT}: "
            "run the newer release again, or configure another schema"
        )
    found = dict(_OF_LAYOUT[layout])
    if "abstraction_versions" in tables:
        rows = await connection.fetch(f'SELECT * FROM "{schema}".abstraction_versions')  # noqa: S608
        found |= {row["abstraction"]: Version(row["version"], row["compatible_from"]) for row in rows}
    return found
