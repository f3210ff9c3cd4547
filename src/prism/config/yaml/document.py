"""A YAML document that knows the place of everything in it, so that an error can say file, line, column and path."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node, SequenceNode

from prism.config.yaml import nodes
from prism.config.yaml.problem import ConfigInvalid, Loc, Problem, path

MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Document:
    """A document as plain data, with the places of its values.

    Attributes:
        name: the file as it was named; empty where there is none.
        data: the document.
        problems: keys that come twice and the like; `data` holds what could be read in spite of them.
    """

    name: str
    data: Mapping[str, Any] = field(repr=False)
    problems: tuple[Problem, ...] = ()
    _root: Node | None = field(default=None, repr=False)

    def problem(
        self, loc: Loc, message: str, *, found: str = "", allowed: str = "", nearest: str = "", key: bool = False
    ) -> Problem:
        """A problem with the value at `loc`, or with its key; where nothing is there, with what should hold it."""
        line, column = self._position(loc, key)
        return Problem(self.name, line, column, path(loc), message, found, allowed, nearest)

    def _position(self, loc: Loc, key: bool) -> tuple[int, int]:
        node = place = self._root
        for step in loc:
            entry = _entry(node, step)
            if entry is None:
                break
            place, node = (entry[0] if key else entry[1]), entry[1]
        return (place.start_mark.line + 1, place.start_mark.column + 1) if place is not None else (0, 0)

    def line(self, loc: Loc) -> int:
        """The line of the value at `loc`, from 1; 0 where there is no file."""
        return self._position(loc, False)[0]


def read(file: Path) -> Document:
    """Reads a YAML file.

    Raises:
        ConfigInvalid: it cannot be read, or is not a YAML mapping.
    """
    name = str(file)
    try:
        if file.is_dir():
            raise ConfigInvalid([Problem(name, 0, 0, "", "this is a directory; name the file in it")])
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigInvalid([Problem(name, 0, 0, "", "there is no such file; check its name")]) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigInvalid([Problem(name, 0, 0, "", f"the file cannot be read: {reason}")]) from error
    if len(content) > MAX_BYTES:
        raise ConfigInvalid([Problem(name, 0, 0, "", f"the file is larger than {MAX_BYTES >> 20} MiB")])
    return parse(content, name)


def parse(content: bytes, name: str) -> Document:
    """Reads YAML text.

    Raises:
        ConfigInvalid: it is not UTF-8, not YAML, or no mapping: nothing can be read of it.
    """
    root = nodes.compose(nodes.decode(content, name), name)
    reader = nodes.Reader(name)
    data = reader.mapping(root)
    return Document(name, data, tuple(reader.problems), root)


def _entry(node: Node | None, step: str | int) -> tuple[Node, Node] | None:
    if isinstance(node, SequenceNode):
        known = isinstance(step, int) and step < len(node.value)
        return (node.value[step], node.value[step]) if known else None
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in reversed(node.value) if key.value == step), None)
    return None
