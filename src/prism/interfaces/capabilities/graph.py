"""What a backend's Graph can do."""

from typing import Literal

from prism.interfaces.capabilities.base import Capabilities
from prism.interfaces.capabilities.value_kinds import ValueKind


class GraphCapabilities(Capabilities):
    """What a backend's Graph can do.

    Attributes:
        value_kinds: kinds of values that properties may have, and what numbers among them.
        edge_integrity: an edge has both its nodes at every moment where it is `enforced`.
        multi_label: a node may have more than one label.
        indexed_adjacency: a page of the edges of a node costs what is on it, not what the node has.
        snapshot: a traversal may read all its levels as they were at one instant.
        query: the language of statements, which a namespace's configuration lets in.
    """

    value_kinds: tuple[ValueKind, ...] = ()
    edge_integrity: Literal["best_effort", "enforced"] = "best_effort"
    multi_label: bool = False
    indexed_adjacency: bool = False
    snapshot: bool = False
    query: Literal["none", "opencypher", "gremlin"] = "none"
