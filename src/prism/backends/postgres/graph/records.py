"""Nodes and edges as PostgreSQL has them: bytes, and an object of properties in the canonical text of their values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prism.interfaces.graph import Node
from prism.interfaces.value import Value, ValueMap
from prism.sdk.values.text import from_text, to_text

_BEFORE, _AFTER = '{"map":', "}"


def written(properties: Mapping[str, Value]) -> str:
    """Properties as an object of JSON."""
    if not properties:
        return "{}"
    return to_text(Value(map=ValueMap(entries=properties)))[len(_BEFORE) : -len(_AFTER)]


def read(properties: str | None) -> Mapping[str, Value]:
    """Properties of such an object."""
    if properties is None or properties == "{}":
        return {}
    return from_text(f"{_BEFORE}{properties}{_AFTER}").map.entries


def node_of(row: Iterable[Any]) -> Node:
    """The node of a row."""
    id_, labels, properties = row
    return Node(id=id_.decode(), labels=[each.decode() for each in labels], properties=read(properties))


def columns(names: Iterable[Sequence[str]], count: int) -> list[list[bytes]]:
    """Texts as columns of bytes, so many of each row."""
    found: list[list[bytes]] = [[] for _ in range(count)]
    for name in names:
        for column, text in zip(found, name, strict=True):
            column.append(text.encode())
    return found
