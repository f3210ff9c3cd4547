"""PostgreSQL's text of arrays, read and written: `{1,NULL,"a b"}`, and `[0:1]={a,b}` where they do not begin at 1.

Source: PostgreSQL's documentation, "Arrays", 8.15.6 "Array Input and Output Syntax".
"""

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

Nested: TypeAlias = str | list["Nested"] | None
"""An element's text, NULL, or the elements of one more dimension."""

_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL: Final = re.compile(r'(["\\])')


class OwnBounds(ValueError):
    """The array's first element has another number than 1, which a list cannot say."""


def read(text: str, delimiter: str = ",") -> list[Nested]:
    """The elements of an array.

    Raises:
        OwnBounds: it does not begin at 1.
        ValueError: it is not an array's text.
    """
    if text.startswith("["):
        raise OwnBounds(text)
    if not text.startswith("{"):
        raise ValueError(f"{text[:40]!r} is not an array's text")
    outermost: list[Nested] = []
    open_lists: list[list[Nested]] = []
    place = 0
    while place < len(text):
        character = text[place]
        if character == "{":
            inner = outermost if not open_lists else []
            if open_lists:
                open_lists[-1].append(inner)
            open_lists.append(inner)
            place += 1
        elif character == "}":
            open_lists.pop()
            place += 1
            if not open_lists:
                return outermost
        elif character == delimiter:
            place += 1
        else:
            element, place = _element(text, place, delimiter)
            open_lists[-1].append(element)
    raise ValueError(f"{text[:40]!r} has no end")


def _element(text: str, place: int, delimiter: str) -> tuple[str | None, int]:
    if text[place] == '"':
        found = _QUOTED.match(text, place)
        if found is None:
            raise ValueError(f"{text[:40]!r} has an element without an end")
        return _ESCAPED.sub(r"\1", found[1]), found.end()
    end = place
    while end < len(text) and text[end] != delimiter and text[end] != "}":
        end += 1
    plain = text[place:end]
    return (None if plain == "NULL" else plain), end


def write(elements: Sequence[Nested], delimiter: str = ",") -> str:
    """The text of an array; every element is quoted, so that none can be taken for something else."""
    return "{" + delimiter.join(_written(each, delimiter) for each in elements) + "}"


def _written(element: Nested, delimiter: str) -> str:
    match element:
        case None:
            return "NULL"
        case list():
            return write(element, delimiter)
    return '"' + _SPECIAL.sub(r"\\\1", element) + '"'
