"""What a backend's Cache can do."""

from prism.interfaces.capabilities.base import Capabilities


class CacheCapabilities(Capabilities):
    """What a backend's Cache can do.

    Attributes:
        ttl: entries may expire.
    """

    ttl: bool = False
