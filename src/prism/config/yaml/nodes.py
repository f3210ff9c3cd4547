"""YAML text to nodes, and nodes to plain data.

Scalars are read by the core schema of YAML 1.2: only `true` and `false` are booleans, so a namespace may be called
`no`. Anchors, aliases and `<<` work. Errors never repeat a value: it may be a secret.
"""

import re
from typing import Any, ClassVar

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from prism.config.yaml.problem import ConfigInvalid, Problem, path

MAX_NODES = 1_000_000
MAX_DEPTH = 200

_TAG = "tag:yaml.org,2002:"
_TAG_STR = _TAG + "str"
_NO_TAGS = "tags are not understood here; quote the value if the ! belongs to it"
_BRACKET = re.compile(r"[\[\]{}]")
_INDENT = re.compile(rf"^[ ?-]{{{MAX_DEPTH * 2},}}", re.MULTILINE)
# Compiled where a file has one: that takes as long as all else here.
_CONTROL = r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


class _Loader(yaml.CSafeLoader):
    """Composes nodes; scalars resolve by YAML 1.2's core schema (section 10.3.2) and the merge key."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]  # PyYAML's way; its stubs differ


for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), list(_first))


def decode(content: bytes, name: str) -> str:
    """The text of a file.

    Raises:
        ConfigInvalid: it is not UTF-8, or nested so deep that it would harm the parser.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        message = "this is not UTF-8 text; save the file as UTF-8"
        raise ConfigInvalid([Problem(name, line, column, "", message)]) from None
    deepest = depth = 0
    for bracket in _BRACKET.finditer(text):
        depth = depth + 1 if bracket[0] in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    # The parser is recursive C code, which a deeper document would crash.
    if deepest > MAX_DEPTH or _INDENT.search(text):
        raise ConfigInvalid([Problem(name, 0, 0, "", f"the document is nested deeper than {MAX_DEPTH} levels")])
    return text


def compose(text: str, name: str) -> MappingNode:
    """The root of a document.

    Raises:
        ConfigInvalid: it is not YAML, or its root is not a mapping.
    """
    try:
        root = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise ConfigInvalid([Problem(name, line, column, "", _syntax(error, text, line))]) from None
    except yaml.reader.ReaderError:
        place = re.search(_CONTROL, text)
        before = text[: place.start()] if place else text
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = "a control character; YAML is text, write it as an escape in double quotes"
        raise ConfigInvalid([Problem(name, line, column, "", message)]) from None
    if root is None:
        allowed = "a mapping with the key 'namespaces'"
        raise ConfigInvalid([Problem(name, 0, 0, "", "the file is empty", "nothing", allowed)])
    if not isinstance(root, MappingNode):
        line, column = root.start_mark.line + 1, root.start_mark.column + 1
        allowed = "a mapping: 'namespaces', and sections such as 'gateway' beside it"
        message = "the document is not a mapping"
        raise ConfigInvalid([Problem(name, line, column, "", message, kind(root), allowed)])
    return root


_ADVICE = {
    "did not find expected key": "check the indentation here and above: the keys of one mapping begin in one column",
    "did not find expected '-' indicator": "check the indentation: the entries of one list begin in one column",
    "did not find expected ',' or '}'": "end the mapping with '}', or put a value that holds commas in quotes",
    "did not find expected ',' or ']'": "end the list with ']', or put a value that holds commas in quotes",
    "found unexpected end of stream": "a quote is not closed: end the text with the quote that it began with",
}
"""What helps, by what the parser says."""


def _syntax(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    said = error.problem or "this is not YAML"
    lines = text.splitlines()
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    if "undefined alias" in said:  # its name is not repeated: it may be a password that begins with an asterisk
        return "an alias of an anchor that is nowhere above; quote the value if the * belongs to it"
    if "tab" in said or "\t" in here[: len(here) - len(here.lstrip())]:
        return "a tab indents this line; YAML wants spaces"
    if "another document" in said:
        return "a second document begins here; a configuration is one document"
    if "cannot start any token" in said:
        return "this character cannot begin a value; put the value in quotes"
    if "mapping values are not allowed" in said:
        return "a ':' where no key is expected; check the indentation, or put the value in quotes"
    if "${" in here or "{{" in here:
        return f"not YAML: {said}; put text that contains ${{...}} or {{{{ ... }}}} in quotes"
    advice = _ADVICE.get(said, "")
    while_ = f"{error.context}, " if error.context else ""
    return f"not YAML: {while_}{said}{'; ' * bool(advice)}{advice}"


def kind(node: Node) -> str:
    """What a node is, without its value."""
    if isinstance(node, MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, SequenceNode) else "a single value"


class Reader:
    """Makes plain data of nodes; what `<<` merges is put into the nodes, so that places are found there."""

    def __init__(self, name: str) -> None:
        self.problems: list[Problem] = []
        self._name = name
        self._loc: list[str | int] = []
        self._open: set[int] = set()
        self._nodes = 0

    def mapping(self, node: MappingNode) -> dict[str, Any]:
        """The data of a mapping; what cannot be read of it is among the problems."""
        self._merge(node)
        data: dict[str, Any] = {}
        for key, value in node.value:
            if key.__class__ is ScalarNode:
                data[key.value] = self._value(key.value, value)
            elif isinstance(key, MappingNode) and key.flow_style:
                self._complain(key, 'quote a reference: "{{ secret:NAME }}"')
            else:
                self._complain(key, f"a key is text, not {kind(key)}")
        return data

    def _value(self, step: str | int, node: Node) -> Any:
        self._nodes += 1
        if node.__class__ is ScalarNode and node.tag == _TAG_STR:
            return node.value
        self._loc.append(step)
        value = self._scalar(node) if node.__class__ is ScalarNode else self._container(node)
        self._loc.pop()
        return value

    def _container(self, node: Node) -> Any:
        if self._nodes > MAX_NODES:
            if self._nodes < 2 * MAX_NODES:
                self._complain(node, f"aliases expand the document to more than {MAX_NODES:,} values")
                self._nodes = 2 * MAX_NODES
            return None
        if id(node) in self._open:
            self._complain(node, "this value contains itself through an alias")
            return None
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            self._complain(node, _NO_TAGS)
        self._open.add(id(node))
        if isinstance(node, MappingNode):
            value: Any = self.mapping(node)
        else:
            value = [self._value(index, each) for index, each in enumerate(node.value)]
        self._open.discard(id(node))
        return value

    def _scalar(self, node: Node) -> Any:
        text: str = node.value
        try:
            match node.tag.removeprefix(_TAG):
                case "null":
                    return None
                case "bool":
                    return text[:1] in "tT"
                case "int":
                    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
                case "float":
                    return float(text.replace(".inf", "inf").replace(".nan", "nan") if text[-1:].isalpha() else text)
                case "merge":
                    return text
            self._complain(node, _NO_TAGS)
        except ValueError:
            self._complain(node, "this number cannot be read; quote it if it is text")
        return None

    def _merge(self, node: MappingNode) -> None:
        """Puts what `<<` names before the mapping's own entries, which win; complains of keys that come twice."""
        own: list[tuple[Node, Node]] = []
        merged: list[tuple[Node, Node]] = []
        seen: dict[str, Node] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                merged = [*self._entries(value), *merged]
                continue
            if key.__class__ is ScalarNode:
                first = seen.setdefault(key.value, key)
                if first is not key:
                    where = f"it is first on line {first.start_mark.line + 1}"
                    self._complain(key, f"the key {key.value!r} comes twice; {where}")
            own.append((key, value))
        if merged:
            node.value = [*(each for each in merged if each[0].value not in seen), *own]

    def _entries(self, node: Node) -> list[tuple[Node, Node]]:
        sources = node.value if isinstance(node, SequenceNode) else [node]
        entries: dict[str, tuple[Node, Node]] = {}
        for source in reversed(sources):  # the first one named wins
            if not isinstance(source, MappingNode) or id(source) in self._open:
                self._complain(node, f"<< takes the alias of a mapping, or a list of them, not {kind(source)}")
                continue
            self._open.add(id(source))
            self._merge(source)
            self._open.discard(id(source))
            entries |= {key.value: (key, value) for key, value in source.value if key.__class__ is ScalarNode}
        return list(entries.values())

    def _complain(self, node: Node, message: str) -> None:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self.problems.append(Problem(self._name, line, column, path(tuple(self._loc)), message))
