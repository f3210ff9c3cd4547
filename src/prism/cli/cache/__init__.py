"""`prism cache`: a cache through a gateway."""

from prism.cli.cache.group import cache

__all__ = ["cache"]
