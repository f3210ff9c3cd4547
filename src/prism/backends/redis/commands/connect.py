"""Makes connections: to one server, to the primary that the sentinels name, or to a cluster.

The driver never repeats a command: only the layer above knows which of them may be.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis._parsers import AsyncCommandsParser
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import AbstractConnection, Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelManagedConnection
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from prism.backends.redis.commands.durability import synced
from prism.backends.redis.commands.parsers import Parser, PushParser
from prism.backends.redis.commands.primary import Sentinels
from prism.backends.redis.config import RedisConfig, RedisCredentials
from prism.backends.redis.tls import encrypted

Connect = Callable[[], AbstractConnection]
"""Makes a connection that is not yet open."""


def connector(config: RedisConfig, credentials: RedisCredentials) -> tuple[Connect, Sentinels | None]:
    """How connections to the one server, or to the sentinels' primary, are made; with what knows the sentinels.

    Raises:
        FailedPrecondition: a file of the configuration is missing.
    """
    options = {**_common(config, credentials), "db": config.database, "parser_class": Parser}
    kind = _kind_for_writes(config)
    if config.mode == "standalone":
        return lambda: _to(config.addresses[0], kind, options), None
    sentinel = Sentinels(  # type: ignore[no-untyped-call]  # of the driver
        [_host_and_port(each) for each in config.addresses],
        sentinel_kwargs=_sentinel_options(config, credentials),
    )
    for each in sentinel.sentinels:
        each.connection_pool.connection_class = _kind(config)
    return _to_primary(sentinel, config, kind, options), sentinel


def listener(
    config: RedisConfig, credentials: RedisCredentials, sentinel: Sentinels | None
) -> Callable[[str], AbstractConnection]:
    """How connections that listen are made: to a node, given its address, or to the only server there is.

    Raises:
        FailedPrecondition: a file of the configuration is missing.
    """
    options = {**_common(config, credentials), "protocol": 3, "parser_class": PushParser}
    kind = _kind(config)
    if sentinel is not None:
        to_primary = _to_primary(sentinel, config, kind, options)
        return lambda _: to_primary()
    return lambda address: _to(address, kind, options)


def node_connector(config: RedisConfig, credentials: RedisCredentials) -> Callable[[str], AbstractConnection]:
    """How connections to the nodes of a cluster are made, given their addresses; raises as `connector` does."""
    options = {**_common(config, credentials), "parser_class": Parser}
    kind = _kind_for_writes(config)
    return lambda address: _to(address, kind, options)


def _to(address: str, kind: type[Connection], options: dict[str, Any]) -> AbstractConnection:
    host, port = _host_and_port(address)
    return kind(host=host, port=port, **options)


def _to_primary(sentinel: Sentinels, config: RedisConfig, kind: type[Connection], options: dict[str, Any]) -> Connect:
    class ToPrimary(SentinelManagedConnection, kind):  # type: ignore[misc, valid-type]  # whichever it is
        """A connection that asks the sentinels where it goes."""

        # The other one's takes READONLY for a loss, and so for a write that may have been applied.
        read_response = kind.read_response  # type: ignore[assignment]  # they differ in a default

    service = str(config.sentinel_service)
    pool: ConnectionPool = sentinel.master_for(service, connection_class=ToPrimary, **options).connection_pool
    return pool.make_connection


def cluster(config: RedisConfig, credentials: RedisCredentials) -> RedisCluster:
    """What knows the nodes of a cluster, and asks no more of them than that; raises as `connector` does."""
    nodes = [ClusterNode(*_host_and_port(each)) for each in config.addresses]
    options = _common(config, credentials) | {"socket_timeout": config.command_timeout}
    client = RedisCluster(startup_nodes=nodes, max_connections=config.pool_size, **options)
    client.commands_parser = _NoCommandsParser()
    kind = client.connection_kwargs["connection_class"] = _kind(config)
    for node in client.startup_nodes:
        node.connection_class = kind
    return client


def _common(config: RedisConfig, credentials: RedisCredentials) -> dict[str, Any]:
    return {
        "username": credentials.username,
        "password": credentials.password.get_secret_value() if credentials.password else None,
        "socket_connect_timeout": config.connect_timeout,
        "socket_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }


def _sentinel_options(config: RedisConfig, credentials: RedisCredentials) -> dict[str, Any]:
    secret = credentials.sentinel_password
    return {
        "username": credentials.sentinel_username,
        "password": secret.get_secret_value() if secret else None,
        "socket_connect_timeout": config.connect_timeout,
        "socket_timeout": config.connect_timeout,
        "retry": Retry(NoBackoff(), 0),
    }


class _NoCommandsParser(AsyncCommandsParser):
    """Asks no server for its table of commands (COMMAND): no command is sent by the driver's client but CLUSTER."""

    async def initialize(self, node: Any = None) -> None:
        """Does nothing."""


def _kind(config: RedisConfig) -> type[Connection]:
    kind: type[Connection] = encrypted(config) if config.tls else Connection

    class Named(kind):  # type: ignore[misc, valid-type]  # whichever it is
        """A connection that says whose it is, to a server that wants to hear it; the driver insists."""

        async def on_connect_check_health(self, check_health: bool = True) -> None:
            await super().on_connect_check_health(check_health=check_health)
            await self.send_command("CLIENT", "SETNAME", "prism", check_health=False)
            with suppress(ResponseError):
                await self.read_response()

    return Named


def _kind_for_writes(config: RedisConfig) -> type[Connection]:
    return synced(_kind(config)) if config.durability == "synced" else _kind(config)


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
