"""Nodes, one hop, two hops and shortest paths through a gateway, beside the same asked of the same store by hand."""

import asyncio
import random
import sqlite3
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
from neo4j import AsyncGraphDatabase

import gateways
from bench.arena import compete
from bench.contestants import Call, Contestant
from bench.report import Row, Table, write
from prism.acceptance.store.backend import StoreMissing
from prism.backends.opencypher.testing import Neo4jServer
from prism.backends.postgres.testing import find_server
from prism.client import Client, Edge, Node, Step

NODES, DEGREE, PAIRS, LENGTH = 5_000, 6, 64, 4
NOTE = (
    f"{NODES:,} nodes with {DEGREE} edges from each to others at random; a node by its id, the nodes one and two hops "
    f"from one ({DEGREE} and some {DEGREE**2}), and a shortest path of {LENGTH} edges. `by hand` asks the same of the "
    "same tables with asyncpg, sqlite3 and the neo4j driver, without a gateway: recursive SQL for paths. One caller; "
    "median of 5 interleaved rounds."
)
QUESTIONS: Final = ("a node", "one hop", "two hops", "a shortest path")

By = Callable[[str, str], Awaitable[int]]
"""Asks about a node, or a pair of them; how many were found."""


def run() -> None:
    """Fills the stores and compares."""
    edges = _drawn()
    pairs = _pairs(edges)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        postgres = stack.enter_context(find_server())
        url = postgres.create_database()
        file = Path(folder) / "graph.db"
        entries: list[dict[str, Any]] = [
            {"name": "sqlite", "abstraction": "graph", "backend": "sqlite", "config": {"path": str(file)}},
            {"name": "postgres", "abstraction": "graph", "backend": "postgres", "config": {"connection_string": url}},
        ]
        by_hand: dict[str, Callable[[], AbstractAsyncContextManager[Mapping[str, By]]]] = {
            "sqlite": partial(_sqlite, file), "postgres": partial(_postgres, url),
        }  # fmt: skip
        if (neo4j := _neo4j_server(stack)) is not None:
            secrets = {"username": "neo4j", "password": neo4j.password}
            entries.append(
                {"name": "neo4j", "abstraction": "graph", "backend": "opencypher", "config": {"url": neo4j.url},
                 "credentials": secrets}
            )  # fmt: skip
            by_hand["neo4j"] = partial(_neo4j, neo4j)
        gateway = stack.enter_context(gateways.running({"namespaces": entries}, Path(folder)))
        table: list[Row] = []
        for store, opened in by_hand.items():
            asyncio.run(_fill(gateway.data, store, edges))
            for question in QUESTIONS:
                ours = partial(_prism, gateway.data, store)
                contestants = [
                    Contestant("Prism", partial(_calls, ours, question, pairs), gateway.pid),
                    Contestant("by hand", partial(_calls, opened, question, pairs)),
                ]  # fmt: skip
                results = asyncio.run(compete(contestants, callers=1))
                reference = results["by hand"]
                table += [
                    Row(
                        f"{store}, {question}: {name}",
                        {
                            "calls/s": sample.throughput,
                            "ratio": sample.throughput / reference.throughput,
                            "p50 us": sample.p50,
                            "p99 us": sample.p99,
                            "gateway CPU ms per 1,000": sample.cpu_per_thousand if sample.cpu else "",
                        },
                    )
                    for name, sample in results.items()
                ]
        write(Table("graph", "Graph: nodes, hops and shortest paths", NOTE, table))


def _neo4j_server(stack: ExitStack) -> Neo4jServer | None:
    try:
        server = Neo4jServer()
    except StoreMissing as absent:
        print(f"  without neo4j: {absent}", flush=True)
        return None
    stack.callback(server.stop)
    server.start()
    return server


def _drawn() -> list[Edge]:
    made = random.Random(22)
    found = {
        (number, other)
        for number in range(NODES)
        for other in made.sample(range(NODES), DEGREE)
    }  # fmt: skip
    return [Edge(f"n{one}", "x", f"n{other}") for one, other in sorted(found)]


def _pairs(edges: list[Edge]) -> list[tuple[str, str]]:
    """Nodes that are so many edges apart."""
    along: dict[str, list[str]] = {}
    for each in edges:
        along.setdefault(each.from_id, []).append(each.to_id)
    made = random.Random(23)
    found = []
    while len(found) < PAIRS:
        start = made.choice(edges).from_id
        depths, waiting = {start: 0}, deque([start])
        while waiting:
            node = waiting.popleft()
            for other in along[node]:
                if other not in depths:
                    depths[other] = depths[node] + 1
                    waiting.append(other)
        found.append((start, made.choice(sorted(node for node, depth in depths.items() if depth == LENGTH))))
    return found


async def _fill(address: str, store: str, edges: list[Edge]) -> None:
    async with Client(address, timeout=120) as prism:
        graph = prism.graph(store)
        for begin in range(0, NODES, 1000):
            nodes = [Node(f"n{each}", ("p",), {"number": each}) for each in range(begin, begin + 1000)]
            await graph.create_nodes(*nodes)
        for begin in range(0, len(edges), 1000):
            await graph.create_edges(*edges[begin : begin + 1000])


@asynccontextmanager
async def _calls(
    opened: Callable[[], AbstractAsyncContextManager[Mapping[str, By]]], question: str, pairs: list[tuple[str, str]]
) -> AsyncIterator[Call]:
    made = random.Random(24)
    least = {"a node": 1, "one hop": DEGREE - 1, "two hops": DEGREE, "a shortest path": LENGTH}[question]
    async with opened() as ways:
        ask = ways[question]

        async def call() -> None:
            assert await ask(*made.choice(pairs)) >= least

        yield call


@asynccontextmanager
async def _prism(address: str, store: str) -> AsyncIterator[Mapping[str, By]]:
    async with Client(address, timeout=60) as prism:
        graph = prism.graph(store)

        async def node(start: str, _: str) -> int:
            return await graph.node(start) is not None

        async def hops(steps: int, start: str, _: str) -> int:
            return len([each async for each in graph.traverse(start, *[Step("x")] * steps)])

        async def path(start: str, end: str) -> int:
            found = await graph.shortest_path(start, end, "out", "x")
            return len(found.edges) if found is not None else 0

        yield dict(zip(QUESTIONS, (node, partial(hops, 1), partial(hops, 2), path), strict=True))


_HOPS = """
    SELECT DISTINCT n.id, n.labels, n.properties FROM {0}graph_edge e1 {1} JOIN {0}graph_node n
    ON n.namespace = e1.namespace AND n.id = {2}.to_id WHERE e1.namespace = {3} AND e1.from_id = {4} AND e1.label = {5}
"""
_SECOND = """
    JOIN {0}graph_edge e2 ON e2.namespace = e1.namespace AND e2.from_id = e1.to_id AND e2.label = e1.label
"""
_PATH = """
    WITH RECURSIVE walk (id, depth) AS (
        SELECT {end}, 0 UNION
        SELECT e.to_id, walk.depth + 1 FROM walk JOIN {0}graph_edge e
        ON e.namespace = {space} AND e.from_id = walk.id AND e.label = {label} WHERE walk.depth < {most}
    )
    SELECT min(depth) FROM walk WHERE id = {start}
"""


@asynccontextmanager
async def _postgres(url: str) -> AsyncIterator[Mapping[str, By]]:
    connection = await asyncpg.connect(url)
    arguments = ("prism.", "", "e1", "$1", "$2", "$3")
    one = await connection.prepare(_HOPS.format(*arguments))
    two = await connection.prepare(_HOPS.format("prism.", _SECOND.format("prism."), "e2", *arguments[3:]))
    by_id = await connection.prepare(
        "SELECT id, labels, properties FROM prism.graph_node WHERE namespace = $1 AND id = $2"
    )
    way = await connection.prepare(
        _PATH.format("prism.", end="$2::bytea", space="$1", label="$3", most=LENGTH, start="$4::bytea")
    )
    space, label = b"postgres", b"x"

    async def node(start: str, _: str) -> int:
        return len(await by_id.fetch(space, start.encode()))

    async def hops(statement: Any, start: str, _: str) -> int:
        return len(await statement.fetch(space, start.encode(), label))

    async def path(start: str, end: str) -> int:
        return int(await way.fetchval(space, start.encode(), label, end.encode()))

    yield dict(zip(QUESTIONS, (node, partial(hops, one), partial(hops, two), path), strict=True))
    await connection.close()


@asynccontextmanager
async def _sqlite(file: Path) -> AsyncIterator[Mapping[str, By]]:
    """On the event loop, which stands still meanwhile: the bare driver."""
    with closing(sqlite3.connect(file)) as connection:
        arguments = ("", "", "e1", "?1", "?2", "?3")
        hop = _HOPS.replace("n.labels, n.properties", "n.record").format(*arguments)
        two = _HOPS.replace("n.labels, n.properties", "n.record").format("", _SECOND.format(""), "e2", *arguments[3:])
        way = _PATH.format("", end="?2", space="?1", label="?3", most=LENGTH, start="?4")

        async def node(start: str, _: str) -> int:
            return len(
                connection.execute(
                    "SELECT * FROM graph_node WHERE namespace = ? AND id = ?", ("sqlite", start)
                ).fetchall()
            )

        async def hops(statement: str, start: str, _: str) -> int:
            return len(connection.execute(statement, ("sqlite", start, "x")).fetchall())

        async def path(start: str, end: str) -> int:
            return int(connection.execute(way, ("sqlite", start, "x", end)).fetchone()[0])

        yield dict(zip(QUESTIONS, (node, partial(hops, hop), partial(hops, two), path), strict=True))


@asynccontextmanager
async def _neo4j(server: Neo4jServer) -> AsyncIterator[Mapping[str, By]]:
    begin = "MATCH (a:_PrismNode {_ns: 'neo4j', _id: $start})"
    end = "(b:_PrismNode {_ns: 'neo4j', _id: $end})"
    async with AsyncGraphDatabase.driver(server.url, auth=("neo4j", server.password)) as driver:

        async def rows(statement: str, start: str, end: str) -> int:
            async with driver.session(default_access_mode="READ") as session:
                result = await session.run(statement, start=start, end=end)
                return len([each async for each in result])

        async def path(start: str, end_: str) -> int:
            text = f"{begin}, {end} MATCH p = shortestPath((a)-[:x*..32]->(b)) RETURN length(p)"
            async with driver.session(default_access_mode="READ") as session:
                record = await (await session.run(text, start=start, end=end_)).single(strict=True)
                return int(record[0])

        yield {
            "a node": partial(rows, f"{begin} RETURN a"),
            "one hop": partial(rows, f"{begin}-[:x]->(b) RETURN DISTINCT b"),
            "two hops": partial(rows, f"{begin}-[:x]->()-[:x]->(b) RETURN DISTINCT b"),
            "a shortest path": path,
        }
