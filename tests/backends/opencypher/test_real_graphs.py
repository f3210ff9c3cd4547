"""Ten questions about graphs of the world, asked through a client of Prism and of Neo4j itself."""

from typing import Any, NamedTuple

import pytest

from backends.opencypher.real_graphs import Things, air_routes, graphml, parts
from backends.opencypher.serving import asked, serving
from client.upstream import Upstream
from prism.backends.opencypher.testing import Neo4jServer
from prism.client import Client, EdgeCount, Graph, Step, field
from prism.plugins.discovery import discover
from prism.sdk import Binding


class Subject(NamedTuple):
    """What is asked about.

    Attributes:
        label: of nodes.
        name: a property of numbers.
        least: of that property.
        way: a label of edges.
        start: a node with edges from it.
        end: a node that may be reached from it.
    """

    label: str
    name: str
    least: int
    way: str
    start: str
    end: str


MODERN = Subject("person", "age", 30, "created", "4", "3")
GRATEFUL_DEAD = Subject("song", "performances", 300, "followedBy", "1", "100")
AIR_ROUTES = Subject("airport", "runways", 6, "route", "3", "200")
SAMPLE = 250
"""Nodes where not all is run."""


async def answers(graph: Graph, server: Neo4jServer, subject: Subject, space: str) -> list[tuple[Any, Any]]:
    """What Prism answers to each question, and what Neo4j does."""
    label, name, least, way, start, end = subject

    async def told(pattern: str, returned: str, **parameters: Any) -> list[Any]:
        text = f"MATCH {pattern} RETURN {returned}"
        rows, _ = await asked(server, text, ns=space, start=start, end=end, **parameters)
        return [row[0] if len(row) == 1 else tuple(row) for row in rows]

    async def reached(*steps: Step) -> list[Any]:
        found = graph.traverse(start, *steps, max_visited=1_000_000)
        return [(each.depth, each.node.id) async for each in found if each.node is not None]

    begin = "(a:_PrismNode {_ns: $ns, _id: $start})"
    here = "WHERE n._ns = $ns"
    paths = graph.traverse(start, Step(way), Step(way), returns="paths", max_visited=1_000_000)
    shortest = await graph.shortest_path(start, end, "out", way)
    (length,) = await told(
        f"{begin}, (b:_PrismNode {{_ns: $ns, _id: $end}}) OPTIONAL MATCH p = shortestPath((a)-[:{way}*..32]->(b))",
        "length(p)",
    )
    outgoing = await told(f"{begin}-[r]->()", "count(r)")
    return [
        ([each.id async for each in graph.list_nodes(page_size=1000)],
         await told(f"(n:_PrismNode) {here}", "n._id AS id ORDER BY n._ns, n._id")),
        ([each.id async for each in graph.list_nodes(label)],
         await told(f"(n:{label}) {here}", "n._id AS id ORDER BY id")),
        ([each.id async for each in graph.list_nodes(label, where=field(name).ge(least))],
         await told(f"(n:{label}) {here} AND n.{name} >= {least}", "n._id AS id ORDER BY id")),
        (await graph.count_edges(start, "out"), EdgeCount(outgoing[0], exact=True)),
        ([(each.to_id, each.key) async for each in graph.edges(start, "out", way)],
         [tuple(each) for each in sorted(await told(f"{begin}-[r:{way}]->(b)", "b._id, split(r._id, $end_of)[4]",
                                                    end_of="\x01\x01"))]),
        (await reached(Step(way)), await told(f"{begin}-[:{way}]->(b)", "DISTINCT 1, b._id AS id ORDER BY id")),
        (await reached(Step(way), Step(way)),
         await told(f"{begin}-[:{way}]->()-[:{way}]->(b)", "DISTINCT 2, b._id AS id ORDER BY id")),
        (await reached(Step(way, "in", most=2)),
         await told(f"{begin}<-[r:{way}*1..2]-(b)", "min(size(r)) AS depth, b._id AS id ORDER BY depth, id")),
        (len([each async for each in paths]),
         (await told(f"{begin}-[:{way}]->(b)-[:{way}]->(c)",
                     "sum(CASE WHEN a <> b AND b <> c AND a <> c THEN 1 ELSE 0 END)"))[0]),
        (None if shortest is None else len(shortest.edges), length),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["tinkerpop-modern", "grateful-dead", "air-routes"])
async def test_ten_questions(name: str, shared_server: Neo4jServer, *, whole: bool) -> None:
    """Each answer is what the store itself says."""
    nodes, edges = things(name)
    if not whole:
        nodes = nodes[:SAMPLE]
        known = {each.id for each in nodes}
        edges = [each for each in edges if {each.from_id, each.to_id} <= known][: 10 * SAMPLE]
    subject = {"tinkerpop-modern": MODERN, "grateful-dead": GRATEFUL_DEAD, "air-routes": AIR_ROUTES}[name]
    async with serving(shared_server, name) as backend:
        upstream = Upstream(Binding(backend.interfaces, discover().found["opencypher"].manifest.capabilities))
        await upstream.listen()
        try:
            async with Client(upstream.address, timeout=300) as client:
                graph = client.graph()
                for some in parts(nodes):
                    await graph.create_nodes(*some)
                for few in parts(edges):
                    await graph.create_edges(*few)
                found = await answers(graph, shared_server, subject, f"{name}default")
        finally:
            await upstream.close()
    assert len(found) == 10
    for number, (ours, theirs) in enumerate(found):
        assert ours == theirs, number
    assert sum(bool(ours) for ours, _ in found) > 5


def things(name: str) -> Things:
    """The nodes and edges of a graph."""
    return air_routes() if name == "air-routes" else graphml(name)
