"""The dependencies of Debian's packages: ten questions through a client, and of the file itself by SQL."""

import re
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from client.upstream import Upstream
from prism.backends.sqlite.testing import TemporaryStore
from prism.client import Client, Edge, EdgeCount, Graph, Node, Step, field
from prism.plugins.discovery import discover
from prism.sdk import Binding

pytestmark = pytest.mark.slow
T = TypeVar("T")
RELATIONS = {"Depends": "depends", "Pre-Depends": "depends", "Recommends": "recommends"}
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
SAMPLE = 3000
"""Packages where not all is run."""


def packages() -> list[dict[str, str]]:
    """Debian's packages, as the machine knows them."""
    if shutil.which("apt-cache") is None:
        pytest.skip("not here: apt-cache")
    listed = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout.decode()
    found: dict[str, dict[str, str]] = {}
    for paragraph in listed.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if "Package" in fields:
            found.setdefault(fields["Package"], fields)
    if len(found) < SAMPLE:
        pytest.skip("not here: apt-cache knows few packages; apt-get update fetches their lists")
    return [found[name] for name in sorted(found)]


def parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many as a request takes."""
    for begin in range(0, len(values), 1000):
        yield values[begin : begin + 1000]


def related(known: Sequence[dict[str, str]]) -> list[Edge]:
    """What each package names, where that is a package."""
    names = {each["Package"] for each in known}
    found: dict[str, Edge] = {}
    for each in known:
        for relation, label in RELATIONS.items():
            for other in re.split(r"[,|]", each.get(relation, "")):
                named = _NAME.match(other.strip())
                if named and named[0] in names:
                    edge = Edge(each["Package"], label, named[0])
                    found[edge.id] = edge
    return list(found.values())


@pytest.fixture
async def place() -> AsyncIterator[tuple[Graph, Path]]:
    """A graph in a file, through a server, and the file."""
    store = TemporaryStore()
    await store.start()
    backend = await store.backend()
    upstream = Upstream(Binding(backend.interfaces, discover().found["sqlite"].manifest.capabilities))
    await upstream.listen()
    async with Client(upstream.address, timeout=60) as prism:
        yield prism.graph(), Path(str(store.config["path"]))
    await upstream.close()
    await store.stop()


WALK = """
WITH RECURSIVE walk (id, depth) AS (
    SELECT ?1, 0 UNION
    SELECT {there}, depth + 1 FROM walk JOIN graph_edge ON {here} = walk.id AND label = 'depends' WHERE depth < ?2
)
SELECT min(depth), id FROM walk WHERE depth > 0 GROUP BY id ORDER BY 1, 2
"""
FORTH = WALK.format(there="to_id", here="from_id")
BACK = WALK.format(there="from_id", here="to_id")


async def test_dependencies_of_debian(place: tuple[Graph, Path], *, whole: bool) -> None:
    """Through a client and by SQL the answers are equal: nodes, degrees, closures, paths."""
    graph, path = place
    known = packages()
    if not whole:
        known = known[:: max(1, len(known) // SAMPLE)]
        known += [each for each in packages() if each["Package"] in {"python3", "libc6", "bash", "gcc"}]
        known = list({each["Package"]: each for each in known}.values())
    nodes = [
        Node(each["Package"], (each.get("Section", "none"),), {"size": int(each.get("Installed-Size", "0"))})
        for each in known
    ]
    edges = related(known)
    for some in parts(nodes):
        assert await graph.create_nodes(*some) == len(some)
    for few in parts(edges):
        assert await graph.create_edges(*few) == len(few)
    with closing(sqlite3.connect(path)) as file:

        def asked(sql: str, *values: Any) -> list[Any]:
            return file.execute(sql, values).fetchall()

        async def reached(start: str, *steps: Step) -> list[Any]:
            found = graph.traverse(start, *steps, max_visited=1_000_000)
            return [(each.depth, each.node.id) async for each in found if each.node is not None]

        assert asked("SELECT count(*) FROM graph_node") == [(len(nodes),)]
        assert asked("SELECT count(*) FROM graph_edge") == [(len(edges),)]
        listed = [each.id async for each in graph.list_nodes("python", page_size=1000)]
        assert listed == [row[0] for row in asked("SELECT id FROM graph_label WHERE label = 'python' ORDER BY id")]
        large = [each.id async for each in graph.list_nodes(where=field("size").gt(500_000), page_size=1000)]
        assert large == sorted(each.id for each in nodes if int(str(each.properties["size"])) > 500_000)
        (count,) = asked("SELECT count(*) FROM graph_edge WHERE to_id = 'libc6'")[0]
        assert await graph.count_edges("libc6", "in") == EdgeCount(count, exact=True)
        ends = asked("SELECT to_id FROM graph_edge WHERE from_id = 'gcc' AND label = 'depends' ORDER BY to_id")
        assert [(each.to_id,) async for each in graph.edges("gcc", "out", "depends")] == ends
        assert await reached("python3", Step("depends")) == asked(FORTH, "python3", 1)
        assert await reached("python3", Step("depends", most=2)) == asked(FORTH, "python3", 2)
        assert await reached("python3", Step("depends", most=12)) == asked(FORTH, "python3", 12)
        assert await reached("bash", Step("depends", "in", most=3)) == asked(BACK, "bash", 3)
        depth = {each: number for number, each in asked(FORTH, "gcc", 12)}.get("libc6")
        way = await graph.shortest_path("gcc", "libc6", "out", "depends")
        assert (None if way is None else len(way.edges)) == depth
        assert way is not None or not whole
