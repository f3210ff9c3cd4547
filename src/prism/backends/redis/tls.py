"""TLS to Redis: the driver's own trusts the system's authorities beside the one configured, and has no server name."""

import ssl
from collections.abc import Mapping
from typing import Any

from redis.asyncio.connection import SSLConnection

from prism.backends.redis.config import RedisConfig
from prism.sdk.tls import client_context


def encrypted(config: RedisConfig) -> type[SSLConnection]:
    """The kind of connection for a configuration with TLS; its files are read anew by each connection.

    Raises:
        FailedPrecondition: a file of the configuration is missing, or none of its kind.
    """
    _context(config)

    class Encrypted(SSLConnection):
        """A connection with that configuration."""

        def _connection_arguments(self) -> Mapping[str, Any]:
            arguments: Mapping[str, Any] = super()._connection_arguments()
            return {**arguments, "ssl": _context(config), "server_hostname": config.tls_server_name or self.host}

    return Encrypted


def _context(config: RedisConfig) -> ssl.SSLContext:
    context = client_context(config.ca, config.certificate, config.key)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = config.verify_hostname
    return context
