"""Nodes and edges as the server has them. Neptune keeps no bytes: they are texts here, with a mark in front."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

from gremlin_python.process.traversal import T
from gremlin_python.statics import long

from prism.backends.gremlin.graph import names
from prism.backends.gremlin.messages import Millis
from prism.errors import Outcome, Unimplemented
from prism.interfaces.capabilities import undeclared
from prism.interfaces.graph import Node
from prism.interfaces.value import Kind, OtherValue, Value, kind_of

_MARK: Final = "\x01"
_BYTES: Final = "\x01b"
_TEXT: Final = "\x01s"
"""In front of a text that begins with the mark itself."""
_MILLISECOND: Final = 1000
_INT64: Final = 1 << 63


def stored(value: Value) -> Any:
    """A value as the server keeps it; of the kinds that the manifest declares."""
    match kind_of(value):
        case Kind.BOOL:
            return value.bool
        case Kind.INT64:
            return long(value.int64)
        case Kind.DOUBLE:
            return value.double
        case Kind.BYTES:
            return _BYTES + b64encode(value.bytes).decode()
        case Kind.TIMESTAMP:
            return Millis(value.timestamp // _MILLISECOND)
        case Kind.STRING:
            return f"{_TEXT}{value.string}" if value.string.startswith(_MARK) else value.string
    raise TypeError(f"{kind_of(value)} is not declared, and was let through")


def value_of(found: Any) -> Value:
    """The value that the server keeps; what other tools have written may be of any type."""
    match found:
        case bool():
            return Value(bool=found)
        case Millis():
            return Value(timestamp=found * _MILLISECOND)
        case int() if -_INT64 <= found < _INT64:
            return Value(int64=found)
        case float():
            return Value(double=found)
        case str():
            if found.startswith(_BYTES):
                return Value(bytes=b64decode(found[len(_BYTES) :]))
            return Value(string=found.removeprefix(_TEXT))
    return Value(other=OtherValue(type=type(found).__name__, text=str(found)))


def node_of(record: Mapping[Any, Any]) -> Node:
    """The node of an element map."""
    node = Node(id=names.node_of(record[T.id]))
    for name, found in record.items():
        if name == names.LABEL:
            node.labels.append(found)
        elif isinstance(name, str) and name != names.NAMESPACE:
            node.properties[names.property_of(name)].CopyFrom(value_of(found))
    return node


def properties_of(record: Mapping[str, Any]) -> dict[str, Value]:
    """The properties of the map of an edge's values."""
    return {names.property_of(name): value_of(found) for name, found in record.items()}


def one_label(node: Node) -> Node:
    """The node, where it has no more labels than it may.

    Raises:
        Unimplemented: it has more.
    """
    if len(node.labels) > 1:
        raise too_many_labels(node.id)
    return node


def too_many_labels(node: str) -> Unimplemented:
    """Says of which node."""
    refusal = undeclared("multi_label", f"the node {node[:80]!r}, which would have another label besides,")
    refusal.outcome = Outcome.NOT_APPLIED
    return refusal
