"""Graph for plugins: filters, pages and traversals, over what a store does in one step (`GraphStore`)."""

from prism.sdk.graph.edge_name import EdgeName
from prism.sdk.graph.merging import changed, kept, merged_edge, merged_node
from prism.sdk.graph.queries import Access, Answer, QueriedGraph, QueryStore, Statement
from prism.sdk.graph.store import (
    GraphReads,
    GraphStore,
    Hop,
    NodeChange,
    Place,
    Snapshots,
    already_exists,
    missing_nodes,
)
from prism.sdk.graph.stored_graph import StoredGraph

__all__ = [
    "Access",
    "Answer",
    "EdgeName",
    "GraphReads",
    "GraphStore",
    "Hop",
    "NodeChange",
    "Place",
    "QueriedGraph",
    "QueryStore",
    "Snapshots",
    "Statement",
    "StoredGraph",
    "already_exists",
    "changed",
    "kept",
    "merged_edge",
    "merged_node",
    "missing_nodes",
]
