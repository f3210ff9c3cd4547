"""A command about the cache of one namespace."""

from prism.cli.gateway_command import GatewayCommand


class CacheCommand(GatewayCommand):
    """Runs an async callback with the namespace's Cache."""

    abstraction = "cache"
