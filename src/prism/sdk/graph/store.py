"""What a store does for Graph, each in one step; all else is done over it (`StoredGraph`)."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol, runtime_checkable

from prism.context import Context
from prism.errors import AlreadyExists, NodeNotFound, Outcome
from prism.interfaces.graph import Edge, Mode, Node
from prism.interfaces.value import Value
from prism.sdk.graph.edge_name import EdgeName

Properties = Mapping[str, Value]


class Place(NamedTuple):
    """Where the edges of a node are read from.

    Attributes:
        node: its id.
        label: only edges with it; empty for all.
        after: only edges behind the one of this label, other node and key; empty texts for all.
    """

    node: str
    label: str = ""
    after: tuple[str, str, str] = ("", "", "")


class Hop(NamedTuple):
    """An edge as it is walked along.

    Attributes:
        name: of the edge.
        properties: of the edge; none where they were not asked for.
    """

    name: EdgeName
    properties: Properties


class NodeChange(NamedTuple):
    """What UpdateNode asks for.

    Attributes:
        set: properties to set, none of them null.
        remove: properties to remove.
        add_labels: see the .proto.
        remove_labels: see the .proto.
    """

    set: Properties
    remove: Collection[str]
    add_labels: Collection[str]
    remove_labels: Collection[str]


class GraphReads(Protocol):
    """What is read of a graph. Every order is that of bytes."""

    async def nodes(self, context: Context, ids: Sequence[str]) -> Mapping[str, Node]:
        """Those that are there, of 1,000 at most; labels in order."""
        ...

    async def list_nodes(self, context: Context, label: str, after: str, limit: int) -> Sequence[Node]:
        """The first nodes behind an id, with a label where one is given, in order."""
        ...

    async def edges(self, context: Context, names: Sequence[EdgeName]) -> Mapping[EdgeName, Edge]:
        """Those that are there, of 1,000 at most."""
        ...

    async def adjacent(
        self, context: Context, places: Sequence[Place], *, incoming: bool, limit: int, whole: bool
    ) -> Sequence[Sequence[Hop]]:
        """For each place its first edges, `limit` at most, in order of label, other node and key.

        Args:
            context: of the call.
            places: 1,000 at most.
            incoming: edges that lead to the node, in place of those that lead from it.
            limit: for each place.
            whole: with their properties.
        """
        ...

    async def count(self, context: Context, place: Place, *, incoming: bool, loops: bool, at_most: int) -> int:
        """How many edges there are at a place, counted up to `at_most`.

        Args:
            context: of the call.
            place: without `after`.
            incoming: as `adjacent` has it.
            loops: those from the node to itself count.
            at_most: where counting ends.
        """
        ...


class GraphStore(GraphReads, Protocol):
    """A store of graphs. Each change is whole or not at all, and raises with its outcome."""

    async def create_nodes(self, context: Context, nodes: Sequence[Node], mode: Mode) -> int:
        """Makes, merges or replaces nodes of different ids; how many are new.

        Raises:
            AlreadyExists: see `already_exists`.
        """
        ...

    async def create_edges(self, context: Context, edges: Sequence[Edge], mode: Mode) -> int:
        """Makes, merges or replaces edges of different names; how many are new.

        Raises:
            AlreadyExists: see `already_exists`.
            NodeNotFound: see `missing_nodes`.
        """
        ...

    async def update_node(self, context: Context, node: str, change: NodeChange) -> Node | None:
        """Changes a node; as it is then, None where it is missing."""
        ...

    async def delete_node(self, context: Context, node: str, *, cascade: bool) -> tuple[bool, int]:
        """Removes a node; whether it was there, and how many edges went with it.

        Raises:
            NodeHasEdges: it has some, or more than `MAX_CASCADE` of them.
        """
        ...

    async def delete_edges(self, context: Context, names: Sequence[EdgeName]) -> int:
        """Removes edges; how many were there."""
        ...


@runtime_checkable
class Snapshots(Protocol):
    """The capability `snapshot`."""

    def snapshot(self, context: Context) -> AbstractAsyncContextManager[GraphReads]:
        """Reads of one instant."""
        ...


def already_exists(what: str, name: str) -> AlreadyExists:
    """The refusal of CREATE; `what` is a node or an edge."""
    return AlreadyExists(
        f"the {what} {name[:80]!r} exists already, so nothing was made; use the mode MERGE or REPLACE, or another id",
        metadata={"id": name},
        outcome=Outcome.NOT_APPLIED,
    )


def missing_nodes(ids: Collection[str]) -> NodeNotFound:
    """The refusal of edges whose nodes are missing, and of changes to one."""
    first = min(ids)
    others = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
    return NodeNotFound(
        f"the graph has no node {first[:80]!r}{others}, so nothing was written; make it with CreateNodes first",
        metadata={"id": first},
        outcome=Outcome.NOT_APPLIED,
    )
