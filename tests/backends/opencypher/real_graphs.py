"""Graphs of the world: TinkerPop's `modern` and `grateful-dead`, and the air routes, from the packages that carry them.

`dev/setup test` fetches gremlin-test of Apache TinkerPop (Maven) and graph-notebook of AWS (PyPI), both Apache-2.0.
"""

import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from missing import missing
from prism.cli.graph.formats import read_graphml
from prism.client import Edge, Node

FOLDER = Path(sys.executable).parent.parent / "graphs"
_GRAPHML = "org/apache/tinkerpop/gremlin/structure/io/graphml/{}.xml"
_AIRPORTS = "graph_notebook/seed/queries/propertygraph/gremlin/airports/{}.txt"
_VALUE = r'"(?:\\.|[^"\\])*"|[-0-9.]+[dfl]?|true|false'
_MADE = re.compile(rf'add([VE])\("(\w+)"\)((?:\.(?:from|to)\(V\("[^"]+"\)\)|\.property\([^,]+,(?:{_VALUE})\))*)')
_END = re.compile(r'\.(from|to)\(V\("([^"]+)"\)\)')
_PROPERTY = re.compile(rf'\.property\("?([^",]+)"?,({_VALUE})\)')

Things = tuple[list[Node], list[Edge]]


def graphml(name: str) -> Things:
    """The nodes and edges of one of TinkerPop's graphs; of edges of the same ends and label the id is the key."""
    with _archive("gremlin-test-*.jar") as archive, archive.open(_GRAPHML.format(name)) as file:
        things = [*read_graphml(file)]
    nodes = [each for each in things if isinstance(each, Node)]
    return nodes, [each for each in things if isinstance(each, Edge)]


def air_routes() -> Things:
    """Airports, countries and continents, and the ways between them."""
    nodes, edges = [], []
    with _archive("graph_notebook-*.whl") as archive:
        for part in ("0_nodes", "1_edges_part_1", "2_edges_part_2"):
            for kind, label, rest in _MADE.findall(archive.read(_AIRPORTS.format(part)).decode()):
                properties: dict[str, Any] = {name: _plain(value) for name, value in _PROPERTY.findall(rest)}
                own = str(properties.pop("id"))
                if kind == "V":
                    nodes.append(Node(own, (label,), properties))
                else:
                    ends = dict(_END.findall(rest))
                    edges.append(Edge(ends["from"], label, ends["to"], own, properties))
    return nodes, edges


def parts(values: list[Any], size: int = 1000) -> Iterator[list[Any]]:
    """As many as a request takes."""
    for begin in range(0, len(values), size):
        yield values[begin : begin + size]


def _archive(pattern: str) -> zipfile.ZipFile:
    found: list[Path] = sorted(FOLDER.glob(pattern)) if FOLDER.is_dir() else []
    if not found:
        missing(f"graphs of the world are not here: `dev/setup test` fetches {pattern} where Maven and PyPI are")
    return zipfile.ZipFile(found[0])


def _plain(text: str) -> Any:
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if text in {"true", "false"}:
        return text == "true"
    return float(text.rstrip("df")) if "." in text or text[-1] in "df" else int(text.rstrip("l"))
