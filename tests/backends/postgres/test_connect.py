"""What sessions are set to, whatever the server's defaults are."""

import pytest

from prism.backends.postgres.config import PostgresConfig, PostgresCredentials
from prism.backends.postgres.connect import open_session
from prism.backends.postgres.testing import PostgresServer, RunningServer
from prism.errors import FailedPrecondition

from .store import OpenStore


async def setting(name: str, url: str, **options: str) -> str:
    """One setting of a new session."""
    session = await open_session(PostgresConfig(connection_string=url, **options), PostgresCredentials())
    try:
        return str(await session.connection.fetchval("SELECT current_setting($1)", name))
    finally:
        await session.connection.close()


@pytest.mark.parametrize(
    ("default", "durability", "expected"),
    [
        ("off", "synced", "on"),
        ("local", "synced", "on"),
        ("remote_write", "synced", "on"),
        ("remote_apply", "synced", "remote_apply"),
        ("on", "synced", "on"),
        ("on", "store", "off"),
    ],
)
async def test_what_is_acknowledged_is_as_durable_as_declared(
    postgres_server: RunningServer, postgres_url: str, default: str, durability: str, expected: str
):
    """A default that promises less is raised, one that promises more is kept."""
    name = postgres_url.rpartition("/")[2]
    postgres_server.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = {default}')
    assert await setting("synchronous_commit", postgres_url, durability=durability) == expected


async def test_a_server_that_does_not_sync_is_refused(own_postgres: PostgresServer, open_store: OpenStore):
    """With fsync off nothing is safe on disk: only `durability: store` starts."""
    url = own_postgres.create_database()
    own_postgres.execute("ALTER SYSTEM SET fsync = off")
    try:
        own_postgres.restart()
        store = await open_store(url, start=False)
        with pytest.raises(FailedPrecondition, match=r"fsync off.*durability: store"):
            await store.backend.start()
        await open_store(url, durability="store")
    finally:
        own_postgres.execute("ALTER SYSTEM RESET fsync")
        own_postgres.restart()


async def test_transactions_are_isolated_as_the_statements_need(postgres_server: RunningServer, postgres_url: str):
    """A stricter default of the database would make swaps fail instead of lose."""
    name = postgres_url.rpartition("/")[2]
    postgres_server.execute(f'ALTER DATABASE "{name}" SET default_transaction_isolation = serializable')
    assert await setting("transaction_isolation", postgres_url) == "read committed"


async def test_a_unix_socket_serves(own_postgres: PostgresServer):
    """A folder as host is a socket."""
    config = PostgresConfig(host=str(own_postgres.folder), port=own_postgres.port)
    session = await open_session(config, PostgresCredentials(username="postgres"))
    assert await session.connection.fetchval("SELECT inet_server_addr()") is None
    await session.connection.close()


async def test_tls_that_is_required_is_not_done_without(postgres_url: str, open_store: OpenStore):
    """A server without TLS is refused, and a missing file of certificates is named."""
    store = await open_store(postgres_url, start=False, sslmode="require")
    with pytest.raises(Exception, match="SSL"):
        await store.backend.start()
    store = await open_store(postgres_url, start=False, sslmode="verify-full", ca="/nowhere/ca.pem")
    with pytest.raises(FailedPrecondition, match=r"ca: the file /nowhere/ca\.pem does not exist"):
        await store.backend.start()


async def test_plans_are_by_primary_key_however_empty_the_table_was(postgres_url: str, open_store: OpenStore):
    """The plan of a batch made on an empty table is the one for a full one: no scan, no hash."""
    await open_store(postgres_url)
    session = await open_session(PostgresConfig(connection_string=postgres_url), PostgresCredentials())
    from prism.backends.postgres import statements

    everything = [
        *(each for each in vars(statements).values() if isinstance(each, statements.Statement)),
        *statements.SCAN_RECORD.values(),
        *statements.SCAN_NAMESPACE.values(),
        *statements.LIST_RECORDS.values(),
    ]
    for n, statement in enumerate(everything):
        await session.connection.execute(f"PREPARE s{n} AS {statement.sql('prism')}")
        parameters = await session.connection.fetchval(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = $1", f"s{n}"
        )
        nulls = ", ".join(["NULL"] * parameters)
        call = f"s{n}({nulls})" if parameters else f"s{n}"
        plan = "\n".join(row[0] for row in await session.connection.fetch(f"EXPLAIN EXECUTE {call}"))
        assert "Seq Scan" not in plan, (statement.text, plan)
        assert "Hash" not in plan, (statement.text, plan)
    await session.connection.close()
