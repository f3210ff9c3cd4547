"""Nodes, edges and steps as an application has them, and the messages that they are made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from prism.client.values import Plain, from_value, to_value
from prism.interfaces import graph as messages
from prism.interfaces.filter import Filter
from prism.interfaces.value import Value

T = TypeVar("T")

Mode = Literal["create", "merge", "replace"]
Direction = Literal["out", "in", "both"]


@dataclass(frozen=True, slots=True)
class Node:
    """A node.

    Attributes:
        id: its id.
        labels: in byte order in answers.
        properties: by name; None is none, and removes where a node is merged.
    """

    id: str
    labels: tuple[str, ...] = ()
    properties: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge.

    Attributes:
        from_id: the node that it leads from.
        label: its label.
        to_id: the node that it leads to.
        key: tells edges of the same ends and label apart.
        properties: as those of a node.
    """

    from_id: str
    label: str
    to_id: str
    key: str = ""
    properties: Mapping[str, Plain] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What names it, as the gateway gives it."""
        parts = (self.from_id, self.label, self.to_id, self.key)
        return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


@dataclass(frozen=True, slots=True)
class GraphPath:
    """A path.

    Attributes:
        nodes: the ids of its nodes.
        edges: its edges, one fewer, without their properties.
    """

    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Reached:
    """What a traversal has come to; one of `node`, `edge` and `path` is set.

    Attributes:
        depth: how many edges that takes.
        node: where nodes are asked for.
        edge: where edges are.
        path: where paths are.
    """

    depth: int
    node: Node | None = None
    edge: Edge | None = None
    path: GraphPath | None = None


@dataclass(frozen=True, slots=True)
class EdgeCount:
    """How many edges a node has.

    Attributes:
        edges: so many were counted.
        exact: there are no more.
    """

    edges: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a traversal: along one edge, `least` to `most` times.

    Attributes:
        labels: along edges with one of these labels; along all where there are none.
        direction: which edges of a node.
        least: how many times at least; with 0 the step may be left out.
        most: how many times at most, to 32; None for `least`, and 1 at least.
        edges: only along edges of whose properties it is true; see `prism.client.field`.
        nodes: only to nodes of whose properties it is true.
    """

    labels: tuple[str, ...] | str = ()
    direction: Direction = "out"
    least: int = 1
    most: int | None = None
    edges: Filter | None = None
    nodes: Filter | None = None


def to_node(node: Node) -> messages.Node:
    """The message of a node."""
    return messages.Node(id=node.id, labels=node.labels, properties=to_properties(node.properties))


def from_node(node: messages.Node) -> Node:
    """The node of a message."""
    return Node(node.id, tuple(node.labels), _plain(node.properties))


def to_edge(edge: Edge) -> messages.Edge:
    """The message of an edge."""
    return messages.Edge(
        from_id=edge.from_id, label=edge.label, to_id=edge.to_id, key=edge.key,
        properties=to_properties(edge.properties),
    )  # fmt: skip


def from_edge(edge: messages.Edge) -> Edge:
    """The edge of a message."""
    return Edge(edge.from_id, edge.label, edge.to_id, edge.key, _plain(edge.properties))


def from_path(path: messages.Path) -> GraphPath:
    """The path of a message."""
    return GraphPath(tuple(path.nodes), tuple(map(from_edge, path.edges)))


def to_step(step: Step) -> messages.Step:
    """The message of a step."""
    return messages.Step(
        direction=direction_of(step.direction),
        labels=to_labels(step.labels),
        min=step.least,
        max=step.most,
        edge_filter=step.edges,
        node_filter=step.nodes,
    )


def to_labels(labels: Iterable[str] | str) -> list[str]:
    """One label or several."""
    return [labels] if isinstance(labels, str) else list(labels)


def to_properties(properties: Mapping[str, Plain]) -> dict[str, Value]:
    """Properties as values."""
    return {name: to_value(each) for name, each in properties.items()}


def _plain(properties: Mapping[str, Value]) -> dict[str, Plain]:
    return {name: from_value(each) for name, each in properties.items()}


_DIRECTIONS: Final = {
    "out": messages.Direction.GRAPH_DIRECTION_OUT,
    "in": messages.Direction.GRAPH_DIRECTION_IN,
    "both": messages.Direction.GRAPH_DIRECTION_BOTH,
}
_MODES: Final = {
    "create": messages.Mode.GRAPH_MODE_CREATE,
    "merge": messages.Mode.GRAPH_MODE_MERGE,
    "replace": messages.Mode.GRAPH_MODE_REPLACE,
}


def direction_of(direction: Direction) -> messages.Direction:
    """A direction by its name."""
    return _named(_DIRECTIONS, direction, "direction")


def mode_of(mode: Mode) -> messages.Mode:
    """A mode by its name."""
    return _named(_MODES, mode, "mode")


def _named(known: Mapping[str, T], name: str, what: str) -> T:
    found = known.get(name)
    if found is None:
        raise ValueError(f"{what} is {name!r}; give one of {', '.join(known)}")
    return found
