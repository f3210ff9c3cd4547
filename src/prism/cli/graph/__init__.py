"""`prism graph`: nodes, edges and ways along them, through a gateway."""

from prism.cli.graph.group import graph

__all__ = ["graph"]
