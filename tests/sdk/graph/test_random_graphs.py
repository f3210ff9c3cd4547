"""Random graphs on every store beside networkx: degrees, what is reached at which depth, paths and shortest paths."""

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any

import networkx as nx
import pytest

from prism.backends.memory.testing import TemporaryStore as Memory
from prism.backends.postgres.backend import PostgresBackend
from prism.backends.postgres.config import PostgresConfig, PostgresCredentials
from prism.backends.sqlite.testing import TemporaryStore as Sqlite
from prism.context import Context
from prism.interfaces import graph as g
from prism.plugins.discovery import discover
from prism.sdk.graph import StoredGraph

Ways = dict[str, StoredGraph]
OUT, IN, BOTH = g.Direction.GRAPH_DIRECTION_OUT, g.Direction.GRAPH_DIRECTION_IN, g.Direction.GRAPH_DIRECTION_BOTH
GRAPHS = 40
DEPTH = 4


def graph_of(name: str, backend: Any) -> StoredGraph:
    """The graph of a backend, with what its manifest declares."""
    (found,) = (each for each in backend.interfaces if isinstance(each, StoredGraph))
    found.declare(discover().found[name].manifest.capabilities.of("graph"))
    return found


@pytest.fixture
async def stores(postgres_url: str) -> AsyncIterator[Ways]:
    """The graph of each store."""
    async with AsyncExitStack() as stack:
        memory, sqlite = Memory(), Sqlite()
        for each in (memory, sqlite):
            await each.start()
            stack.push_async_callback(each.stop)
        postgres = PostgresBackend(PostgresConfig(connection_string=postgres_url), PostgresCredentials())
        stack.push_async_callback(postgres.stop)
        await postgres.start()
        yield {
            "memory": graph_of("memory", await memory.backend()),
            "sqlite": graph_of("sqlite", await sqlite.backend()),
            "postgres": graph_of("postgres", postgres),
        }


def drawings(made: random.Random, count: int) -> Iterator[nx.MultiDiGraph]:
    """Graphs of every shape, under names of every kind."""
    shapes: list[Callable[[int], nx.Graph]] = [
        lambda n: nx.gnp_random_graph(n, 2.5 / n, seed=made.randint(0, 1 << 30), directed=True),
        lambda n: nx.cycle_graph(n, create_using=nx.DiGraph),
        lambda n: nx.path_graph(2 * n, create_using=nx.DiGraph),
        lambda n: nx.star_graph(3 * n),
        lambda n: nx.complete_graph(min(n, 6), create_using=nx.DiGraph),
        lambda n: nx.scale_free_graph(n, seed=made.randint(0, 1 << 30)),
    ]
    for number in range(count):
        shape = shapes[number % len(shapes)](made.randint(2, 12))
        names = {
            each: f"{made.choice(['a', 'Z', 'ä', chr(0x1F600), '/', '%', 'e' + chr(0x301)])}{each}" for each in shape
        }
        drawn = nx.MultiDiGraph()
        drawn.add_nodes_from(names.values())
        ends = [(names[one], names[other]) for one, other, *_ in shape.edges]
        ends += made.choices(ends, k=2) if ends else []
        ends += [(each, each) for each in made.sample(sorted(names.values()), 1)]
        for one, other in ends:
            drawn.add_edge(one, other, key=(made.choice("xyz"), made.choice(["", "k", "ä"])))
        yield drawn


async def store_it(graph: StoredGraph, drawn: nx.MultiDiGraph, here: Context) -> None:
    """Makes it."""
    nodes = [g.Node(id=each) for each in drawn]
    await graph.create_nodes(g.CreateNodesRequest(nodes=nodes), here)
    edges = [
        g.Edge(from_id=one, label=label, to_id=other, key=key) for one, other, (label, key) in drawn.edges(keys=True)
    ]
    made = await graph.create_edges(g.CreateEdgesRequest(edges=edges), here)
    assert made.created == drawn.number_of_edges()


def along(drawn: nx.MultiDiGraph, direction: int) -> nx.DiGraph:
    """The graph that walks in a direction go on."""
    if direction == IN:
        return nx.DiGraph(drawn.reverse())
    return nx.DiGraph(drawn.to_undirected(as_view=True)) if direction == BOTH else nx.DiGraph(drawn)


def degree(drawn: nx.MultiDiGraph, node: str, direction: int) -> int:
    """How many edges a node has."""
    loops = drawn.number_of_edges(node, node)
    every = {OUT: drawn.out_degree(node), IN: drawn.in_degree(node), BOTH: drawn.degree(node) - loops}
    return int(every[direction])


def reached(plain: nx.DiGraph, start: str) -> list[tuple[int, str]]:
    """What a walk of 1 to DEPTH edges reaches, at its least depth; the start by the shortest circle."""
    depths = nx.single_source_shortest_path_length(plain, start, DEPTH)
    found = {node: depth for node, depth in depths.items() if depth}
    circles = [depth + 1 for node, depth in depths.items() if plain.has_edge(node, start)]
    if circles and min(circles) <= DEPTH:
        found[start] = min(circles)
    return sorted((depth, node) for node, depth in found.items())


async def results(graph: StoredGraph, request: g.TraverseRequest, here: Context) -> list[tuple[int, Any]]:
    """What a traversal answers."""
    found: list[tuple[int, Any]] = []
    async for response in graph.traverse(request, here):
        level = response.level
        found += [(level.depth, each.id) for each in level.nodes]
        found += [(level.depth, (tuple(each.nodes), *(edge.id for edge in each.edges))) for each in level.paths]
    return found


async def test_every_store_says_what_networkx_says(stores: Ways, often: Callable[[int], int]) -> None:
    """Degrees, nodes by depth, paths and shortest paths; the stores agree on every edge of a path."""
    count = often(GRAPHS)
    assert await compare(stores, count) > 3 * count


async def compare(stores: Ways, count: int) -> int:
    """Compares stores with networkx, and with one another, on so many graphs; how many times one was compared."""
    made = random.Random(22)
    compared = 0
    for number, drawn in enumerate(drawings(made, count)):
        here = Context(f"g{number}")
        for graph in stores.values():
            await store_it(graph, drawn, here)
        for start in made.sample(sorted(drawn), min(3, len(drawn))):
            direction = made.choice([OUT, IN, BOTH])
            plain = along(drawn, direction)
            end = made.choice(sorted(drawn))
            step = g.Step(direction=direction, max=DEPTH)
            walk = g.TraverseRequest(start=[start], steps=[step])
            paths = g.TraverseRequest(
                start=[start], steps=[g.Step(direction=direction, max=2)], returns=g.Return.GRAPH_RETURN_PATHS
            )
            shortest = g.ShortestPathRequest(from_id=start, to_id=end, direction=direction, max=100)
            answers = []
            for graph in stores.values():
                counted = await graph.count_edges(g.CountEdgesRequest(node=start, direction=direction), here)
                assert counted.count == degree(drawn, start, direction)
                assert await results(graph, walk, here) == reached(plain, start)
                way = await graph.shortest_path(shortest, here)
                least = (
                    min(map(tuple, nx.all_shortest_paths(plain, start, end)), default=())
                    if nx.has_path(plain, start, end)
                    else ()
                )
                assert tuple(way.path.nodes) == least
                assert [drawn.has_edge(*pair) or drawn.has_edge(*pair[::-1]) for pair in pairwise(least)] == [
                    True
                ] * len(way.path.edges)
                answers.append((way, await results(graph, paths, here)))
                compared += 1
            assert all(each == answers[0] for each in answers)
            nodes = {each[0] for _, each in answers[0][1]}
            expected = {
                (start, *rest) for rest in _simple(plain, start, 2)
            }  # fmt: skip
            assert nodes == expected
    return compared


def _simple(plain: nx.DiGraph, start: str, most: int) -> set[tuple[str, ...]]:
    """What follows the start on each path of 1 to `most` edges that has no node twice."""
    found: set[tuple[str, ...]] = set()
    going: list[tuple[str, ...]] = [(start,)]
    for _ in range(most):
        going = [(*way, other) for way in going for other in plain.successors(way[-1]) if other not in way]
        found |= {way[1:] for way in going}
    return found
