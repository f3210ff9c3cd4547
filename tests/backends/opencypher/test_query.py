"""Statements of callers on a real Neo4j: what they may do, what they may not, and whose the graph is."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from backends.opencypher.serving import FOR_EVER, asked, running, serving, until
from cli.command import prism
from client.upstream import Upstream
from prism.backends.opencypher.config import OpenCypherConfig
from prism.backends.opencypher.guard import Guard
from prism.backends.opencypher.link import Link
from prism.backends.opencypher.testing import Neo4jServer
from prism.client import (
    Client,
    DeadlineExceeded,
    Edge,
    FailedPrecondition,
    Graph,
    InvalidArgument,
    LimitExceeded,
    Node,
    Unimplemented,
)
from prism.context import Context
from prism.errors import Outcome, PrismError, TransferIdle
from prism.interfaces import graph as g
from prism.plugins.discovery import discover
from prism.sdk import Binding, Deadline
from prism.sdk.graph.queries import QueriedGraph
from sdk.graph.test_random_graphs import graph_of

NAMESPACE = "default"
ADA = Node("ada", ("person",), {"born": 1815, "_x": True, "at": datetime(1833, 6, 5, tzinfo=UTC)})

MAY_NOT = [
    "CALL dbms.killConnection('x')",
    "CALL db.labels() YIELD label RETURN label",
    "MATCH (n) CALL db.labels() YIELD label RETURN label",
    "RETURN CASE WHEN true THEN COUNT { CALL db.labels() YIELD label RETURN label } ELSE 0 END AS n",
    "RETURN CASE WHEN true THEN COUNT { call/**/`db`.`labels`() YIELD label RETURN label } ELSE 0 END AS n",
    "\\u0043ALL db.labels()",
    "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
    "CALL { LOAD CSV FROM 'http://127.0.0.1/' AS line RETURN line } RETURN line",
    "SHOW TRANSACTIONS",
    "TERMINATE TRANSACTION 'neo4j-transaction-1'",
    "SHOW SETTINGS",
    "CREATE USER eve SET PASSWORD 'secret'",
    "ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'b'",
    "CREATE INDEX FOR (n:x) ON (n.p)",
    "DROP CONSTRAINT x IF EXISTS",
    "EXPLAIN PROFILE CALL db.labels()",
    "PROFILE CALL db.labels()",
    "RETURN 1; CALL db.labels()",
    "USE neo4j MATCH (n) RETURN n",
    "RETURN 1 AS n UNION use(neo4j) RETURN 1 AS n",
    "RETURN $",
]


@pytest.fixture
async def own(shared_server: Neo4jServer) -> AsyncIterator[Neo4jServer]:
    """The server without any nodes, that is no namespace's."""
    await _empty(shared_server)
    yield shared_server
    await _empty(shared_server)


async def _empty(server: Neo4jServer) -> None:
    await asked(server, "MATCH (n) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS")


async def reached(server: Neo4jServer, **config: Any) -> AsyncIterator[Upstream]:
    """A server of Prism's whose namespace is that database."""
    async with serving(server, "", **config) as backend:
        await backend.attach(NAMESPACE)
        upstream = Upstream(Binding(backend.interfaces, discover().found["opencypher"].manifest.capabilities))
        await upstream.listen()
        try:
            yield upstream
        finally:
            await upstream.close()


@pytest.fixture
async def upstream(own: Neo4jServer) -> AsyncIterator[Upstream]:
    """One that lets statements in that read and write."""
    async for each in reached(own, query="write"):
        yield each


@pytest.fixture
async def graph(upstream: Upstream) -> AsyncIterator[Graph]:
    """The graph of its namespace, with two nodes and an edge."""
    async with Client(upstream.address, timeout=60) as client:
        graph = client.graph()
        await graph.create_nodes(ADA, Node("bob", ("person",)))
        await graph.create_edges(Edge("ada", "knows", "bob", properties={"since": 1833}))
        yield graph


async def rows(graph: Graph, text: str, params: Any = None, **options: Any) -> list[Any]:
    """The rows of a statement."""
    return [tuple(each) async for each in graph.query(text, params, **options)]


async def test_rows(graph: Graph) -> None:
    """CONTRACT, Graph 11: values, nodes, edges and paths, with parameters that are bound."""
    assert await rows(graph, "UNWIND $all AS n RETURN n, n * 2 AS twice", {"all": [1, 2]}) == [(1, 2), (2, 4)]
    node = {"id": "ada", "labels": ["person"], "properties": ADA.properties}
    edge = {"from_id": "ada", "label": "knows", "to_id": "bob", "key": "", "properties": {"since": 1833}}
    ((first, between),) = await rows(graph, "MATCH (n:person)-[r:knows]->() RETURN n, r")
    assert (first, between) == (node, edge)
    ((path,),) = await rows(graph, "MATCH p = (:person)-[:knows]->() RETURN p")
    assert ([each["id"] for each in path["nodes"]], path["edges"]) == (["ada", "bob"], [edge])
    named = [row["name"] async for row in graph.query("MATCH (n:person) RETURN n._id AS name ORDER BY name")]
    assert named == ["ada", "bob"]
    injected = "x'}) DETACH DELETE n //"
    assert await rows(graph, "MATCH (n {_id: $id}) RETURN n", {"id": injected}) == []
    assert await rows(graph, "CALL { RETURN $text AS text } RETURN text", {"text": "call me"}) == [("call me",)]
    assert await rows(graph, "UNWIND range(1, 5000) AS n RETURN n", max_rows=3) == [(1,), (2,), (3,)]
    assert len(await rows(graph, "UNWIND range(1, 5000) AS n RETURN n")) == 5000


async def test_what_reads_does_not_write(graph: Graph) -> None:
    """CONTRACT, Graph 11: the server refuses it; what writes is committed, or says that it was not applied."""
    for text in ("CREATE (n:x) RETURN n", "MATCH (n) SET n.p = 1", "MATCH (n) DETACH DELETE n"):
        with pytest.raises(FailedPrecondition, match="may not write"):
            await rows(graph, text)
    assert await graph.execute("MATCH (n {_id: 'ada'}) SET n.born = $at RETURN n.born", {"at": 1816}) == [(1816,)]
    found = await graph.node("ada")
    assert found is not None
    assert found.properties["born"] == 1816
    text = "MATCH (n {_id: 'ada'}) SET n.born = 1 WITH n UNWIND range(1, 60) AS i RETURN $text"
    with pytest.raises(LimitExceeded) as caught:
        await graph.execute(text, {"text": "x" * 100_000})
    assert caught.value.outcome is Outcome.NOT_APPLIED
    with pytest.raises(PrismError) as failed:
        await graph.execute("MATCH (n {_id: 'ada'}) SET n.born = 1 / 0")
    assert failed.value.outcome is Outcome.NOT_APPLIED
    assert await rows(graph, "MATCH (n {_id: 'ada'}) RETURN n.born") == [(1816,)]


async def test_what_no_statement_may_do(graph: Graph) -> None:
    """CONTRACT, Graph 11: procedures, files, commands and the schema are shut, whatever they hide behind."""
    refused = []
    for text in MAY_NOT:
        for ask in (rows(graph, text), graph.execute(text)):
            try:
                await ask
            except (InvalidArgument, FailedPrecondition):
                refused.append(text)
    assert refused == [text for text in MAY_NOT for _ in range(2)]


async def test_a_statement_that_never_ends(graph: Graph, own: Neo4jServer) -> None:
    """CONTRACT, Graph 11: the deadline ends it, on the server too; so does a caller that goes."""
    with pytest.raises(DeadlineExceeded):
        await rows(graph, FOR_EVER, timeout=1.0)
    with pytest.raises(DeadlineExceeded) as caught:
        await graph.execute(FOR_EVER, timeout=1.0)
    assert caught.value.outcome is not None

    async def runs() -> bool:
        return await running(own, FOR_EVER)

    async def ended() -> bool:
        return not await runs()

    await until(ended)
    call = asyncio.create_task(rows(graph, FOR_EVER))
    await until(runs)
    call.cancel()
    await asyncio.wait([call])
    await until(ended)


async def test_rows_that_are_not_taken(own: Neo4jServer) -> None:
    """CONTRACT, Graph 11: its connection is free again, whichever task asks for the next row."""
    many = "UNWIND range(1, 1000000000) AS many RETURN many"
    async with serving(own, "", query="read", query_idle_timeout=0.05) as backend:
        await backend.attach(NAMESPACE)
        graph = cast("QueriedGraph", graph_of("opencypher", backend))
        asked_for = g.QueryRequest(language="opencypher", text=many, max_rows=10**6)
        async with aclosing(graph.query(asked_for, Context(NAMESPACE))) as answer:  # type: ignore[type-var]
            await asyncio.create_task(anext(answer))

            async def ended() -> bool:
                return not await running(own, many)

            await until(ended)
            with pytest.raises(TransferIdle, match="no row was taken"):
                await asyncio.create_task(anext(answer))


async def test_off_unless_configured(own: Neo4jServer) -> None:
    """CONTRACT, Graph 11: `query: off` and `query: read` refuse, and say what to set; so does another language."""
    for setting, refusal in (("off", "query: read"), ("read", "only reads")):
        async for upstream in reached(own, query=setting):
            async with Client(upstream.address, timeout=60) as client:
                with pytest.raises(FailedPrecondition, match=refusal):
                    await client.graph().execute("RETURN 1")
                if setting == "read":
                    assert await rows(client.graph(), "RETURN 1") == [(1,)]
                    with pytest.raises(InvalidArgument, match="opencypher"):
                        await rows(client.graph(), "g.V()", language="gremlin")
                    with pytest.raises(InvalidArgument, match="refuses the statement"):
                        await rows(client.graph(), "MATCH n RETURN n")


async def test_what_deletes_all_keeps_whose_it_is(graph: Graph, own: Neo4jServer) -> None:
    """CONTRACT, Graph 11: a statement cannot give the graph away."""
    async with serving(own, "") as other:
        for text in ("MATCH (n) DETACH DELETE n", "MATCH (n:_PrismOwner) DELETE n"):
            await graph.execute(text)
            with pytest.raises(FailedPrecondition, match="alone"):
                await other.attach("two")
        with pytest.raises(FailedPrecondition, match="alone") as caught:
            await graph.execute("MATCH (n:_PrismOwner) SET n._ns = 'two'")
        assert caught.value.outcome is Outcome.NOT_APPLIED
        with pytest.raises(FailedPrecondition, match="alone"):
            await other.attach("two")


async def test_the_graph_is_one_namespaces_alone(own: Neo4jServer) -> None:
    """CONTRACT, Graph 11: another one is refused, in whatever order they come, until statements are off again."""
    async with serving(own, "", query="read") as owner, serving(own, "") as other:
        await owner.attach("one")
        await owner.attach("one")
        for backend in (owner, other):
            with pytest.raises(FailedPrecondition, match="alone"):
                await backend.attach("two")
        await other.attach("one")
        await other.attach("two")
        await asked(own, "CREATE (:_PrismNode {_ns: 'two', _id: 'a'})")
        with pytest.raises(FailedPrecondition, match="alone"):
            await owner.attach("one")


class Open(Link):
    """A link to a server that lets one thing through."""

    def __init__(self, server: Neo4jServer, open_: str) -> None:
        super().__init__(OpenCypherConfig(url=server.url), "neo4j", server.password)
        self._open = open_

    async def rows(self, context: Context, statement: str, **parameters: Any) -> list[list[Any]]:
        """What it lets through, or what the real one does."""
        if self._open and self._open in statement:
            return [["apoc.load"]]
        return await super().rows(context, statement, **parameters)


@pytest.mark.parametrize(
    ("open_", "named"),
    [
        ("", ""),
        ("file:///", "allow_csv_import_from_file_urls"),
        ("169.254.169.254", "cypher_ip_blocklist"),
        ("USER DEFINED FUNCTIONS", "apoc.load"),
    ],
)
async def test_a_server_that_is_not_shut(shared_server: Neo4jServer, open_: str, named: str) -> None:
    """CONTRACT, Graph 11: the start says which setting is missing."""
    link = Open(shared_server, open_)
    link.start()
    try:
        if not named:
            await Guard(link).probe(Context("n", Deadline.after(60)))
            return
        with pytest.raises(FailedPrecondition, match=re.escape(named)):
            await Guard(link).probe(Context("n", Deadline.after(60)))
    finally:
        await link.stop()


async def test_elsewhere_it_is_absent() -> None:
    """CONTRACT, Graph 11: a backend without it refuses, and names one that has it."""
    from graphs import graphing

    async with graphing() as upstream, Client(upstream.address, timeout=60) as client:
        with pytest.raises(Unimplemented, match="query"):
            await rows(client.graph(), "RETURN 1")
        with pytest.raises(Unimplemented, match="query"):
            await client.graph().execute("RETURN 1")


async def test_by_the_command_line(graph: Graph, upstream: Upstream) -> None:
    """`prism graph query` reads, and writes with --write."""
    assert await graph.node("ada") is not None
    text = "MATCH (n:person) WHERE n.born < $year RETURN n._id AS id, n.born AS born"
    found = await prism("graph", "query", "default", text, "-p", "year=1900", "-f", "csv", endpoint=upstream.address)
    assert (found.code, found.out.split()) == (0, ["id,born", "ada,1815"])
    made = await prism(
        "graph", "query", "default", "MATCH (n {_id: 'ada'}) SET n.born = 1 RETURN n.born AS b", "--write", "-f", "csv",
        endpoint=upstream.address,
    )  # fmt: skip
    assert (made.code, made.out.split()) == (0, ["b", "1"])
    refused = await prism("graph", "query", "default", "CALL db.labels()", endpoint=upstream.address)
    assert refused.code != 0
