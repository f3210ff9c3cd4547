"""Gremlin Server for tests: the server, and one as the acceptance kit wants it."""

from prism.backends.gremlin.testing.backend import GremlinTestBackend
from prism.backends.gremlin.testing.server import GremlinServer, ServerMissing

__all__ = ["GremlinServer", "GremlinTestBackend", "ServerMissing"]
