"""Opens sessions whose settings the statements rely upon, whatever the server's or the role's defaults are."""

import ssl
from typing import Any

import asyncpg

from prism.backends.postgres.config import Address, PostgresConfig, PostgresCredentials
from prism.backends.postgres.hosts import Hosts
from prism.backends.postgres.sessions import PooledSession, Session
from prism.errors import FailedPrecondition
from prism.sdk.tls import client_context

_TIMEOUT = 5.0
"""Seconds beyond its time-out that a statement may stay without an answer before the connection counts as lost."""

# Every statement finds its rows by primary key, and a plan made while the table was empty must not be another.
PLANS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

# Never lowers what the server promises: remote_apply stays.
SYNCED = """
SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
    WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, {local})"""

FSYNC_OFF = "PostgreSQL runs with fsync off, so nothing is safe on disk: turn it on, or set durability: store"

_FOUND = "SELECT pg_backend_pid() AS pid, current_setting('fsync', true) AS fsync"


async def open_session(config: PostgresConfig, credentials: PostgresCredentials, hosts: Hosts | None = None) -> Session:
    """A session with the primary.

    Args:
        config: where the server is, and how to connect to it.
        credentials: who we are there.
        hosts: those of `config`, with what is remembered of them.

    Raises:
        FailedPrecondition: the server, or a file of the configuration, is not as the configuration needs it.
        Exception: whatever the driver raises; `errors.translate` knows it.
    """
    connection = await connect(config, credentials, hosts or Hosts(config.addresses))
    try:
        async with connection.transaction():  # behind a pooler, only a transaction stays with one server
            ((pid, fsync),) = await connection.fetch(_FOUND)
        if config.durability == "synced" and fsync != "on":
            raise FailedPrecondition(FSYNC_OFF)
        if pid != connection.get_server_pid():  # a pooler has answered the handshake, with a number of its own
            return PooledSession(connection, config.schema_name, _begin(config))
        await connection.execute(_set(config))
    except BaseException:
        connection.terminate()
        raise
    return Session(connection, config.schema_name)


async def connect(config: PostgresConfig, credentials: PostgresCredentials, hosts: Hosts) -> asyncpg.Connection:
    """A connection to the primary, with the server's own settings; raises whatever the driver raises."""
    options = _options(config, credentials)

    async def one(address: Address) -> asyncpg.Connection:
        host, port = address
        connection: asyncpg.Connection = await asyncpg.connect(**options, host=host or None, port=port)
        return connection

    return await hosts.first(one)


async def failover_may_lose(session: Session, config: PostgresConfig) -> bool:
    """Whether there are hosts to fail over to, and nothing that makes their disks part of an acknowledgement."""
    if len(config.addresses) == 1 or config.durability != "synced":
        return False
    async with session.connection.transaction():
        return not await session.connection.fetchval("SELECT current_setting('synchronous_standby_names', true)")


def _options(config: PostgresConfig, credentials: PostgresCredentials) -> dict[str, Any]:
    if config.connection_string is None:
        target = {"database": config.database}
    else:
        target = {"dsn": config.connection_string.get_secret_value()}
    return {
        **target,
        "user": credentials.username,
        "password": credentials.password.get_secret_value() if credentials.password else None,
        "ssl": _tls(config),
        "timeout": config.connect_timeout,
        "command_timeout": config.statement_timeout + _TIMEOUT,
        "target_session_attrs": "primary",
        "server_settings": {"application_name": "prism"},  # poolers refuse, or drop, any other
        "statement_cache_size": 0,  # what is prepared is kept by `Session`
    }


def _set(config: PostgresConfig) -> str:
    """The settings of a session."""
    settings = {
        "search_path": f'"{config.schema_name}"',
        "default_transaction_isolation": "'read committed'",
        **_settings(config),
    }
    return ";".join([*(f"SET {name} = {value}" for name, value in settings.items()), *_synced(config, "false")])


def _begin(config: PostgresConfig) -> str:
    """The beginning of a transaction, with the same settings for it alone."""
    local = (f"SET LOCAL {name} = {value}" for name, value in _settings(config).items())
    return ";".join(["BEGIN ISOLATION LEVEL READ COMMITTED", *local, *_synced(config, "true")])


def _settings(config: PostgresConfig) -> dict[str, str]:
    return {
        "statement_timeout": _milliseconds(config.statement_timeout),
        "lock_timeout": _milliseconds(config.lock_timeout),
        **({"synchronous_commit": "off"} if config.durability == "store" else {}),
        **PLANS,
    }


def _synced(config: PostgresConfig, local: str) -> list[str]:
    return [SYNCED.format(local=local)] if config.durability == "synced" else []


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _tls(config: PostgresConfig) -> ssl.SSLContext | str | None:
    if config.sslmode in {None, "disable", "allow", "prefer"} and config.certificate is None:
        return config.sslmode
    context = client_context(config.ca, config.certificate, config.key)
    if config.sslmode != "verify-full":
        context.check_hostname = False
    if config.sslmode not in {"verify-ca", "verify-full"}:
        context.verify_mode = ssl.CERT_NONE
    return context
