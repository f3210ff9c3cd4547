"""What a graph has done, as metrics."""

from collections.abc import Mapping


class GraphMetrics:
    """Counts since the start."""

    def __init__(self) -> None:
        self._traversals = 0
        self._visited = 0

    def traversed(self, visited: int) -> None:
        """A traversal or a search for a path came to its end, having looked at so many edges."""
        self._traversals += 1
        self._visited += visited

    def read(self) -> Mapping[str, float]:
        """By their names."""
        return {"graph_traversals_total": self._traversals, "graph_edges_visited_total": self._visited}
