"""The backend on a real Gremlin Server: what the suite of every store does not look at."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from itertools import count, pairwise

import pytest
from gremlin_python.process.graph_traversal import __

from backends.gremlin.conftest import Opened
from prism.backends.gremlin.backend import GremlinBackend
from prism.backends.gremlin.graph.statements import G
from prism.backends.gremlin.graph.turns import NodeTurns
from prism.backends.gremlin.link import Transaction
from prism.backends.gremlin.testing import GremlinServer
from prism.backends.memory.testing import TemporaryStore
from prism.context import Context
from prism.errors import DeadlineExceeded, LimitExceeded, NodeNotFound, Outcome
from prism.interfaces import graph as g
from prism.interfaces.value import Value
from prism.sdk import Deadline
from prism.sdk.graph import StoredGraph
from sdk.graph.test_random_graphs import compare
from sdk.graph.test_random_graphs import graph_of as named

NUMBERS = count()
MERGE = g.Mode.GRAPH_MODE_MERGE


def graph_of(backend: GremlinBackend) -> StoredGraph:
    """Its Graph."""
    (found,) = (each for each in backend.interfaces if isinstance(each, StoredGraph))
    return found


def fresh() -> Context:
    """A namespace of a test's own."""
    return Context(f"n{next(NUMBERS)}", Deadline.after(60))


def nodes(*ids: str, mode: g.Mode = MERGE) -> g.CreateNodesRequest:
    """Makes nodes."""
    return g.CreateNodesRequest(nodes=[g.Node(id=each) for each in ids], mode=mode)


ENDLESS = G.inject(0).repeat(__.math("_ + 1")).until(__.is_(-1)).count().bytecode
"""Counts without an end."""
WITHOUT_ENDS = G.E().not_(__.and_(__.in_v(), __.out_v())).id_().bytecode
"""Edges that lack a node, as the server has them."""


async def test_the_server_stops_what_is_over_its_time(gremlin_server: GremlinServer, opened: Opened) -> None:
    """CONTRACT, errors, deadlines: a traversal that is cut by its deadline ends on the server too."""
    backend = opened(gremlin_server)
    await backend.start()
    here = fresh()
    await graph_of(backend).create_nodes(nodes(*"abcdefgh"), here)
    said = gremlin_server.process.said
    with pytest.raises(DeadlineExceeded) as caught:
        await backend.link.ask(ENDLESS, Context(here.namespace, Deadline.after(0.3)), writes=True)
    assert caught.value.outcome is Outcome.UNKNOWN
    await asyncio.to_thread(gremlin_server.process.wait_for, "A timeout occurred", since=said)
    assert backend.metrics()["requests_given_up"] <= 1
    assert (await graph_of(backend).get_nodes(g.GetNodesRequest(ids=["a"]), fresh())).nodes == []


async def test_a_model(gremlin_server: GremlinServer, opened: Opened, often: Callable[[int], int]) -> None:
    """Random graphs beside networkx and the store in memory."""
    memory = TemporaryStore()
    await memory.start()
    try:
        backend = opened(gremlin_server, prefix="model")
        await backend.start()
        stores = {"memory": named("memory", await memory.backend()), "gremlin": graph_of(backend)}
        assert await compare(stores, often(20)) > often(20)
    finally:
        await memory.stop()


async def test_a_request_that_is_too_large(gremlin_server: GremlinServer, opened: Opened) -> None:
    """One over max_request is refused before it is sent: the server would end the connection of all others."""
    backend = opened(gremlin_server, max_request=1 << 16)
    await backend.start()
    large = g.Node(id="a", properties={"p": Value(string="x" * (1 << 17))})
    with pytest.raises(LimitExceeded) as caught:
        await graph_of(backend).create_nodes(g.CreateNodesRequest(nodes=[large]), fresh())
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert backend.metrics()["pool_connections"] == 1


@pytest.mark.parametrize("turns", [True, False], ids=["in turn", "all at once"])
async def test_edges_have_their_nodes(
    gremlin_server: GremlinServer,
    opened: Opened,
    turns: bool,
    often: Callable[[int], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CONTRACT, Graph 1: 64 callers through two gateways make edges of nodes that are deleted, also where nothing but
    the server's own conflicts keeps them apart."""
    if not turns:
        monkeypatch.setattr(NodeTurns, "of", _at_once)
    backends = [opened(gremlin_server) for _ in range(2)]
    for each in backends:
        await each.start()
    graphs = [graph_of(each) for each in backends]

    async def one(here: Context, number: int) -> None:
        graph, node = graphs[number % 2], f"n{number % 4}"
        if number % 4 == 3:
            await graph.delete_node(g.DeleteNodeRequest(id=node, edges=g.Edges.GRAPH_EDGES_CASCADE), here)
            await graph.create_nodes(nodes(node), here)
            return
        edge = g.Edge(from_id=node, label="x", to_id=f"n{(number * 7 + 1) % 4}", key=str(number))
        try:
            await graph.create_edges(g.CreateEdgesRequest(edges=[edge], mode=number % 3 + 1), here)
        except NodeNotFound:
            return

    for _ in range(often(10)):
        here = fresh()
        await graphs[0].create_nodes(nodes("n0", "n1", "n2", "n3"), here)
        await asyncio.gather(*(one(here, number) for number in range(64)))
        assert await backends[0].link.ask(WITHOUT_ENDS, here, writes=False) == []
        around = [
            await graphs[0].count_edges(g.CountEdgesRequest(node=f"n{each}", direction=way), here)
            for way in (g.Direction.GRAPH_DIRECTION_OUT, g.Direction.GRAPH_DIRECTION_IN)
            for each in range(4)
        ]
        assert sum(each.count for each in around[:4]) == sum(each.count for each in around[4:])


def _at_once(*_: object) -> nullcontext[None]:
    return nullcontext()


async def test_many_at_once_share_connections(gremlin_server: GremlinServer, opened: Opened) -> None:
    """200 calls at a time go over no more connections than are allowed, and each has its own answer."""
    backend = opened(gremlin_server, connections=2)
    await backend.start()
    here = fresh()
    await graph_of(backend).create_nodes(nodes(*(f"n{each}" for each in range(200))), here)
    answers = await asyncio.gather(
        *(graph_of(backend).get_nodes(g.GetNodesRequest(ids=[f"n{each}"]), here) for each in range(200))
    )
    assert [[node.id for node in each.nodes] for each in answers] == [[f"n{each}"] for each in range(200)]
    assert backend.metrics()["pool_connections"] <= 2


async def test_a_large_request_is_one_transaction(gremlin_server: GremlinServer, opened: Opened) -> None:
    """CONTRACT, Graph 2: what is several requests to the server is made as a whole or not at all."""
    backend = opened(gremlin_server)
    await backend.start()
    graph, here = graph_of(backend), fresh()
    ids = [f"n{each:03}" for each in range(300)]
    await graph.create_nodes(nodes(ids[250]), here)
    edges = [g.Edge(from_id=one, label="x", to_id=other) for one, other in pairwise(ids)]
    with pytest.raises(NodeNotFound):
        await graph.create_edges(g.CreateEdgesRequest(edges=edges), here)
    assert (await graph.create_nodes(nodes(*ids), here)).created == 299
    assert (await graph.create_edges(g.CreateEdgesRequest(edges=edges[:120]), here)).created == 120
    assert (await graph.create_edges(g.CreateEdgesRequest(edges=edges, mode=MERGE), here)).created == 179
    found = await graph.shortest_path(g.ShortestPathRequest(from_id=ids[0], to_id=ids[-1], max=300), here)
    assert [*found.path.nodes] == ids


async def test_a_write_that_is_cancelled(
    gremlin_server: GremlinServer, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONTRACT, Graph 2: nothing stays of a write whose caller goes before its commit, and nothing of it is in the way
    of others: a node that it had changed is deleted and made again. The sessions of the server are used again."""
    backend = opened(gremlin_server)
    await backend.start()
    graph, here = graph_of(backend), fresh()
    ids = [f"n{each:02}" for each in range(21)]
    await graph.create_nodes(nodes(*ids), here)
    at_commit = asyncio.Event()

    async def stand(_: Transaction) -> None:
        at_commit.set()
        await asyncio.Event().wait()

    changed = [g.Node(id=each, properties={"p": Value(int64=1)}) for each in ids]
    sessions = gremlin_server.process.log.count("New session established")
    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "commit", stand)
        write = asyncio.create_task(graph.create_nodes(g.CreateNodesRequest(nodes=changed, mode=MERGE), here))
        await at_commit.wait()
        write.cancel()
        await asyncio.wait([write])
    assert (await graph.delete_node(g.DeleteNodeRequest(id="n03"), here)).found
    assert (await graph.create_nodes(nodes("n03", mode=g.Mode.GRAPH_MODE_CREATE), here)).created == 1
    found = await graph.get_nodes(g.GetNodesRequest(ids=ids), here)
    assert [dict(each.properties) for each in found.nodes] == [{}] * 21
    for _ in range(3):
        await graph.create_nodes(g.CreateNodesRequest(nodes=changed, mode=MERGE), here)
    assert gremlin_server.process.log.count("New session established") <= sessions
