"""What the store makes of a server's errors, beside a way to one that answers as a test says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytest.importorskip("gremlin_python")

from gremlin_python.process.traversal import Bytecode

from prism.backends.gremlin.config import GremlinConfig, GremlinCredentials
from prism.backends.gremlin.errors import ServerError
from prism.backends.gremlin.graph.store import GremlinGraphs
from prism.backends.gremlin.link import Link
from prism.context import Context
from prism.errors import BackendCredentials, DeadlineExceeded, Outcome
from prism.interfaces.graph import Edge, Mode, Node
from prism.sdk.graph import Place

HERE = Context("n")


class _Told(Link):
    def __init__(self, answering: Callable[[int, bool], Awaitable[list[Any]]]) -> None:
        super().__init__(GremlinConfig(), GremlinCredentials())
        self._answering = answering
        self._asked = 0

    async def ask(self, code: Bytecode, context: Context, *, writes: bool) -> list[Any]:
        self._asked += 1
        return await self._answering(self._asked, writes)


async def test_a_read_that_fails_beside_a_write() -> None:
    """A write that was refused has applied nothing, also where what is read of it then does not come."""

    async def answering(number: int, writes: bool) -> list[Any]:
        if writes:
            raise ServerError(500, "Vertex with id already exists: n|a")
        raise ServerError(598, "A timeout occurred")

    graphs = GremlinGraphs(_Told(answering), "")
    for work in (
        graphs.create_nodes(HERE, [Node(id="a")], Mode.GRAPH_MODE_CREATE),
        graphs.create_edges(HERE, [Edge(from_id="a", label="x", to_id="b")], Mode.GRAPH_MODE_CREATE),
    ):
        with pytest.raises(DeadlineExceeded) as caught:
            await work
        assert caught.value.outcome is Outcome.NOT_APPLIED


async def test_no_account_to_write_with() -> None:
    """A write for which no connection can be opened has applied nothing."""

    async def answering(number: int, writes: bool) -> list[Any]:
        raise BackendCredentials("no AWS account was found")

    with pytest.raises(BackendCredentials) as caught:
        await GremlinGraphs(_Told(answering), "").delete_node(HERE, "a", cascade=True)
    assert caught.value.outcome is Outcome.NOT_APPLIED


async def test_reads_end_with_the_one_that_fails() -> None:
    """Of several reads at a time, the others do not go on where one is refused."""
    begun, ended = 0, 0

    async def answering(number: int, writes: bool) -> list[Any]:
        nonlocal begun, ended
        begun += 1
        try:
            if number < 3:
                await asyncio.Event().wait()
            raise ServerError(500, "no")
        finally:
            ended += 1

    places = [Place(node, node) for node in "abc"]
    with pytest.raises(Exception, match="no"):
        await GremlinGraphs(_Told(answering), "").adjacent(HERE, places, incoming=False, limit=1, whole=False)
    await asyncio.sleep(0)
    assert (begun, ended) == (3, 3)
