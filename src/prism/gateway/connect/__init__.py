"""HTTP/JSON: the Connect protocol."""

from prism.gateway.connect.connect import Connect
from prism.gateway.connect.cors import Cors

__all__ = ["Connect", "Cors"]
