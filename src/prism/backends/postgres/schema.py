"""The tables, and how they come to be: created and migrated by whichever gateway starts first, under a lock.

A migration must leave gateways of the version before it working, for they go on serving while it runs and after.
"""

import asyncpg

from prism.errors import FailedPrecondition

OLDEST_SERVER = 14

# Ids, keys and namespaces are bytea: bytes are bytes, and bytea compares in byte order whatever the collation. The
# longest primary key (63 + 512 + 1024 bytes) fits a B-tree's 2704. Pages keep room for updates in place.
_FIRST = """
CREATE TABLE schema_version (version integer NOT NULL);
INSERT INTO schema_version VALUES (0);

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

# Asks the tables of the catalogue: to_regclass may answer from a cache older than a lock just waited for.
_EXISTS = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class AS class JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
    WHERE space.nspname = $1 AND class.relname = 'schema_version'
)
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

MIGRATIONS = (_FIRST, _CACHE)
"""The statements that lead from version n to n + 1, at index n; never edited once released."""


async def prepare(connection: asyncpg.Connection, schema: str) -> None:
    """Brings `schema` to the version that this plugin knows; safe when several gateways do so at once.

    Args:
        connection: a session whose search_path is `schema`.
        schema: a plain lower-case name.

    Raises:
        FailedPrecondition: the schema is newer than the plugin, or the server too old.
        asyncpg.PostgresError: the store refuses.
    """
    if connection.get_server_version().major < OLDEST_SERVER:
        raise FailedPrecondition(
            f"PostgreSQL {connection.get_server_version().major} is too old; upgrade the server to "
            f"{OLDEST_SERVER} or newer"
        )
    if await _version(connection, schema) == len(MIGRATIONS):
        return
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('prism.schema.' || $1, 0))", schema)
        await _migrate(connection, schema)


async def _migrate(connection: asyncpg.Connection, schema: str) -> None:
    version = await _version(connection, schema)
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema):
        await connection.execute(f'CREATE SCHEMA "{schema}"')
    for migration in MIGRATIONS[version:]:
        await connection.execute(migration)
    await connection.execute("UPDATE schema_version SET version = $1", len(MIGRATIONS))


async def _version(connection: asyncpg.Connection, schema: str) -> int:
    """The version of the schema; 0 where there is none."""
    if not await connection.fetchval(_EXISTS, schema):
        return 0
    # The full name: without USAGE on the schema, the short one would seem not to exist.
    version: int = await connection.fetchval(f'SELECT max(version) FROM "{schema}".schema_version') or 0  # noqa: S608
    if version > len(MIGRATIONS):
        raise FailedPrecondition(
            f"the schema {schema!r} is at version {version} and this gateway knows {len(MIGRATIONS)}: "
            "upgrade the gateway, or configure another schema"
        )
    return version
