"""A hub of 100,000 edges: read by pages in bounded memory, and a traversal over its limit says how far it came."""

import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from prism.backends.postgres.backend import PostgresBackend
from prism.backends.postgres.config import PostgresConfig, PostgresCredentials
from prism.backends.postgres.graph import statements
from prism.backends.sqlite.testing import TemporaryStore as Sqlite
from prism.context import Context
from prism.errors import LimitExceeded
from prism.interfaces import graph as g
from prism.sdk.graph import StoredGraph
from sdk.graph.test_random_graphs import graph_of, results

pytestmark = pytest.mark.slow
HERE = Context("hub")
EDGES, FEWER = 100_000, 12_000
MEMORY = 24 << 20
"""Bytes that reading may take at once; the edges take more than 100 MiB together as messages."""


@pytest.fixture
async def sqlite() -> AsyncIterator[StoredGraph]:
    """A graph in a file."""
    store = Sqlite()
    await store.start()
    yield graph_of("sqlite", await store.backend())
    await store.stop()


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[StoredGraph]:
    """A graph on a server."""
    async with AsyncExitStack() as stack:
        backend = PostgresBackend(PostgresConfig(connection_string=postgres_url), PostgresCredentials())
        stack.push_async_callback(backend.stop)
        await backend.start()
        yield graph_of("postgres", backend)


async def fill(graph: StoredGraph, count: int) -> None:
    """Makes the hub: few nodes, each with many edges from it."""
    ends = [f"n{each:04}" for each in range(1000)]
    await graph.create_nodes(g.CreateNodesRequest(nodes=[g.Node(id=each) for each in ("hub", *ends[:999])]), HERE)
    await graph.create_nodes(g.CreateNodesRequest(nodes=[g.Node(id=ends[999])]), HERE)
    for begin in range(0, count, 1000):
        edges = [g.Edge(from_id="hub", label="x", to_id=each, key=f"{begin:06}") for each in ends]
        await graph.create_edges(g.CreateEdgesRequest(edges=edges), HERE)


async def read(graph: StoredGraph, count: int) -> None:
    """Pages all of it, walks over all of it, and walks over too much."""
    tracemalloc.start()
    request, seen, before = g.GetEdgesRequest(node="hub", limit=1000), 0, ("", "")
    while True:
        page = await graph.get_edges(request, HERE)
        for edge in page.edges:
            assert before < (edge.to_id, edge.key)
            before = edge.to_id, edge.key
        seen += len(page.edges)
        request.cursor = page.next_cursor
        if not page.next_cursor:
            break
    assert seen == count
    walk = g.TraverseRequest(start=["hub"], steps=[g.Step(labels=["x"])], max_visited=count)
    assert len(await results(graph, walk, HERE)) == 1000
    walk.max_visited = count - 1
    with pytest.raises(LimitExceeded) as caught:
        await results(graph, walk, HERE)
    assert (caught.value.metadata["visited"], caught.value.metadata["depth"]) == (str(count - 1), "1")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY


async def test_a_hub_in_a_file(sqlite: StoredGraph, *, whole: bool) -> None:
    """On SQLite."""
    count = EDGES if whole else FEWER
    await fill(sqlite, count)
    await read(sqlite, count)


async def test_a_hub_on_a_server(postgres: StoredGraph, postgres_url: str, *, whole: bool) -> None:
    """On PostgreSQL, where a page in the middle reads what is on it, by the index."""
    count = EDGES if whole else FEWER
    await fill(postgres, count)
    await read(postgres, count)
    connection = await asyncpg.connect(postgres_url)
    try:
        for incoming, node in ((False, b"hub"), (True, b"n0500")):
            statement = statements.ADJACENT[incoming, False, True].sql("prism")
            place = ([node], [b"x"], [b"n0500" if not incoming else b"hub"], [b"000000"])
            await connection.execute("SET plan_cache_mode = force_generic_plan")
            prepared = await connection.prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}")
            ((plan,),) = await prepared.fetch(b"hub", *place, 10)
            root = json.loads(plan)[0]["Plan"]
            assert root["Actual Rows"] == 10
            assert max(_rows(root)) <= 11
            assert root["Shared Hit Blocks"] + root["Shared Read Blocks"] < 60
    finally:
        await connection.close()


def _rows(plan: dict[str, object]) -> list[float]:
    """The rows of each part of a plan."""
    parts = plan.get("Plans", [])
    assert isinstance(parts, list)
    return [float(str(plan["Actual Rows"])), *(rows for each in parts for rows in _rows(each))]
