"""Graph: nodes, edges between them, and ways along the edges. What each operation means: prism/data/v1/graph.proto.

In this module the abstraction's messages go by their short names: `Node` is `GraphNode` on the wire.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, Protocol

from prism._proto.data.v1 import graph_pb2 as pb
from prism._proto.data.v1.graph_pb2 import GraphColumns as Columns
from prism._proto.data.v1.graph_pb2 import GraphCountEdgesRequest as CountEdgesRequest
from prism._proto.data.v1.graph_pb2 import GraphCountEdgesResponse as CountEdgesResponse
from prism._proto.data.v1.graph_pb2 import GraphCreateEdgesRequest as CreateEdgesRequest
from prism._proto.data.v1.graph_pb2 import GraphCreateEdgesResponse as CreateEdgesResponse
from prism._proto.data.v1.graph_pb2 import GraphCreateNodesRequest as CreateNodesRequest
from prism._proto.data.v1.graph_pb2 import GraphCreateNodesResponse as CreateNodesResponse
from prism._proto.data.v1.graph_pb2 import GraphDeleteEdgesRequest as DeleteEdgesRequest
from prism._proto.data.v1.graph_pb2 import GraphDeleteEdgesResponse as DeleteEdgesResponse
from prism._proto.data.v1.graph_pb2 import GraphDeleteNodeRequest as DeleteNodeRequest
from prism._proto.data.v1.graph_pb2 import GraphDeleteNodeResponse as DeleteNodeResponse
from prism._proto.data.v1.graph_pb2 import GraphDirection as Direction
from prism._proto.data.v1.graph_pb2 import GraphEdge as Edge
from prism._proto.data.v1.graph_pb2 import GraphEdges as Edges
from prism._proto.data.v1.graph_pb2 import GraphExecuteRequest as ExecuteRequest
from prism._proto.data.v1.graph_pb2 import GraphExecuteResponse as ExecuteResponse
from prism._proto.data.v1.graph_pb2 import GraphGetEdgesRequest as GetEdgesRequest
from prism._proto.data.v1.graph_pb2 import GraphGetEdgesResponse as GetEdgesResponse
from prism._proto.data.v1.graph_pb2 import GraphGetNodesRequest as GetNodesRequest
from prism._proto.data.v1.graph_pb2 import GraphGetNodesResponse as GetNodesResponse
from prism._proto.data.v1.graph_pb2 import GraphLevel as Level
from prism._proto.data.v1.graph_pb2 import GraphListNodesRequest as ListNodesRequest
from prism._proto.data.v1.graph_pb2 import GraphListNodesResponse as ListNodesResponse
from prism._proto.data.v1.graph_pb2 import GraphMode as Mode
from prism._proto.data.v1.graph_pb2 import GraphNode as Node
from prism._proto.data.v1.graph_pb2 import GraphPath as Path
from prism._proto.data.v1.graph_pb2 import GraphQueryEnd as QueryEnd
from prism._proto.data.v1.graph_pb2 import GraphQueryRequest as QueryRequest
from prism._proto.data.v1.graph_pb2 import GraphQueryResponse as QueryResponse
from prism._proto.data.v1.graph_pb2 import GraphReturn as Return
from prism._proto.data.v1.graph_pb2 import GraphRow as Row
from prism._proto.data.v1.graph_pb2 import GraphRows as Rows
from prism._proto.data.v1.graph_pb2 import GraphShortestPathRequest as ShortestPathRequest
from prism._proto.data.v1.graph_pb2 import GraphShortestPathResponse as ShortestPathResponse
from prism._proto.data.v1.graph_pb2 import GraphStep as Step
from prism._proto.data.v1.graph_pb2 import GraphTraverseEnd as TraverseEnd
from prism._proto.data.v1.graph_pb2 import GraphTraverseRequest as TraverseRequest
from prism._proto.data.v1.graph_pb2 import GraphTraverseResponse as TraverseResponse
from prism._proto.data.v1.graph_pb2 import GraphUnique as Unique
from prism._proto.data.v1.graph_pb2 import GraphUpdateNodeRequest as UpdateNodeRequest
from prism._proto.data.v1.graph_pb2 import GraphUpdateNodeResponse as UpdateNodeResponse
from prism.context import Context
from prism.interfaces.operation import Interface

if TYPE_CHECKING:
    from prism.interfaces.capabilities import Capabilities

__all__ = [
    "DEFAULT_AT_MOST",
    "DEFAULT_MAX_VISITED",
    "DEFAULT_PAGE",
    "INTERFACE",
    "MAX_CASCADE",
    "MAX_PAGE_BYTES",
    "MAX_ROWS",
    "MAX_SCAN",
    "MAX_STEPS",
    "Columns",
    "Context",
    "CountEdgesRequest",
    "CountEdgesResponse",
    "CreateEdgesRequest",
    "CreateEdgesResponse",
    "CreateNodesRequest",
    "CreateNodesResponse",
    "DeleteEdgesRequest",
    "DeleteEdgesResponse",
    "DeleteNodeRequest",
    "DeleteNodeResponse",
    "Direction",
    "Edge",
    "Edges",
    "ExecuteRequest",
    "ExecuteResponse",
    "GetEdgesRequest",
    "GetEdgesResponse",
    "GetNodesRequest",
    "GetNodesResponse",
    "Graph",
    "Level",
    "ListNodesRequest",
    "ListNodesResponse",
    "Mode",
    "Node",
    "Path",
    "Queries",
    "QueryEnd",
    "QueryRequest",
    "QueryResponse",
    "Return",
    "Row",
    "Rows",
    "ShortestPathRequest",
    "ShortestPathResponse",
    "Step",
    "TraverseEnd",
    "TraverseRequest",
    "TraverseResponse",
    "Unique",
    "UpdateNodeRequest",
    "UpdateNodeResponse",
]

DEFAULT_PAGE: Final = 100
"""Nodes or edges on a page unless more are asked for."""
MAX_PAGE_BYTES: Final = 1 << 20
MAX_SCAN: Final = 10_000
"""Nodes or edges that a page looks at."""
DEFAULT_AT_MOST: Final = 100_000
"""Edges that are counted unless more are asked for."""
DEFAULT_MAX_VISITED: Final = 100_000
"""Edges that a traversal looks at unless more are asked for."""
MAX_CASCADE: Final = 10_000
"""Edges that go with a node in one transaction."""
MAX_STEPS: Final = 32
"""Edges of a shortest path unless more are asked for."""
MAX_ROWS: Final = 10_000
"""Rows of an answer to a Query that asks for no other number."""


class Graph(Protocol):
    """What every backend implements to serve Graph; requests arrive valid by the rules in the .proto.

    What all stores have in common (filters, pages, traversals) is done once in `prism.sdk.graph`.
    """

    async def create_nodes(self, request: CreateNodesRequest, context: Context) -> CreateNodesResponse: ...

    async def create_edges(self, request: CreateEdgesRequest, context: Context) -> CreateEdgesResponse: ...

    async def get_nodes(self, request: GetNodesRequest, context: Context) -> GetNodesResponse: ...

    async def list_nodes(self, request: ListNodesRequest, context: Context) -> ListNodesResponse: ...

    async def update_node(self, request: UpdateNodeRequest, context: Context) -> UpdateNodeResponse: ...

    async def delete_node(self, request: DeleteNodeRequest, context: Context) -> DeleteNodeResponse: ...

    async def get_edges(self, request: GetEdgesRequest, context: Context) -> GetEdgesResponse: ...

    async def count_edges(self, request: CountEdgesRequest, context: Context) -> CountEdgesResponse: ...

    async def delete_edges(self, request: DeleteEdgesRequest, context: Context) -> DeleteEdgesResponse: ...

    def traverse(self, request: TraverseRequest, context: Context) -> AsyncIterator[TraverseResponse]: ...

    async def shortest_path(self, request: ShortestPathRequest, context: Context) -> ShortestPathResponse: ...


class Queries(Protocol):
    """The capability `query`: statements in the store's own language."""

    def query(self, request: QueryRequest, context: Context) -> AsyncIterator[QueryResponse]: ...

    async def execute(self, request: ExecuteRequest, context: Context) -> ExecuteResponse: ...


def _capabilities() -> "type[Capabilities]":
    from prism.interfaces.capabilities.graph import GraphCapabilities

    return GraphCapabilities


INTERFACE = Interface.of(
    Graph, pb.DESCRIPTOR.services_by_name["Graph"], capabilities=_capabilities, optional={"query": Queries}
)
