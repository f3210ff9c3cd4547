"""Graph as a workload: a node for each number."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from prism.acceptance.callers.caller import Caller
from prism.acceptance.stored_numbers import stored_numbers
from prism.acceptance.suites.graph.dsl import REPLACE, Graph, edge, node, plain
from prism.acceptance.workload import Request, StoringWorkload, Witness
from prism.acceptance.write_ledger import WriteLedger
from prism.interfaces import graph as g

_OF_CAPABILITIES: Mapping[str, Sequence[Request]] = {
    "snapshot": [
        ("Traverse", g.TraverseRequest(start=["n1"], snapshot=True)),
        ("ShortestPath", g.ShortestPathRequest(from_id="n1", to_id="n1", snapshot=True)),
    ],
    "multi_label": [("CreateNodes", g.CreateNodesRequest(nodes=[node("n1", "a", "b")], mode=REPLACE))],
}


class GraphWorkload(StoringWorkload):
    """`prism.acceptance.workload.StoringWorkload` of Graph."""

    LANGUAGE = Graph
    WRITE = "CreateNodes"
    READ = "GetNodes"
    INVALID = (
        ("CreateNodes", g.CreateNodesRequest(nodes=[g.Node(id="n" * 513)]), "nodes[0].id"),
        ("CreateEdges", g.CreateEdgesRequest(edges=[edge("a-x>")]), "edges[0].to_id"),
        ("GetEdges", g.GetEdgesRequest(node=""), "node"),
    )

    def __init__(self, caller: Caller, namespace: str | None = None) -> None:
        super().__init__(caller, namespace)
        self._graph = Graph(caller, self.dsl.namespace)

    @staticmethod
    def requests(capability: str) -> Sequence[Request]:
        """See Workload."""
        return _OF_CAPABILITIES.get(capability, ())

    @property
    def durable(self) -> bool:
        """See StoringWorkload."""
        return self.dsl.capabilities.declares("durability")

    def write_request(self, number: int, value: int | None = None) -> g.CreateNodesRequest:
        """See Workload."""
        made = node(f"n{number}", value=number if value is None else value)
        return g.CreateNodesRequest(nodes=[made], mode=REPLACE)

    def witness(self, ledger: WriteLedger) -> AbstractAsyncContextManager[Witness]:
        """See Workload."""
        return stored_numbers(self, ledger)

    def changes(self, number: int) -> Sequence[Request]:
        """See StoringWorkload."""
        several = g.CreateNodesRequest(nodes=[node(f"n{number}", value=0), node("other")], mode=REPLACE)
        return [("CreateNodes", several), ("DeleteNode", g.DeleteNodeRequest(id=f"n{number}"))]

    def read_request(self, number: int) -> g.GetNodesRequest:
        """See StoringWorkload."""
        return g.GetNodesRequest(ids=[f"n{number}"])

    async def read(self, number: int, *, via: int | None = None) -> int | None:
        """See StoringWorkload."""
        values = [plain(each.properties)["value"] for each in await self._graph.get(f"n{number}", via=via)]
        return int(str(values[0])) if values else None

    async def found(self, numbers: set[int]) -> set[int]:
        """See StoringWorkload."""
        there = set()
        ordered = sorted(numbers)
        most = self.dsl.capabilities.max_batch_items
        for start in range(0, len(ordered), most):
            part = ordered[start : start + most]
            for each in await self._graph.get(*(f"n{number}" for number in part)):
                if plain(each.properties)["value"] == int(each.id[1:]):
                    there.add(int(each.id[1:]))
        return there


WORKLOAD = GraphWorkload
