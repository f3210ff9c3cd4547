"""How long a server's connections may live: the one setting of theirs that may change while they are open."""

from dataclasses import dataclass

from prism.wire.config import ServerConfig


@dataclass(slots=True)
class Lifetime:
    """Of all connections of one server.

    Attributes:
        max_age: seconds after which a connection is drained, give or take a tenth; None for never.
        grace: seconds that its calls may go on then, as with one that was idle for too long.
    """

    max_age: float | None
    grace: float

    @classmethod
    def of(cls, config: ServerConfig) -> "Lifetime":
        """As a server begins with."""
        return cls(config.max_connection_age, config.drain_timeout)
