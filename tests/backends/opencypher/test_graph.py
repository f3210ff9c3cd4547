"""Graph on a real Neo4j: what the acceptance kit does not ask for."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from neo4j import GraphDatabase

from backends.opencypher.serving import FOR_EVER, asked, linked, running, serving, until
from prism.acceptance.store.held_port import HeldPort
from prism.backends.memory.testing import TemporaryStore
from prism.backends.opencypher import statements
from prism.backends.opencypher.backend import OpenCypherBackend
from prism.backends.opencypher.config import OpenCypherConfig, OpenCypherCredentials
from prism.backends.opencypher.names import NODE, beyond, sorted_text
from prism.backends.opencypher.testing import Neo4jServer
from prism.context import Context
from prism.errors import BackendCredentials, BackendUnavailable, DeadlineExceeded, Outcome
from prism.interfaces import graph as g
from prism.interfaces.value import Value
from prism.sdk import Deadline, HealthStatus
from prism.sdk.graph import StoredGraph
from sdk.graph.test_random_graphs import compare, graph_of


def operators(plan: Any) -> list[tuple[str, int]]:
    """Each operator of a plan and how often it looked at what is stored."""
    name = str(plan["operatorType"]).partition("@")[0]
    own = (name, int(plan["args"].get("DbHits", 0)))
    return [own, *(each for child in plan.get("children", []) for each in operators(child))]


async def test_a_model(shared_server: Neo4jServer, often: Callable[[int], int]) -> None:
    """Random graphs beside networkx and the store in memory."""
    memory = TemporaryStore()
    await memory.start()
    try:
        async with serving(shared_server, "model") as backend:
            stores = {
                "memory": graph_of("memory", await memory.backend()), "opencypher": graph_of("opencypher", backend),
            }  # fmt: skip
            assert await compare(stores, often(20)) > often(20)
    finally:
        await memory.stop()


async def test_nodes_and_edges_are_read_by_indexes(shared_server: Neo4jServer) -> None:
    """A page of a list, and of a hub from either end, looks at what is on it."""
    edges = 3 * statements.DENSE
    here = Context("n")
    async with serving(shared_server, "indexed") as backend:
        graph = graph_of("opencypher", backend)
        for begin in range(0, edges, 1000):
            nodes = [g.Node(id=f"n{each:05}", labels=["x"]) for each in range(begin, begin + 1000)]
            await graph.create_nodes(g.CreateNodesRequest(nodes=nodes), here)
        await graph.create_nodes(g.CreateNodesRequest(nodes=[g.Node(id="hub")]), here)
        for label in ("a", "b"):
            for begin in range(0, edges, 1000):
                some = range(begin, begin + 1000)
                made = [g.Edge(from_id="hub", label=label, to_id=f"n{each:05}") for each in some]
                await graph.create_edges(g.CreateEdgesRequest(edges=made), here)
        for step in range(1, 7):
            ends = [(f"n{each:05}", f"n{(each * 7 + step * 131) % 1000:05}") for each in range(1000)]
            made = [g.Edge(from_id=one, label="c", to_id=other, key=f"{step}") for one, other in ends]
            await graph.create_edges(g.CreateEdgesRequest(edges=made), here)
        found = []
        request = g.GetEdgesRequest(node="hub", limit=700)
        while True:
            page = await graph.get_edges(request, here)
            found += [(each.label, each.to_id) for each in page.edges]
            request.cursor = page.next_cursor
            if not page.next_cursor:
                break
        assert found == [(label, f"n{each:05}") for label in ("a", "b") for each in range(edges)]
    await asked(shared_server, "CALL db.prepareForReplanning()")  # plans follow what there is
    begin = sorted_text("indexedn", "hub", "a")
    _, plan = await asked(
        shared_server, f"PROFILE {statements.stretch('a', incoming=False, whole=True)}",
        after=sorted_text("indexedn", "hub", "a", "n01500", ""), end=beyond(begin), limit=10,
    )  # fmt: skip
    assert {"Top", "Sort"}.isdisjoint(dict(operators(plan)))
    assert sum(hits for _, hits in operators(plan)) < 100
    for label in ("a", "c", ""):
        _, plan = await asked(
            shared_server, f"PROFILE {statements.adjacent(label, incoming=False, whole=False)}",
            ns="indexedn", places=[[0, "n00001", ""], [1, "n00002", ""]], limit=10,
        )  # fmt: skip
        assert "Expand(All)" in dict(operators(plan))
        assert sum(hits for _, hits in operators(plan)) < 100
    for label in (NODE, "x"):
        _, plan = await asked(
            shared_server, f"PROFILE {statements.list_nodes(label)}", ns="indexedn", after="n01500", limit=10
        )
        assert {"Top", "Sort"}.isdisjoint(dict(operators(plan)))
        assert sum(hits for _, hits in operators(plan)) < 100


async def test_a_deadline_ends_a_statement_on_the_server(shared_server: Neo4jServer) -> None:
    """The caller is told, and the server runs it no more."""
    async with linked(shared_server) as link:
        with pytest.raises(DeadlineExceeded):
            await link.rows(Context("n", Deadline.after(0.3)), FOR_EVER)

        async def ended() -> bool:
            return not await running(shared_server, FOR_EVER)

        await until(ended)


async def test_a_caller_that_goes_ends_its_statement_on_the_server(shared_server: Neo4jServer) -> None:
    """As soon as it has gone."""
    async with linked(shared_server) as link:
        call = asyncio.create_task(link.rows(Context("n"), FOR_EVER))

        async def begun() -> bool:
            return await running(shared_server, FOR_EVER)

        await until(begun)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        async def ended() -> bool:
            return not await running(shared_server, FOR_EVER)

        await until(ended)


async def test_a_deadlock_is_tried_again(shared_server: Neo4jServer) -> None:
    """Of two writes that wait for each other one begins anew, and both are done."""
    await asked(shared_server, "MERGE (:Lock {name: 'a'}) MERGE (:Lock {name: 'b'})")
    both = asyncio.Barrier(2)
    async with linked(shared_server) as link:

        async def write(first: str, second: str) -> int:
            attempts = 0

            async def work(transaction: Any) -> None:
                nonlocal attempts
                attempts += 1
                statement = "MATCH (n:Lock {name: $name}) SET n.count = coalesce(n.count, 0) + 1"
                await (await transaction.run(statement, name=first)).consume()
                if attempts == 1:
                    await both.wait()
                await (await transaction.run(statement, name=second)).consume()

            await link.write(Context("n", Deadline.after(60)), work)
            return attempts

        attempts = await asyncio.gather(write("a", "b"), write("b", "a"))
        assert (min(attempts), link.repeated) == (1, sum(attempts) - 2)
        assert link.repeated >= 1
    rows, _ = await asked(shared_server, "MATCH (n:Lock) RETURN n.count")
    assert rows == [[2], [2]]


async def test_who_waits_for_a_lock_too_long_has_applied_nothing(shared_server: Neo4jServer) -> None:
    """The deadline passes before the commit."""
    async with serving(shared_server, "locked") as backend:
        graph = graph_of("opencypher", backend)
        here = Context("n")
        await graph.create_nodes(g.CreateNodesRequest(nodes=[g.Node(id="a")]), here)
        with GraphDatabase.driver(shared_server.url, auth=("neo4j", shared_server.password)) as driver:  # noqa: SIM117
            with driver.session() as session, session.begin_transaction() as transaction:
                transaction.run(f"MATCH (n:{NODE} {{_ns: 'lockedn', _id: 'a'}}) SET n.p = 1").consume()
                change = g.UpdateNodeRequest(id="a", set={"q": Value(int64=1)})
                with pytest.raises(DeadlineExceeded) as caught:
                    await graph.update_node(change, Context("n", Deadline.after(0.5)))
                assert caught.value.outcome is Outcome.NOT_APPLIED
                transaction.rollback()
        (node,) = (await graph.get_nodes(g.GetNodesRequest(ids=["a"]), here)).nodes
        assert dict(node.properties) == {}


async def test_wrong_credentials(shared_server: Neo4jServer) -> None:
    """Said as such; no second attempt is made."""
    with pytest.raises(BackendCredentials):
        async with serving(shared_server, "login", credentials={"password": "wrong"}):
            pass


async def test_no_server() -> None:
    """Nothing was applied, and health says why."""
    port = HeldPort()
    config = OpenCypherConfig(url=f"bolt://127.0.0.1:{port}")
    backend = OpenCypherBackend(config, OpenCypherCredentials())
    try:
        with pytest.raises(BackendUnavailable) as caught:
            await backend.start()
        assert caught.value.outcome is Outcome.NOT_APPLIED
        health = await backend.health()
        assert health.status is HealthStatus.UNHEALTHY
    finally:
        await backend.stop()


async def test_by_tls(shared_server: Neo4jServer, trusted: Path) -> None:
    """With the authority that signed the server's certificate, and its name."""
    url = f"bolt+s://localhost:{shared_server.port}"
    async with serving(shared_server, "tls", url=url, ca=trusted) as backend:
        graph: StoredGraph = graph_of("opencypher", backend)
        await graph.create_nodes(g.CreateNodesRequest(nodes=[g.Node(id="a")]), Context("n"))
        assert await backend.holds_data("n")
        assert (await backend.health()).status is HealthStatus.HEALTHY
    for wrong in ({"url": url}, {"url": url.replace("localhost", "127.0.0.1"), "ca": trusted}):
        with pytest.raises(BackendUnavailable):
            async with serving(shared_server, "tls", **wrong):
                pass


async def test_many_gateways_make_a_type_at_once(shared_server: Neo4jServer) -> None:
    """Its constraint comes to be once, and every call succeeds."""
    here = Context("n")
    async with serving(shared_server, "first") as one, serving(shared_server, "first") as other:
        graphs = [graph_of("opencypher", each) for each in (one, other)]
        await graphs[0].create_nodes(g.CreateNodesRequest(nodes=[g.Node(id="a"), g.Node(id="b")]), here)
        for turn in range(5):
            edges = [g.Edge(from_id="a", label=f"new{turn}", to_id="b", key=f"{each}") for each in range(2)]
            requests = [g.CreateEdgesRequest(edges=[each]) for each in edges]
            await asyncio.gather(
                *(graph.create_edges(each, here) for graph, each in zip(graphs, requests, strict=True))
            )
        counted = await graphs[1].count_edges(g.CountEdgesRequest(node="a"), here)
        assert (counted.count, counted.exact) == (10, True)


async def test_what_others_have_written(shared_server: Neo4jServer) -> None:
    """Values of the store's own kinds come as its texts; edges that Prism has not made are none of the graph's."""
    here = Context("n")
    async with serving(shared_server, "others") as backend:
        graph = graph_of("opencypher", backend)
        await graph.create_nodes(g.CreateNodesRequest(nodes=[g.Node(id="a", labels=["x"])]), here)
        await asked(
            shared_server,
            f"MATCH (n:{NODE} {{_ns: 'othersn', _id: 'a'}}) "
            "SET n.day = date('2026-11-30'), n.span = duration('P1D'), n.at = datetime('2026-11-30T12:00:00.000001Z') "
            "CREATE (n)-[:KNOWS]->(n) CREATE (n)-[:KNOWS]->(:Stranger)",
        )
        (node,) = (await graph.get_nodes(g.GetNodesRequest(ids=["a"]), here)).nodes
        assert node.properties["day"].other.text == "2026-11-30"
        assert node.properties["span"].other.type == "interval"
        assert node.properties["at"].timestamp % 1_000_000 == 1
        assert not (await graph.get_edges(g.GetEdgesRequest(node="a"), here)).edges


async def test_few_nodes_are_in_the_order_of_bytes(shared_server: Neo4jServer) -> None:
    """The server sorts by UTF-16 where it takes no index."""
    ids = ["a", "b", "\ue000", "\uffff", "\U00010000"]
    async with serving(shared_server, "few") as backend:
        graph = graph_of("opencypher", backend)
        made = g.CreateNodesRequest(nodes=[g.Node(id=each, labels=["few"]) for each in ids])
        await graph.create_nodes(made, Context("n"))
        for label in ("", "few"):
            page = await graph.list_nodes(g.ListNodesRequest(label=label, limit=10), Context("n"))
            assert [each.id for each in page.nodes] == ids
    for label in (NODE, "few"):
        _, plan = await asked(
            shared_server, f"PROFILE {statements.list_nodes(label)}", ns="fewn", after="", limit=10
        )  # fmt: skip
        assert {"Top", "Sort"}.isdisjoint(dict(operators(plan)))
