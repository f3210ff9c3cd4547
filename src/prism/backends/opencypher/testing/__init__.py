"""Neo4j for tests: the server, and one as the acceptance kit wants it."""

from prism.backends.opencypher.testing.backend import Neo4jTestBackend
from prism.backends.opencypher.testing.server import Neo4jServer, ServerMissing

__all__ = ["Neo4jServer", "Neo4jTestBackend", "ServerMissing"]
