"""TLS to Redis: the driver's own trusts the system's authorities beside the one configured, and has no server name."""

import ssl
from collections.abc import Mapping
from typing import Any

from prism.backends.redis.config import RedisConfig
from prism.errors import FailedPrecondition
from redis.asyncio.connection import SSLConnection


def encrypted(config: RedisConfig) -> type[SSLConnection]:
    """The kind of connection for a configuration with TLS; its files are read anew by each connection.

    Raises:
        FailedPrecondition: a file of the configuration is missing.
    """
    for field in ("ca", "certificate", "key"):
        path = getattr(config, field)
        if path is not None and not path.is_file():
            raise FailedPrecondition(f"{field}: there is no file {path}; correct the namespace's configuration")

    class Encrypted(SSLConnection):
        """A connection with that configuration."""

        def _connection_arguments(self) -> Mapping[str, Any]:
            arguments: Mapping[str, Any] = super()._connection_arguments()
            return {**arguments, "ssl": _context(config), "server_hostname": config.tls_server_name or self.host}

    return Encrypted


def _context(config: RedisConfig) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=config.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = config.verify_hostname
    if config.certificate is not None:
        context.load_cert_chain(config.certificate, config.key)
    return context
