"""Graph for applications: nodes, edges, traversals and shortest paths, as plain Python values.

What each operation means: docs/contract.md and prism/data/v1/graph.proto. Every method may raise a `PrismError`.
`timeout` is in seconds (or a timedelta), for the call, or for each page of a list, with all its retries.
"""

from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final, Literal

from prism.client.arguments import Seconds
from prism.client.graph.records import (
    Direction,
    Edge,
    EdgeCount,
    GraphPath,
    Mode,
    Node,
    Reached,
    Step,
    direction_of,
    from_edge,
    from_node,
    from_path,
    mode_of,
    to_edge,
    to_labels,
    to_node,
    to_properties,
    to_step,
)
from prism.client.headers import NamespaceHeaders
from prism.client.paging import Page, Pager
from prism.client.sql import Record
from prism.client.transport import Transport
from prism.client.values import Plain, from_value
from prism.errors import InternalError
from prism.interfaces import graph as messages
from prism.interfaces.filter import Filter

_ALL: Final = 2**63 - 1
_OPERATIONS = {operation.method: operation for operation in messages.INTERFACE.operations}


class Graph:
    """The graph of one namespace; made by `Client.graph`."""

    def __init__(self, transport: Transport, headers: NamespaceHeaders) -> None:
        self._transport = transport
        self._headers = headers

    async def create_nodes(self, *nodes: Node, mode: Mode = "create", timeout: Seconds | None = None) -> int:
        """Makes nodes, all or none, to 1,000; how many are new.

        Args:
            nodes: of different ids.
            mode: what becomes of those that exist: `create` refuses with AlreadyExists, `merge` sets the properties
                that are named and adds labels, `replace` leaves what is given.
            timeout: see above.
        """
        request = messages.CreateNodesRequest(nodes=[to_node(each) for each in nodes], mode=mode_of(mode))
        return messages.CreateNodesResponse.FromString(await self._call("create_nodes", request, timeout)).created

    async def create_edges(self, *edges: Edge, mode: Mode = "create", timeout: Seconds | None = None) -> int:
        """Makes edges between nodes that exist; as `create_nodes` does.

        Raises:
            NodeNotFound: a node of one is missing; nothing was made.
        """
        request = messages.CreateEdgesRequest(edges=[to_edge(each) for each in edges], mode=mode_of(mode))
        return messages.CreateEdgesResponse.FromString(await self._call("create_edges", request, timeout)).created

    async def node(self, id: str, *, timeout: Seconds | None = None) -> Node | None:  # noqa: A002 - the field's own name
        """A node; None where there is none."""
        return (await self.nodes(id, timeout=timeout)).get(id)

    async def nodes(self, *ids: str, timeout: Seconds | None = None) -> dict[str, Node]:
        """Nodes by their ids; what is missing is absent."""
        if not ids:
            return {}
        request = messages.GetNodesRequest(ids=list(dict.fromkeys(ids)))
        answer = messages.GetNodesResponse.FromString(await self._call("get_nodes", request, timeout))
        return {each.id: from_node(each) for each in answer.nodes}

    def list_nodes(
        self,
        label: str = "",
        *,
        where: Filter | None = None,
        limit: int | None = None,
        page_size: int = 100,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[Node]:
        """All nodes, or those with a label, by their ids: `async for node in graph.list_nodes("person")`.

        Args:
            label: empty for all.
            where: over the properties; see `prism.client.field`.
            limit: most nodes; None for all.
            page_size: most nodes of a page, 1 to 1,000.
            cursor: where an earlier list of the same ended; `Page.next_cursor`.
            timeout: see above.
        """
        request = messages.ListNodesRequest(label=label, filter=where)

        async def fetch(cursor: bytes, most: int) -> Page[Node]:
            request.cursor, request.limit = cursor, most
            page = messages.ListNodesResponse.FromString(await self._call("list_nodes", request, timeout))
            return Page(tuple(map(from_node, page.nodes)), page.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    async def update_node(
        self,
        id: str,  # noqa: A002 - the field's own name
        properties: Mapping[str, Plain] | None = None,
        *,
        remove: Iterable[str] = (),
        add_labels: Iterable[str] = (),
        remove_labels: Iterable[str] = (),
        timeout: Seconds | None = None,
    ) -> Node:
        """Changes a node; as it is then. A property that is None is removed.

        Raises:
            NodeNotFound: it is missing.
        """
        request = messages.UpdateNodeRequest(
            id=id,
            set=to_properties(properties or {}),
            remove=remove,
            add_labels=add_labels,
            remove_labels=remove_labels,
        )
        answer = messages.UpdateNodeResponse.FromString(await self._call("update_node", request, timeout))
        return from_node(answer.node)

    async def delete_node(self, id: str, *, cascade: bool = False, timeout: Seconds | None = None) -> bool:  # noqa: A002
        """Deletes a node, with `cascade` its edges too, to 10,000; whether it was there.

        Raises:
            NodeHasEdges: it has some, or too many; nothing was deleted.
        """
        edges = messages.Edges.GRAPH_EDGES_CASCADE if cascade else messages.Edges.GRAPH_EDGES_REFUSE
        request = messages.DeleteNodeRequest(id=id, edges=edges)
        return messages.DeleteNodeResponse.FromString(await self._call("delete_node", request, timeout)).found

    def edges(
        self,
        node: str,
        direction: Direction = "out",
        labels: Iterable[str] | str = (),
        *,
        where: Filter | None = None,
        limit: int | None = None,
        page_size: int = 100,
        cursor: bytes = b"",
        timeout: Seconds | None = None,
    ) -> Pager[Edge]:
        """The edges of a node; the arguments are those of `list_nodes`."""
        request = messages.GetEdgesRequest(
            node=node, direction=direction_of(direction), labels=to_labels(labels), filter=where
        )

        async def fetch(cursor: bytes, most: int) -> Page[Edge]:
            request.cursor, request.limit = cursor, most
            page = messages.GetEdgesResponse.FromString(await self._call("get_edges", request, timeout))
            return Page(tuple(map(from_edge, page.edges)), page.next_cursor)

        return Pager(fetch, limit=limit, page_size=page_size, cursor=cursor)

    async def count_edges(
        self,
        node: str,
        direction: Direction = "out",
        labels: Iterable[str] | str = (),
        *,
        at_most: int = messages.DEFAULT_AT_MOST,
        timeout: Seconds | None = None,
    ) -> EdgeCount:
        """How many edges a node has; counting stops at `at_most`."""
        if at_most < 1:
            raise ValueError(f"at_most is {at_most}; give 1 or more")
        request = messages.CountEdgesRequest(
            node=node, direction=direction_of(direction), labels=to_labels(labels), at_most=at_most
        )
        answer = messages.CountEdgesResponse.FromString(await self._call("count_edges", request, timeout))
        return EdgeCount(answer.count, answer.exact)

    async def delete_edges(self, *edges: Edge | str, timeout: Seconds | None = None) -> int:
        """Deletes edges, or those of these ids, in one transaction; how many were there."""
        ids = [each if isinstance(each, str) else each.id for each in edges]
        if not ids:
            return 0
        request = messages.DeleteEdgesRequest(ids=ids)
        return messages.DeleteEdgesResponse.FromString(await self._call("delete_edges", request, timeout)).deleted

    async def traverse(
        self,
        start: Iterable[str] | str,
        *steps: Step,
        returns: Literal["nodes", "edges", "paths"] = "nodes",
        unique: Literal["node", "edge"] = "node",
        limit: int = 0,
        max_visited: int = 0,
        snapshot: bool = False,
        timeout: Seconds | None = None,
    ) -> AsyncGenerator[Reached, None]:
        """What is reached from some nodes along steps taken in turn, level by level.

            async for found in graph.traverse("ada", Step("knows", most=3)):
                print(found.depth, found.node)

        Args:
            start: the ids of the nodes where it begins.
            steps: taken in turn.
            returns: the nodes at which walks end, their last edges, or whole paths.
            unique: what no path has twice.
            limit: most results; 0 for all.
            max_visited: most edges that are looked at; 0 for 100,000.
            snapshot: all of it as it was at one instant, where the backend declares that.
            timeout: for all of it; without one it has no limit of time.

        Raises:
            LimitExceeded: over `max_visited`; the error's metadata says how far it came.
        """
        request = messages.TraverseRequest(
            start=[start] if isinstance(start, str) else start,
            steps=[to_step(each) for each in steps],
            returns=f"GRAPH_RETURN_{returns.upper()}",
            unique=f"GRAPH_UNIQUE_{unique.upper()}",
            limit=limit,
            max_visited=max_visited,
            snapshot=snapshot,
        )
        deadline = None if timeout is None else self._transport.deadline(timeout)
        ended = False
        payload = request.SerializeToString()
        async with aclosing(self._transport.stream(_OPERATIONS["traverse"], payload, self._headers, deadline)) as parts:
            async for part in parts:
                response = messages.TraverseResponse.FromString(part)
                ended = response.HasField("end")
                depth = response.level.depth
                for node in response.level.nodes:
                    yield Reached(depth, node=from_node(node))
                for edge in response.level.edges:
                    yield Reached(depth, edge=from_edge(edge))
                for path in response.level.paths:
                    yield Reached(depth, path=from_path(path))
        if not ended:
            raise InternalError("the answer was cut: it came without its end")

    async def shortest_path(
        self,
        from_id: str,
        to_id: str,
        direction: Direction = "out",
        labels: Iterable[str] | str = (),
        *,
        most: int = messages.MAX_STEPS,
        max_visited: int = 0,
        snapshot: bool = False,
        timeout: Seconds | None = None,
    ) -> GraphPath | None:
        """A path of the fewest edges, `most` at most, and of equals the one of the least ids; None where there is none.

        The other arguments are those of `traverse`.
        """
        request = messages.ShortestPathRequest(
            from_id=from_id,
            to_id=to_id,
            direction=direction_of(direction),
            labels=to_labels(labels),
            max=most,
            max_visited=max_visited,
            snapshot=snapshot,
        )
        answer = messages.ShortestPathResponse.FromString(await self._call("shortest_path", request, timeout))
        return from_path(answer.path) if answer.found else None

    async def query(
        self,
        text: str,
        params: Mapping[str, Plain] | None = None,
        *,
        language: str = "opencypher",
        max_rows: int | None = None,
        timeout: Seconds | None = None,
    ) -> AsyncGenerator[Record, None]:
        """The rows of a statement in the store's own language that reads, one by one as they come.

            async for row in graph.query("MATCH (n:person) WHERE n.born < $year RETURN n.name", {"year": 1900}):
                print(row[0], row["n.name"])

        Nodes, edges and paths are dicts. Closing the generator stops the statement in the store.

        Args:
            text: of the statement.
            params: by their names.
            language: of the text; what the backend declares.
            max_rows: most rows; None for all.
            timeout: for all of it; without one it has no limit of time.
        """
        request = messages.QueryRequest(
            language=language, text=text, params=to_properties(params or {}), max_rows=max_rows or _ALL
        )
        deadline = None if timeout is None else self._transport.deadline(timeout)
        payload = request.SerializeToString()
        names: dict[str, int] = {}
        ended = False
        async with aclosing(self._transport.stream(_OPERATIONS["query"], payload, self._headers, deadline)) as parts:
            async for part in parts:
                response = messages.QueryResponse.FromString(part)
                ended = response.HasField("end")
                if response.HasField("columns"):
                    names = _places(response.columns)
                for row in response.rows.rows:
                    yield Record(names, tuple(map(from_value, row.values)))
        if not ended:
            raise InternalError("the answer was cut: it came without its end")

    async def execute(
        self,
        text: str,
        params: Mapping[str, Plain] | None = None,
        *,
        language: str = "opencypher",
        timeout: Seconds | None = None,
    ) -> list[Record]:
        """Runs a statement in the store's own language that may write, and commits it; its rows.

        The other arguments are those of `query`.
        """
        request = messages.ExecuteRequest(language=language, text=text, params=to_properties(params or {}))
        answer = messages.ExecuteResponse.FromString(await self._call("execute", request, timeout))
        names = _places(answer.columns)
        return [Record(names, tuple(map(from_value, row.values))) for row in answer.rows]

    def _call(self, method: str, request: Any, timeout: Seconds | None) -> Awaitable[bytes]:
        return self._transport.unary(_OPERATIONS[method], request.SerializeToString(), self._headers, timeout)


def _places(columns: messages.Columns) -> dict[str, int]:
    return {name: place for place, name in enumerate(columns.names)}
