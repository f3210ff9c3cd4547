"""Graph over a store: what requests mean, once for all stores."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext

from prism.errors import InvalidArgument, Outcome, Violation, answer_too_large
from prism.interfaces import graph as g
from prism.interfaces.capabilities import undeclared
from prism.interfaces.capabilities.graph import GraphCapabilities
from prism.interfaces.value import Value
from prism.sdk.graph import answers, paging, shortest_path
from prism.sdk.graph.edge_name import EdgeName
from prism.sdk.graph.limits import Visits
from prism.sdk.graph.merging import kept
from prism.sdk.graph.metrics import GraphMetrics
from prism.sdk.graph.steps import Ways
from prism.sdk.graph.store import GraphReads, GraphStore, NodeChange, Snapshots, missing_nodes
from prism.sdk.values.kinds import require_kinds


class StoredGraph(g.Graph):
    """Graph over a store."""

    def __init__(self, store: GraphStore) -> None:
        self._store = store
        self._metrics = GraphMetrics()
        self.declare(GraphCapabilities())

    def declare(self, capabilities: GraphCapabilities) -> None:
        """What the manifest declares."""
        self._capabilities = capabilities
        self._kinds = frozenset(capabilities.value_kinds)

    def metrics(self) -> Mapping[str, float]:
        """What has been done so far."""
        return self._metrics.read()

    async def create_nodes(self, request: g.CreateNodesRequest, context: g.Context) -> g.CreateNodesResponse:
        """See the .proto."""
        for index, node in enumerate(request.nodes):
            path = f"nodes[{index}]"
            self._check_labels(node.labels, path)
            self._check_properties(node.properties, path)
            self._check_size(node, path)
        ordered = sorted(request.nodes, key=lambda node: node.id)
        return g.CreateNodesResponse(created=await self._store.create_nodes(context, ordered, request.mode))

    async def create_edges(self, request: g.CreateEdgesRequest, context: g.Context) -> g.CreateEdgesResponse:
        """See the .proto."""
        edges: dict[EdgeName, g.Edge] = {}
        for index, edge in enumerate(request.edges):
            path = f"edges[{index}]"
            self._check_properties(edge.properties, path)
            self._check_size(edge, path)
            if edges.setdefault(EdgeName.of(edge), edge) is not edge:
                raise _refusal(path, "the same from_id, label, to_id and key as another", "each may appear once")
        ids = [name.id for name in edges]
        ordered = [edges[name] for name in sorted(edges)]
        created = await self._store.create_edges(context, ordered, request.mode)
        return g.CreateEdgesResponse(created=created, ids=ids)

    async def get_nodes(self, request: g.GetNodesRequest, context: g.Context) -> g.GetNodesResponse:
        """See the .proto."""
        nodes: list[g.Node] = []
        left, pace, begin = self._capabilities.max_payload, paging.Pace(), 0
        while begin < len(request.ids):
            some = request.ids[begin : begin + pace.of(len(request.ids) - begin, left)]
            found = await self._store.nodes(context, some)
            nodes += (found[each] for each in some if each in found)
            begin += len(some)
            if begin < len(request.ids):
                sizes = [each.ByteSize() for each in found.values()]
                pace.read(sizes)
                left -= sum(sizes)
                if left < 0:
                    most = self._capabilities.max_payload
                    raise answer_too_large(most - left, most)
        return g.GetNodesResponse(nodes=nodes)

    async def list_nodes(self, request: g.ListNodesRequest, context: g.Context) -> g.ListNodesResponse:
        """See the .proto."""
        return await paging.nodes_page(self._store, request, context, self._capabilities.max_payload)

    async def update_node(self, request: g.UpdateNodeRequest, context: g.Context) -> g.UpdateNodeResponse:
        """See the .proto."""
        self._check_properties(request.set, "", "set")
        self._check_labels(request.add_labels, "", "add_labels")
        _check_apart(request.set, request.remove, "remove", "set")
        _check_apart(request.add_labels, request.remove_labels, "remove_labels", "add_labels")
        values = kept(request.set)
        nulls = [name for name in request.set if name not in values]
        change = NodeChange(values, {*request.remove, *nulls}, {*request.add_labels}, {*request.remove_labels})
        node = await self._store.update_node(context, request.id, change)
        if node is None:
            raise missing_nodes([request.id])
        return g.UpdateNodeResponse(node=node)

    async def delete_node(self, request: g.DeleteNodeRequest, context: g.Context) -> g.DeleteNodeResponse:
        """See the .proto."""
        cascade = request.edges == g.Edges.GRAPH_EDGES_CASCADE
        found, edges = await self._store.delete_node(context, request.id, cascade=cascade)
        return g.DeleteNodeResponse(found=found, edges=edges)

    async def get_edges(self, request: g.GetEdgesRequest, context: g.Context) -> g.GetEdgesResponse:
        """See the .proto."""
        return await paging.edges_page(self._store, request, context, self._capabilities.max_payload)

    async def count_edges(self, request: g.CountEdgesRequest, context: g.Context) -> g.CountEdgesResponse:
        """See the .proto."""
        at_most = request.at_most or g.DEFAULT_AT_MOST
        ways = Ways.of(request.direction, request.labels)
        count = 0
        for incoming in ways.incoming:
            loops = not (incoming and len(ways.incoming) > 1)
            for place in ways.places(request.node):
                left = at_most + 1 - count
                if left > 0:
                    count += await self._store.count(context, place, incoming=incoming, loops=loops, at_most=left)
        return g.CountEdgesResponse(count=min(count, at_most), exact=count <= at_most)

    async def delete_edges(self, request: g.DeleteEdgesRequest, context: g.Context) -> g.DeleteEdgesResponse:
        """See the .proto."""
        names = [EdgeName.parse(each, f"ids[{index}]") for index, each in enumerate(request.ids)]
        return g.DeleteEdgesResponse(deleted=await self._store.delete_edges(context, sorted(names)))

    async def traverse(self, request: g.TraverseRequest, context: g.Context) -> AsyncIterator[g.TraverseResponse]:
        """See the .proto."""
        async with self._reads(context, snapshot=request.snapshot) as reads:
            responses = answers.traverse(reads, request, context, self._capabilities.max_payload)
            async with aclosing(responses):  # type: ignore[type-var]
                async for response in responses:
                    if response.HasField("end"):
                        self._metrics.traversed(response.end.visited)
                    yield response

    async def shortest_path(self, request: g.ShortestPathRequest, context: g.Context) -> g.ShortestPathResponse:
        """See the .proto."""
        ways = Ways.of(request.direction, request.labels)
        visits = Visits(context, request.max_visited or g.DEFAULT_MAX_VISITED)
        ends = (request.from_id, request.to_id)
        async with self._reads(context, snapshot=request.snapshot) as reads:
            way = await shortest_path.shortest_path(reads, context, ends, ways, request.max or g.MAX_STEPS, visits)
        self._metrics.traversed(visits.visited)
        if way is None:
            return g.ShortestPathResponse(visited=visits.visited)
        return g.ShortestPathResponse(found=True, path=way.path(), visited=visits.visited)

    def _reads(self, context: g.Context, *, snapshot: bool) -> AbstractAsyncContextManager[GraphReads]:
        if not snapshot:
            return nullcontext(self._store)
        if not isinstance(self._store, Snapshots):
            raise TypeError(f"{type(self._store).__name__} declares snapshot and has none")
        return self._store.snapshot(context)

    def _check_labels(self, labels: Sequence[str], path: str, field: str = "labels") -> None:
        where = f"{path}.{field}" if path else field
        if len(labels) > 1 and not self._capabilities.multi_label:
            raise undeclared("multi_label", f"{where}, which has {len(labels)} labels,")
        if "" in labels:
            raise _refusal(where, "an empty label", "a label has 1 to 128 bytes")

    def _check_properties(self, properties: Mapping[str, Value], path: str, field: str = "properties") -> None:
        where = f"{path}.{field}" if path else field
        for name, value in properties.items():
            if not name:
                raise _refusal(where, "an empty name", "a property's name has 1 to 512 bytes")
            if not value.HasField("null"):
                require_kinds(value, self._kinds, f"{where}[{name[:40]!r}]")

    def _check_size(self, message: g.Node | g.Edge, path: str) -> None:
        size, most = message.ByteSize(), self._capabilities.max_item_size
        if size > most:
            raise _refusal(path, f"{size} bytes", f"at most {most} are allowed")


def _check_apart(one: Iterable[str], other: Iterable[str], field: str, named: str) -> None:
    if both := {*one} & {*other}:
        raise _refusal(field, repr(min(both)[:80]), f"it is in {named} too; give it once")


def _refusal(field: str, found: str, limit: str) -> InvalidArgument:
    violation = Violation(field, found, limit)
    return InvalidArgument(str(violation), violations=[violation], outcome=Outcome.NOT_APPLIED)
