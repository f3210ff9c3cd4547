"""Names as the server has them: of labels, types and properties, and the texts that edges are found and sorted by.

A node has the label `_PrismNode`, its own labels, `_ns` (its namespace) and `_id`. An edge is a relationship whose type
is its label, with `_id`, made of its namespace, the node that it leads from, its label, the node that it leads to and
its key, and `_in`, the same with the two nodes the other way round. So the edges from a node, or to it, are one stretch
of an index, in the order of answers.
"""

import re
from typing import Final

NODE: Final = "_PrismNode"
OWNER: Final = "_PrismOwner"
_RESERVED: Final = "_Prism"
_BACKSLASH: Final = "\\u005C"
"""How a statement has a backslash: the server reads escapes of this form anywhere, before all else, and once."""

_END: Final = "\x01\x01"
"""Ends a part of a text; within a part U+0001 is written as U+0001 U+0002, which sorts behind it."""
_BEYOND: Final = "\x01\x02"

_HIGH: Final = re.compile("[\ud7ff-\U0010ffff]")
_WRITTEN: Final = re.compile("\ud7ff(.)(.)", re.DOTALL)
_BASE: Final = 0x100
"""What is U+D7FF or above is written as U+D7FF and two others. Neo4j sorts by UTF-8 in an index and by UTF-16
elsewhere; below U+D7FF both are the order of code points."""


def quoted(name: str) -> str:
    """A label, type or name as a statement has it."""
    return "`" + name.replace("\\", _BACKSLASH).replace("`", "``") + "`"


def label_of(label: str) -> str:
    """The server's label for one of a node's."""
    return f"{_RESERVED}{label}" if label.startswith(_RESERVED) else label


def own_label(label: str) -> str | None:
    """The node's label that is kept so; None for the one that all have."""
    if label == NODE:
        return None
    return label.removeprefix(_RESERVED)


def property_of(name: str) -> str:
    """The server's property for one of a node's or an edge's."""
    return f"_{name}" if name.startswith("_") else name


def own_property(name: str) -> str | None:
    """The property that is kept so; None where it is one of Prism's."""
    if not name.startswith("_"):
        return name
    return name[1:] if name.startswith("__") else None


def sorted_text(*parts: str) -> str:
    """A text of several parts, which sorts as they do in turn, by code points."""
    return "".join(f"{_HIGH.sub(_written, part.replace(chr(1), _BEYOND))}{_END}" for part in parts)


def parted(text: str) -> list[str]:
    """The parts of such a text."""
    return [_WRITTEN.sub(_read, part).replace(_BEYOND, chr(1)) for part in _PARTS.findall(text)]


_PARTS: Final = re.compile("((?:[^\x01]|\x01\x02)*)\x01\x01", re.DOTALL)


def _written(high: re.Match[str]) -> str:
    upper, lower = divmod(ord(high[0]), 0x1000)
    return f"\ud7ff{chr(_BASE + upper)}{chr(_BASE + lower)}"


def _read(written: re.Match[str]) -> str:
    return chr((ord(written[1]) - _BASE) * 0x1000 + ord(written[2]) - _BASE)


def beyond(text: str) -> str:
    """The least text behind all that begin with this one, which ends with a part."""
    return f"{text.removesuffix(_END)}{_BEYOND}"
