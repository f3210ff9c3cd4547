"""Graph for applications: nodes, edges between them, and ways along the edges."""

from prism.client.graph.graph import Graph
from prism.client.graph.records import Direction, Edge, EdgeCount, GraphPath, Mode, Node, Reached, Step

__all__ = ["Direction", "Edge", "EdgeCount", "Graph", "GraphPath", "Mode", "Node", "Reached", "Step"]
