"""Names as the server has them: ids of vertices and edges, labels of edges, keys of properties.

The server compares texts by UTF-16 or by whatever it keeps; Prism's order is that of bytes. So a character behind
U+DFFF is written in another way (`ordered`), by which every comparison gives the order of bytes; texts without such
characters stay as they are. An id begins with the namespace, so that namespaces share a server's graph.
"""

import re
from typing import Final
from urllib.parse import unquote

from prism.sdk.graph import EdgeName

NAMESPACE: Final = "%namespace"
LABEL: Final = "%label"
"""Properties of our own; a `%` in the name of any other one is written otherwise."""

_FIRST: Final = "\ue000"
_HIGH: Final = "\ue001"
_ORDERED: Final = re.compile("\ue000(.)|\ue001(..)", re.DOTALL)
_TILDE: Final = "}\ue002"
"""In the place of a `~` at the beginning, which TinkerPop keeps for itself: it comes behind all that begin with `}`."""


def ordered(text: str) -> str:
    """The text in characters below U+E002 alone, in the same order."""
    if text.isascii() or max(text) < _FIRST:
        return text
    return "".join(map(_written, text))


def _written(each: str) -> str:
    if each < _FIRST:
        return each
    code = ord(each) - 0x10000
    return _FIRST + each if code < 0 else f"{_HIGH}{chr(0x100 + (code >> 10))}{chr(0x100 + (code & 0x3FF))}"


def original(text: str) -> str:
    """The text that `ordered` was given."""
    return text if text.isascii() else _ORDERED.sub(_read, text)


def _read(found: re.Match[str]) -> str:
    high = found[2]
    return found[1] if high is None else chr(0x10000 + ((ord(high[0]) - 0x100) << 10) + ord(high[1]) - 0x100)


def vertex(namespace: str, node: str) -> str:
    """The id of a vertex."""
    return f"{_part(namespace)}/{ordered(node)}"


def node_of(vertex: str) -> str:
    """The node of the id of a vertex."""
    return original(vertex.partition("/")[2])


def edge(namespace: str, name: EdgeName) -> str:
    """The id of an edge. The key comes last and in order, so that ids of edges that differ in it alone are in order."""
    return "/".join((*map(_part, (namespace, *name[:3])), ordered(name.key)))


def name_of(edge: str) -> EdgeName:
    """The name of the id of an edge."""
    _, from_id, label, to_id, key = edge.split("/", 4)
    return EdgeName(unquote(from_id), unquote(label), unquote(to_id), original(key))


def label(text: str) -> str:
    """The label of an edge."""
    text = ordered(text)
    return _TILDE + text[1:] if text.startswith("~") else text


def vertex_label(labels: list[str]) -> str:
    """What TinkerPop calls a vertex that is made with these labels: for other tools, as it cannot be changed. Neptune
    takes `::` for several labels."""
    text = labels[0].replace("::", ":").lstrip("~") if labels else ""
    return text or "vertex"


def key(name: str) -> str:
    """The key of a property."""
    name = name.replace("%", "%25")
    return f"%7E{name[1:]}" if name.startswith("~") else name


def property_of(key: str) -> str:
    """The name of a property."""
    return unquote(key) if "%" in key else key


def _part(text: str) -> str:
    return text.replace("%", "%25").replace("/", "%2F")
