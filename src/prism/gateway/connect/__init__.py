"""HTTP: the Connect protocol, which is HTTP/JSON, and gRPC-Web."""

from prism.gateway.connect.connect import Connect
from prism.gateway.connect.cors import Cors

__all__ = ["Connect", "Cors"]
