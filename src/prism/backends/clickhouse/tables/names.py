"""The names of ClickHouse's types: `Map(String, Array(Nullable(Int64)))` as a tree."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as ClickHouse writes it.

    Attributes:
        text: all of it.
        name: before the parenthesis.
        arguments: within it, each as it stands there.
    """

    text: str
    name: str
    arguments: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> "TypeName":
        """The type that a text names."""
        text = text.strip()
        name, parenthesis, rest = text.partition("(")
        return cls(text, name, tuple(_arguments(rest[:-1])) if parenthesis else ())


def _arguments(text: str) -> list[str]:
    """What commas part, outside parentheses and quotes."""
    found: list[str] = []
    depth = begin = place = 0
    while place < len(text):
        match text[place]:
            case "'" | "`" | '"' as quote:
                place += 1
                while place < len(text) and text[place] != quote:
                    place += 2 if text[place] == "\\" else 1
            case "(":
                depth += 1
            case ")":
                depth -= 1
            case "," if not depth:
                found.append(text[begin:place].strip())
                begin = place + 1
        place += 1
    rest = text[begin:].strip()
    return [*found, rest] if rest else found


def element_of(argument: str) -> tuple[str, str]:
    """The name and the type of an element of a Tuple; the name is empty where it has none."""
    if argument[:1] in {"`", '"'}:
        quote, place = argument[0], 1
        while argument[place] != quote:
            place += 2 if argument[place] == "\\" else 1
        return argument[1:place], argument[place + 1 :].strip()
    first, space, rest = argument.partition(" ")
    return (first, rest.strip()) if space and "(" not in first and "'" not in first else ("", argument)
