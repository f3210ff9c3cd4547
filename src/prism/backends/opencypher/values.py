"""Properties as the server has them: scalars, and lists of one kind of them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from neo4j.graph import Node, Path, Relationship
from neo4j.spatial import Point
from neo4j.time import Date, DateTime, Duration, Time

from prism.backends.opencypher.names import NODE, own_label, own_property, parted, property_of
from prism.interfaces.value import Kind, OtherValue, Value, ValueList, ValueMap, kind_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)
_PARTS: Final = 5
"""Of an edge's name."""


def written(properties: Mapping[str, Value]) -> dict[str, Any]:
    """Properties as parameters; a null is None, which removes."""
    return {property_of(name): plain(value) for name, value in properties.items()}


def read(properties: Mapping[str, Any]) -> dict[str, Value]:
    """Properties of a node or a relationship, without Prism's own."""
    found = {}
    for name, given in properties.items():
        own = own_property(name)
        if own is not None:
            found[own] = value_of(given)
    return found


def plain(value: Value) -> Any:
    """A value as the driver takes it."""
    kind = kind_of(value)
    match kind:
        case Kind.NULL:
            return None
        case Kind.TIMESTAMP:
            return _EPOCH + timedelta(microseconds=value.timestamp)
        case Kind.LIST:
            return [plain(each) for each in value.list.values]
        case Kind.MAP:
            return {name: plain(each) for name, each in value.map.entries.items()}
        case Kind.OTHER | Kind.DECIMAL:
            raise TypeError(f"a value of kind {kind} reached the store")  # they are not declared
        case _:
            return getattr(value, kind)


def value_of(given: Any) -> Value:
    """What the driver gave; what Prism has no kind for in the server's own text."""
    match given:
        case None:
            return Value(null="NULL_VALUE")
        case bool():
            return Value(bool=given)
        case int():
            return Value(int64=given)
        case float():
            return Value(double=given)
        case str():
            return Value(string=given)
        case bytes() | bytearray():
            return Value(bytes=bytes(given))
        case list():
            return Value(list=ValueList(values=map(value_of, given)))
        case dict():
            return _map(given)
        case Node():
            return _map(_node(given))
        case Relationship():
            return _map(_edge(given))
        case Path():
            return _map({"nodes": list(given.nodes), "edges": list(given.relationships)})
        case DateTime():
            return _instant(given)
    return Value(other=_other(given))


def _node(given: Node) -> dict[str, Any]:
    """A node as the graph has it, or one that others made, without its id."""
    if NODE not in given.labels or not isinstance(given.get("_id"), str):
        return {"labels": sorted(given.labels), "properties": dict(given)}
    labels = sorted(label for each in given.labels if (label := own_label(each)) is not None)
    return {"id": given["_id"], "labels": labels, "properties": _own(given)}


def _edge(given: Relationship) -> dict[str, Any]:
    parts = _parts(given.get("_id"))
    if len(parts) != _PARTS:
        return {"label": given.type, "properties": dict(given)}
    _, from_id, label, to_id, key = parts
    return {"from_id": from_id, "label": label, "to_id": to_id, "key": key, "properties": _own(given)}


def _parts(given: Any) -> list[str]:
    """The parts of an edge's name; none where others made it."""
    try:
        parts = parted(given) if isinstance(given, str) else []
        "".join(parts).encode()
    except ValueError:
        return []
    return parts


def _own(given: Node | Relationship) -> dict[str, Any]:
    return {own: each for name, each in given.items() if (own := own_property(name)) is not None}


def _map(entries: Mapping[str, Any]) -> Value:
    return Value(map=ValueMap(entries={name: value_of(each) for name, each in entries.items()}))


def _instant(given: DateTime) -> Value:
    if given.tzinfo is None:
        return Value(other=OtherValue(type="timestamp", text=given.iso_format().replace("T", " ")))
    if given.nanosecond % 1000:
        return Value(other=OtherValue(type="timestamptz", text=given.iso_format()))
    return Value(timestamp=(given.to_native() - _EPOCH) // _MICRO)


def _other(given: Any) -> OtherValue:
    match given:
        case Date():
            return OtherValue(type="date", text=given.iso_format())
        case Time():
            return OtherValue(type="time" if given.tzinfo is None else "timetz", text=given.iso_format())
        case Duration():
            return OtherValue(type="interval", text=given.iso_format())
        case Point():
            return OtherValue(type="point", text=str(given))
    return OtherValue(type=type(given).__name__, text=str(given))
