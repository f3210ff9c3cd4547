"""Makes connections: to one server, to the primary that the sentinels name, or to a cluster.

The driver never sends a command twice by itself: only the layer above knows which of them may be.
"""

import ssl
from collections.abc import Callable
from typing import Any

from prism.backends.redis.config import RedisConfig, RedisCredentials
from prism.backends.redis.parsers import Parser, PushParser
from prism.errors import FailedPrecondition
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import AbstractConnection, Connection, ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

Connect = Callable[[], AbstractConnection]
"""Makes a connection that is not yet open."""


def connector(config: RedisConfig, credentials: RedisCredentials) -> tuple[Connect, Sentinel | None]:
    """How connections to the one server, or to the sentinels' primary, are made; with what knows the sentinels.

    Raises:
        FailedPrecondition: a file of the configuration is missing.
    """
    options: dict[str, Any] = {**_common(config, credentials), **_tls(config)}
    options |= {"db": config.database, "parser_class": Parser}
    if config.mode == "standalone":
        return lambda: _to(config.addresses[0], config, options), None
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # of the driver
        [_host_and_port(each) for each in config.addresses],
        sentinel_kwargs=_sentinel_options(config, credentials),
    )
    return _to_primary(sentinel, config, options), sentinel


def listener(
    config: RedisConfig, credentials: RedisCredentials, sentinel: Sentinel | None
) -> Callable[[str], AbstractConnection]:
    """How connections that listen are made: to a node, given its address, or to the only server there is.

    Raises:
        FailedPrecondition: a file of the configuration is missing.
    """
    options = {**_common(config, credentials), **_tls(config), "protocol": 3, "parser_class": PushParser}
    if sentinel is not None:
        to_primary = _to_primary(sentinel, config, options)
        return lambda _: to_primary()
    return lambda address: _to(address, config, options)


def _to(address: str, config: RedisConfig, options: dict[str, Any]) -> AbstractConnection:
    host, port = _host_and_port(address)
    kind = SSLConnection if config.tls else Connection
    return kind(host=host, port=port, **options)


def _to_primary(sentinel: Sentinel, config: RedisConfig, options: dict[str, Any]) -> Connect:
    pool: ConnectionPool = sentinel.master_for(str(config.sentinel_service), **_flag(config), **options).connection_pool
    return pool.make_connection


def cluster(config: RedisConfig, credentials: RedisCredentials) -> RedisCluster:
    """A client for a cluster; raises as `connector` does."""
    nodes = [ClusterNode(*_host_and_port(each)) for each in config.addresses]
    options = _common(config, credentials) | {"socket_timeout": config.command_timeout}
    return RedisCluster(
        startup_nodes=nodes,
        max_connections=config.pool_size,
        **_flag(config),
        **options,
        **_tls(config),
    )


def _common(config: RedisConfig, credentials: RedisCredentials) -> dict[str, Any]:
    return {
        "username": credentials.username,
        "password": credentials.password.get_secret_value() if credentials.password else None,
        "client_name": "prism",
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
        **_flag(config),
        **_tls(config),
    }


def _flag(config: RedisConfig) -> dict[str, Any]:
    return {"ssl": True} if config.tls else {}


def _tls(config: RedisConfig) -> dict[str, Any]:
    if not config.tls:
        return {}
    for field in ("ca", "certificate", "key"):
        path = getattr(config, field)
        if path is not None and not path.is_file():
            raise FailedPrecondition(f"{field}: there is no file {path}; correct the namespace's configuration")
    return {
        "ssl_ca_certs": str(config.ca) if config.ca else None,
        "ssl_certfile": str(config.certificate) if config.certificate else None,
        "ssl_keyfile": str(config.key) if config.key else None,
        "ssl_check_hostname": config.verify_hostname,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
    }


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
