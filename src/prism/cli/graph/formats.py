"""Files of graphs: GraphML (graphml.graphdrawing.org) and JSON Lines in and out, DOT (graphviz.org) out.

GraphML is read as it comes, without a tree in memory. A document type is refused, and with it every entity. Labels are
in the data `labelV` and `labelE`, as Apache TinkerPop has them; an edge without one has the label `edge`.
"""

import json
from collections.abc import Callable, Iterator
from typing import IO, Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from google.protobuf.json_format import MessageToDict, Parse, ParseError

from prism.client.graph import Edge, Node
from prism.client.graph.records import from_edge, from_node, to_edge, to_node
from prism.interfaces import graph as messages

Thing = Node | Edge

_READ: Final[dict[str, Callable[[str], Any]]] = {
    "boolean": lambda text: text.strip().lower() == "true",
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "string": str,
}
_WRITTEN: Final = {bool: "boolean", int: "long", float: "double", str: "string"}
_CHUNK: Final = 1 << 16


class BadGraph(ValueError):
    """A file is not what it should be; the message says where."""


def read_graphml(file: IO[bytes]) -> Iterator[Thing]:
    """The nodes and edges of a file, in its order.

    Raises:
        BadGraph: it is not well-formed, has a document type, or a value that is not of its kind.
    """
    reader = _GraphML()
    while chunk := file.read(_CHUNK):
        yield from reader.feed(chunk)
    yield from reader.feed(b"", last=True)


class _GraphML:
    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._keys: dict[str, tuple[str, str]] = {}
        self._found: list[Thing] = []
        self._thing: dict[str, str] | None = None
        self._data: dict[str, Any] = {}
        self._key = ""
        self._parts: list[str] | None = None

    def feed(self, chunk: bytes, *, last: bool = False) -> list[Thing]:
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            raise BadGraph(f"this is not GraphML: {error}") from error
        found, self._found = self._found, []
        return found

    def _refuse(self, *_: object) -> None:
        raise BadGraph(f"line {self._line}: a document type is not read; take the <!DOCTYPE> out of the file")

    @property
    def _line(self) -> int:
        return self._parser.CurrentLineNumber

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(" ")[2]:
            case "key":
                kind = attributes.get("attr.type", "string")
                if kind not in _READ:
                    raise BadGraph(f"line {self._line}: {kind!r} is not a type of GraphML")
                if "id" not in attributes:
                    raise BadGraph(f"line {self._line}: id is missing")
                self._keys[attributes["id"]] = attributes.get("attr.name", attributes["id"]), kind
            case "default":
                raise BadGraph(
                    f"line {self._line}: a default of a key is not read; write the data of each node and edge"
                )
            case "node" | "edge" if self._thing is not None:
                raise BadGraph(f"line {self._line}: a graph within a node is not read; take it out")
            case "node" | "edge":
                self._thing, self._data = attributes, {}
            case "data" if self._thing is not None:  # what a graph has is not kept
                self._key, self._parts = attributes.get("key", ""), []

    def _text(self, text: str) -> None:
        if self._parts is not None:
            self._parts.append(text)

    def _end(self, name: str) -> None:
        match name.rpartition(" ")[2]:
            case "data" if self._parts is not None:
                named, kind = self._keys.get(self._key, (self._key, "string"))
                text, self._parts = "".join(self._parts), None
                try:
                    self._data[named] = _READ[kind](text)
                except ValueError as error:
                    raise BadGraph(f"line {self._line}: {named} is {text[:40]!r}, which is not a {kind}") from error
            case "node":
                labels = tuple(filter(None, str(self._data.pop("labelV", "")).split("::")))
                self._found.append(Node(self._required("id"), labels, self._data))
                self._thing = None
            case "edge":
                label = str(self._data.pop("labelE", "")) or "edge"
                ends = self._required("source"), self._required("target")
                key = (self._thing or {}).get("id", "")
                self._found.append(Edge(ends[0], label, ends[1], key, self._data))
                self._thing = None

    def _required(self, name: str) -> str:
        found = (self._thing or {}).get(name)
        if found is None:
            raise BadGraph(f"line {self._line}: {name} is missing")
        return found


def read_lines(file: IO[bytes]) -> Iterator[Thing]:
    """The nodes and edges of JSON Lines: `{"node": {..}}` or `{"edge": {..}}`, as HTTP has them.

    Raises:
        BadGraph: a line is neither.
    """
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            ((kind, held),) = json.loads(line).items()
            if kind == "node":
                yield from_node(Parse(json.dumps(held), messages.Node()))
            elif kind == "edge":
                yield from_edge(Parse(json.dumps(held), messages.Edge()))
            else:
                raise ValueError(f"{kind!r} is neither node nor edge")
        except (ValueError, AttributeError, ParseError) as error:
            raise BadGraph(f"line {number}: {error}") from error


def line_of(thing: Thing) -> str:
    """A line of JSON Lines; nothing is lost in it."""
    if isinstance(thing, Node):
        return json.dumps({"node": MessageToDict(to_node(thing))}, ensure_ascii=False)
    return json.dumps({"edge": MessageToDict(to_edge(thing))}, ensure_ascii=False)


def dot_of(thing: Thing) -> str:
    """A line of DOT, with the labels of a node beneath its id."""
    if isinstance(thing, Node):
        shown = "\n".join((thing.id, *thing.labels))
        return f"  {_dot(thing.id)} [label={_dot(shown)}];"
    return f"  {_dot(thing.from_id)} -> {_dot(thing.to_id)} [label={_dot(thing.label)}];"


def _dot(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


class GraphMLWriter:
    """GraphML of booleans, integers, doubles and texts; keys are declared before what has them."""

    HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    TAIL: Final = "  </graph>\n</graphml>"

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], str] = {}

    def learn(self, thing: Thing) -> None:
        """Notes what the properties of a thing are.

        Raises:
            BadGraph: GraphML has no such values.
        """
        of = "node" if isinstance(thing, Node) else "edge"
        for name, value in thing.properties.items():
            kind = _WRITTEN.get(type(value))
            if kind is None or self._kinds.setdefault((of, name), kind) != kind:
                raise BadGraph(f"{name} of {thing.id} is not of one kind that GraphML has: export JSON Lines")

    def keys(self) -> str:
        """The declarations."""
        lines = [
            '  <key id="labelV" for="node" attr.name="labelV" attr.type="string"/>',
            '  <key id="labelE" for="edge" attr.name="labelE" attr.type="string"/>',
        ]
        for (of, name), kind in self._kinds.items():
            key = quoteattr(f"{of}:{name}")
            lines.append(f'  <key id={key} for="{of}" attr.name={quoteattr(name)} attr.type="{kind}"/>')
        return "\n".join([*lines, '  <graph edgedefault="directed">'])

    def element(self, thing: Thing) -> str:
        """A node or an edge."""
        if isinstance(thing, Node):
            of, label, labels = "node", "labelV", "::".join(thing.labels)
            ends = f"id={quoteattr(thing.id)}"
        else:
            of, label, labels = "edge", "labelE", thing.label
            ends = f"source={quoteattr(thing.from_id)} target={quoteattr(thing.to_id)}"
            ends += f" id={quoteattr(thing.key)}" if thing.key else ""
        data = [f'<data key="{label}">{escape(labels)}</data>'] if labels else []
        for name, value in thing.properties.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            data.append(f"<data key={quoteattr(f'{of}:{name}')}>{escape(text)}</data>")
        return f"    <{of} {ends}>{''.join(data)}</{of}>"
