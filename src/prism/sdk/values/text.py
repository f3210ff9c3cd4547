"""A value as one canonical text: two values have the same text exactly if they are the same, kind by kind.

For lists, maps and a store's own types, where a store keeps them in a column of text and compares them there. The text
is JSON with its names sorted and its numbers in quotes, so that no reader of JSON changes them.
"""

import base64
import json
from typing import Any

from prism.interfaces.value import Kind, OtherValue, Value, ValueList, ValueMap, kind_of


def to_text(value: Value) -> str:
    """The text of a value that has no violation."""
    return json.dumps(_tree(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def from_text(text: str) -> Value:
    """The value of a text that `to_text` made."""
    return _value(json.loads(text))


def _tree(value: Value) -> dict[str, Any]:
    kind = kind_of(value)
    match kind:
        case Kind.NULL:
            return {kind: None}
        case Kind.BOOL | Kind.DECIMAL | Kind.STRING:
            return {kind: getattr(value, kind)}
        case Kind.DOUBLE:
            return {kind: "NaN" if value.double != value.double else repr(value.double)}
        case Kind.INT64 | Kind.TIMESTAMP:
            return {kind: str(getattr(value, kind))}
        case Kind.BYTES:
            return {kind: base64.b64encode(value.bytes).decode()}
        case Kind.LIST:
            return {kind: [_tree(each) for each in value.list.values]}
        case Kind.MAP:
            return {kind: {name: _tree(each) for name, each in value.map.entries.items()}}
        case Kind.OTHER:
            return {kind: {"type": value.other.type, "text": value.other.text}}


def _value(tree: dict[str, Any]) -> Value:
    ((kind, held),) = tree.items()
    match Kind(kind):
        case Kind.NULL:
            return Value(null="NULL_VALUE")
        case Kind.BOOL:
            return Value(bool=held)
        case Kind.INT64:
            return Value(int64=int(held))
        case Kind.DOUBLE:
            return Value(double=float(held))
        case Kind.DECIMAL:
            return Value(decimal=held)
        case Kind.STRING:
            return Value(string=held)
        case Kind.BYTES:
            return Value(bytes=base64.b64decode(held))
        case Kind.TIMESTAMP:
            return Value(timestamp=int(held))
        case Kind.LIST:
            return Value(list=ValueList(values=[_value(each) for each in held]))
        case Kind.MAP:
            return Value(map=ValueMap(entries={name: _value(each) for name, each in held.items()}))
        case Kind.OTHER:
            return Value(other=OtherValue(**held))
