"""What a write makes of what was there: for stores that keep a node or an edge as one record."""

from collections.abc import Mapping

from prism.interfaces.graph import Edge, Mode, Node
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.graph.edge_name import EdgeName
from prism.sdk.graph.store import NodeChange

MERGE = Mode.GRAPH_MODE_MERGE


def kept(properties: Mapping[str, Value]) -> dict[str, Value]:
    """The properties that are not null."""
    return {name: value for name, value in properties.items() if kind_of(value) is not Kind.NULL}


def merged_node(before: Node | None, asked: Node, mode: Mode) -> Node:
    """The node that is kept."""
    if before is None or mode != MERGE:
        return Node(id=asked.id, labels=sorted(set(asked.labels)), properties=kept(asked.properties))
    properties = _merged(before.properties, asked.properties)
    return Node(id=asked.id, labels=sorted({*before.labels, *asked.labels}), properties=properties)


def merged_edge(before: Edge | None, asked: Edge, mode: Mode) -> Edge:
    """The edge that is kept."""
    properties = kept(asked.properties)
    if before is not None and mode == MERGE:
        properties = _merged(before.properties, asked.properties)
    return EdgeName.of(asked).edge(properties)


def changed(node: Node, change: NodeChange) -> Node:
    """The node after a change."""
    properties = {**node.properties, **change.set}
    for name in change.remove:
        properties.pop(name, None)
    labels = ({*node.labels} - {*change.remove_labels}) | {*change.add_labels}
    return Node(id=node.id, labels=sorted(labels), properties=properties)


def _merged(before: Mapping[str, Value], asked: Mapping[str, Value]) -> dict[str, Value]:
    after = {**before, **asked}
    return kept(after)
