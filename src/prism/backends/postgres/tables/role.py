"""Whether a role and a database are fit for callers' own statements; looked at once, at the start."""

from typing import Final

import asyncpg

from prism.backends.postgres.connect import FSYNC_OFF
from prism.errors import FailedPrecondition

_HOLDS: Final = """
SELECT n.nspname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relname IN ('abstraction_versions', 'items', 'schema_version')
GROUP BY n.nspname HAVING count(*) = 3 LIMIT 1"""

_ROLE: Final = """
SELECT r.rolname::text, r.rolsuper,
    ARRAY(SELECT s.rolname::text FROM pg_catalog.pg_roles s
        WHERE s.rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
            AND pg_catalog.pg_has_role(r.oid, s.oid, 'MEMBER'))::text,
    EXISTS (SELECT FROM pg_catalog.pg_database d
        WHERE d.datname = pg_catalog.current_database() AND pg_catalog.pg_has_role(r.oid, d.datdba, 'MEMBER')),
    (SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE pg_catalog.pg_has_role(r.oid, c.relowner, 'MEMBER') AND n.nspname !~ '^pg_' LIMIT 1)
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user"""


async def require_apart(connection: asyncpg.Connection) -> None:
    """Passes a database that holds nothing that Prism keeps.

    Raises:
        FailedPrecondition: it has Prism's tables.
    """
    if (schema := await connection.fetchval(_HOLDS)) is not None:
        raise FailedPrecondition(
            f"the schema {schema} of this database is where Prism keeps what namespaces hold, and statements could "
            "reach it: let `sql_connection_string` lead to another database"
        )


async def is_superuser(connection: asyncpg.Connection) -> bool:
    """Whether the role is one."""
    return bool(await connection.fetchval("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"))


async def require_reader(connection: asyncpg.Connection) -> None:
    """Passes a role that is made for reading.

    Raises:
        FailedPrecondition: it could write, or reach files and programs of the server.
    """
    ((name, superuser, reach, owner, owned),) = await connection.fetch(_ROLE)
    if superuser:
        why = "is a superuser"
    elif reach != "{}":
        why = f"is a member of {reach.strip('{}')}"
    elif owner:
        why = "owns the database"
    elif owned:
        why = f"owns {owned}"
    else:
        return
    raise FailedPrecondition(
        f"the role {name} {why}, and `sql: read` takes a role that can only read: make one, GRANT it SELECT on what "
        "may be read, and give it in the connection's login"
    )


async def require_synced(connection: asyncpg.Connection) -> None:
    """Passes a server whose commits are on its disk.

    Raises:
        FailedPrecondition: it does not wait for its disk.
    """
    if await connection.fetchval("SELECT pg_catalog.current_setting('fsync', true)") != "on":
        raise FailedPrecondition(FSYNC_OFF)
