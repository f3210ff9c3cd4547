"""What names an edge: its ends, its label and its key, and the id that is made of the four."""

from collections.abc import Mapping
from typing import NamedTuple, Self
from urllib.parse import unquote

from prism.errors import InvalidArgument, Violation
from prism.interfaces.graph import Edge
from prism.interfaces.value import Value


class EdgeName(NamedTuple):
    """The name of an edge. Names compare by the four in turn, by code points, which is the order of their bytes."""

    from_id: str
    label: str
    to_id: str
    key: str

    @classmethod
    def of(cls, edge: Edge) -> Self:
        """The name of an edge of a request."""
        return cls(edge.from_id, edge.label, edge.to_id, edge.key)

    @classmethod
    def parse(cls, text: str, field: str) -> Self:
        """The name that an id was made of.

        Raises:
            InvalidArgument: it is not an id of an edge.
        """
        parts = [unquote(part, errors="surrogateescape") for part in text.split("/")]
        if len(parts) == 4:
            name = cls(*parts)
            if all(parts[:3]) and name.id == text:
                return name
        violation = Violation(field, repr(text[:80]), "an id of an edge is from_id/label/to_id/key, as answers give it")
        raise InvalidArgument(str(violation), violations=[violation])

    @property
    def id(self) -> str:
        """The id of the edge."""
        return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in self)

    def edge(self, properties: Mapping[str, Value] | None = None) -> Edge:
        """The edge, with these properties."""
        from_id, label, to_id, key = self
        return Edge(from_id=from_id, label=label, to_id=to_id, key=key, id=self.id, properties=properties)
