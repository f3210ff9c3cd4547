"""Constraints and indexes of several gateways on one Neo4j, and the locks that stand on them."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
from neo4j import AsyncGraphDatabase

from backends.opencypher.serving import asked, linked, running, serving, until
from prism.backends.opencypher.lease import Lease
from prism.backends.opencypher.names import quoted
from prism.backends.opencypher.schema import Schema
from prism.backends.opencypher.testing import Neo4jServer
from prism.context import Context
from prism.errors import DeadlineExceeded
from prism.interfaces import graph as g
from prism.sdk import Deadline
from sdk.graph.test_random_graphs import graph_of

HERE = Context("n")


async def unique(server: Neo4jServer, name: str) -> bool:
    """Whether edges of a type have their constraint."""
    text = "SHOW CONSTRAINTS YIELD labelsOrTypes WHERE $name IN labelsOrTypes RETURN 1"
    return bool((await asked(server, text, name=name))[0])


async def test_one_at_a_time_has_the_lease(shared_server: Neo4jServer, often: Callable[[int], int]) -> None:
    """Of gateways that ask at once one has it at most, on a database that has nothing; all have it in turn."""
    holding = most = 0

    async def in_turn(lease: Lease, times: int) -> None:
        nonlocal holding, most
        while times:
            async with lease.asked(HERE) as work:
                given = work is not None
                holding += given
                most = max(most, holding)
                await asyncio.sleep(0)
                holding -= given
                times -= given

    async with AsyncExitStack() as stack:
        leases = [Lease(await stack.enter_async_context(linked(shared_server))) for _ in range(4)]
        await asyncio.gather(*(in_turn(each, often(5)) for each in leases))
    assert most == 1
    assert (await asked(shared_server, "MATCH (n:_PrismLease) RETURN count(n)"))[0] == [[0]]


async def test_who_has_no_lease_waits_with_nothing_open(shared_server: Neo4jServer) -> None:
    """Its caller goes at the deadline; what was asked for comes to be when the other gateway has done."""
    async with linked(shared_server) as one, linked(shared_server) as other:
        schema = Schema(other)
        async with Lease(one).asked(HERE) as work:
            assert work is not None
            with pytest.raises(DeadlineExceeded):
                await schema.types(Context("n", Deadline.after(0.3)), ["waiting"])
            assert not await running(shared_server, "waiting")
            assert not await unique(shared_server, "waiting")
        await schema.types(HERE, ["waiting"])
        assert await unique(shared_server, "waiting")


async def test_a_holder_that_died(shared_server: Neo4jServer) -> None:
    """What it left ends by itself, and is taken away."""
    await asked(shared_server, "CREATE (:_PrismLease {holder: 'dead', until: timestamp() + 500})")
    async with linked(shared_server) as link:
        await Schema(link).types(HERE, ["inherited"])
    assert await unique(shared_server, "inherited")
    assert (await asked(shared_server, "MATCH (n:_PrismLease) RETURN count(n)"))[0] == [[0]]


async def test_an_index_in_the_constraints_way(shared_server: Neo4jServer) -> None:
    """The index of a constraint that was cut off is taken away, and the constraint is made."""
    await asked(shared_server, f"CREATE INDEX FOR ()-[x:{quoted('half made')}]-() ON (x._id)")
    async with linked(shared_server) as link:
        await Schema(link).types(HERE, ["half made"])
    assert await unique(shared_server, "half made")


async def test_a_caller_that_goes_cuts_nothing_off(shared_server: Neo4jServer) -> None:
    """The constraint comes to be without it."""
    async with linked(shared_server) as link:
        schema = Schema(link)
        with pytest.raises(DeadlineExceeded):
            await schema.types(Context("n", Deadline.after(0.001)), ["left"])
        await until(lambda: unique(shared_server, "left"))
        await schema.types(HERE, ["left"])


async def test_of_two_deletions_one_finds_the_node(shared_server: Neo4jServer) -> None:
    """One that has waited for the other says that there was none."""
    async with serving(shared_server, "twice") as backend:
        graph = graph_of("opencypher", backend)
        await graph.create_nodes(g.CreateNodesRequest(nodes=[g.Node(id="a")]), HERE)
        auth = ("neo4j", shared_server.password)
        async with AsyncGraphDatabase.driver(shared_server.url, auth=auth) as driver, driver.session() as session:
            transaction = await session.begin_transaction()
            await (await transaction.run("MATCH (n:_PrismNode {_ns: 'twicen', _id: 'a'}) DELETE n")).consume()
            deleting = asyncio.create_task(graph.delete_node(g.DeleteNodeRequest(id="a"), HERE))

            async def waits() -> bool:
                return await running(shared_server, "DELETE each")

            await until(waits)
            await transaction.commit()
            assert not (await deleting).found
