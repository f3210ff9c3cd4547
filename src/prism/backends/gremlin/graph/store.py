"""Graph on a Gremlin server: reads and what is one request are a transaction each, the rest a session.

TinkerPop's graphs find conflicts when they commit, by the elements that a transaction has changed. So what is read
before it is changed is read in the same transaction, and a conflict is tried again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, TypeVar

from gremlin_python.process.traversal import Bytecode

from prism.backends.gremlin.errors import FAILED, Refused, ServerError, Unreachable, translate
from prism.backends.gremlin.graph import names, statements
from prism.backends.gremlin.graph.records import node_of, one_label, properties_of, too_many_labels
from prism.backends.gremlin.graph.turns import NodeTurns
from prism.backends.gremlin.link import Link
from prism.context import Context
from prism.errors import Conflict, DeadlineExceeded, NodeHasEdges, Outcome, PrismError
from prism.interfaces.graph import MAX_CASCADE, Edge, Mode, Node
from prism.sdk.deadline import check_time
from prism.sdk.graph import (
    EdgeName,
    GraphStore,
    Hop,
    NodeChange,
    Place,
    already_exists,
    changed,
    merged_edge,
    merged_node,
    missing_nodes,
)

_CREATE: Final = (Mode.GRAPH_MODE_UNSPECIFIED, Mode.GRAPH_MODE_CREATE)
MERGE: Final = Mode.GRAPH_MODE_MERGE
_FEW: Final = 20
"""Elements that are merged or replaced in one request: each is branches of its traversal."""
_PART: Final = 100
"""Elements that one traversal makes or changes."""
_PLACES: Final = 16
"""Places of one traversal that are not at the beginning: each is a branch of it."""
_AT_ONCE: Final = 8
"""Traversals of one step at a time."""
_ATTEMPTS: Final = 40
"""At a write that conflicts with others."""
_READS: Final = 3
"""Attempts at a read that comes upon what others remove."""
_PAUSE: Final = 0.05
"""Seconds between attempts at most."""

T = TypeVar("T")
_FAILURES: Final = (ServerError, Unreachable, Refused)


class _Again(Exception):
    """What was read has changed before it was written: the transaction is to be tried again."""


class GremlinGraphs(GraphStore):
    """`prism.sdk.graph.GraphStore` on one server.

    Args:
        link: to it.
        prefix: in front of each namespace.

    Attributes:
        conflicts: that were tried again.
    """

    def __init__(self, link: Link, prefix: str) -> None:
        self._link = link
        self._prefix = f"{prefix}|" if prefix else ""
        self._turns = NodeTurns()
        self.conflicts = 0

    async def start(self) -> None:
        """Asks for what a graph must have.

        Raises:
            FailedPrecondition: it has no transactions.
        """
        context = Context("")
        try:
            await self._link.ask(statements.probe(), context, writes=False)
            async with self._link.transaction(context) as opened:
                await opened.ask(statements.probe())
                await opened.commit()
        except _FAILURES as error:
            raise translate(error, writes=False) from error

    async def holds(self, namespace: str) -> bool:
        """Whether the namespace has a node."""
        context = Context(namespace)
        (found,) = await self.read(statements.holds(self._space(context)), context)
        return bool(found)

    def _space(self, context: Context) -> str:
        return self._prefix + context.namespace

    async def read(self, code: Bytecode, context: Context) -> list[Any]:
        """The results of what changes nothing."""
        check_time(context, writes=False)
        for attempt in range(1, _READS + 1):
            try:
                return await self._link.ask(code, context, writes=False)
            except ServerError as error:
                if not error.conflict or attempt == _READS:
                    raise translate(error, writes=False) from error
            except (Unreachable, Refused) as error:
                raise translate(error, writes=False) from error
        raise AssertionError("the last attempt returns or raises")

    async def _read_all(self, codes: Sequence[Bytecode], context: Context) -> list[Any]:
        reads = [asyncio.ensure_future(self.read(code, context)) for code in codes]
        try:
            return [each for answer in await asyncio.gather(*reads) for each in answer]
        finally:
            for each in reads:
                each.cancel()

    async def nodes(self, context: Context, ids: Sequence[str]) -> Mapping[str, Node]:
        if not ids:
            return {}
        found = map(node_of, await self.read(statements.nodes(self._space(context), ids), context))
        return {node.id: node for node in found}

    async def list_nodes(self, context: Context, label: str, after: str, limit: int) -> Sequence[Node]:
        code = statements.list_nodes(self._space(context), label, after, limit)
        return [node_of(each) for each in await self.read(code, context)]

    async def edges(self, context: Context, names: Sequence[EdgeName]) -> Mapping[EdgeName, Edge]:
        if not names:
            return {}
        return _edges(await self.read(statements.edges(self._space(context), names), context))

    async def adjacent(
        self, context: Context, places: Sequence[Place], *, incoming: bool, limit: int, whole: bool
    ) -> Sequence[Sequence[Hop]]:
        space = self._space(context)
        labels: dict[str, list[str]] = {}
        later = []
        for place in places:
            if place.after[0]:
                later.append(place)
            else:
                labels.setdefault(place.label, []).append(place.node)
        codes = [
            statements.adjacent(space, nodes, label, incoming=incoming, limit=limit, whole=whole)
            for label, nodes in labels.items()
        ]
        codes += [
            statements.behind(space, part, incoming=incoming, limit=limit, whole=whole)
            for part in _parts(later, _PLACES)
        ]
        found: dict[tuple[str, str], list[Hop]] = {}
        labelled = bool(places[0].label)
        for begin in range(0, len(codes), _AT_ONCE):
            for each in await self._read_all(codes[begin : begin + _AT_ONCE], context):
                name = names.name_of(each["id"] if whole else each)
                properties = properties_of(each["properties"]) if whole else {}
                node = name.to_id if incoming else name.from_id
                found.setdefault((node, name.label if labelled else ""), []).append(Hop(name, properties))
        return [found.get((place.node, place.label), []) for place in places]

    async def count(self, context: Context, place: Place, *, incoming: bool, loops: bool, at_most: int) -> int:
        code = statements.count(self._space(context), place, incoming=incoming, loops=loops, at_most=at_most)
        (found,) = await self.read(code, context) or (0,)
        return int(found)

    async def create_nodes(self, context: Context, nodes: Sequence[Node], mode: Mode) -> int:
        made = {node.id: node for node in nodes}

        async def create() -> int:
            kept = [merged_node(None, node, mode) for node in nodes]
            if len(kept) > _PART:
                return await self._merge_nodes(context, made, mode)
            try:
                await self._link.ask(statements.create_nodes(self._space(context), kept), context, writes=True)
            except ServerError as error:
                if not error.exists:
                    raise
                there = await self.nodes(context, [*made])
                raise already_exists("node", min(there, default=nodes[0].id)) from error
            return len(kept)

        async def put() -> int:
            if len(nodes) > _FEW:
                return await self._merge_nodes(context, made, mode)
            code = statements.put_nodes(self._space(context), nodes, merge=mode == MERGE)
            try:
                (new,) = await self._link.ask(code, context, writes=True)
            except ServerError as error:
                if error.code != FAILED or statements.LABELS not in error.said:
                    raise
                raise too_many_labels(error.said.partition(statements.LABELS)[2]) from error
            return int(new)

        return await self._write(context, made, create if mode in _CREATE else put)

    async def _merge_nodes(self, context: Context, asked: Mapping[str, Node], mode: Mode) -> int:
        space = self._space(context)
        async with self._link.transaction(context) as opened:
            records = await opened.ask(statements.nodes(space, asked))
            before = {node.id: node for node in map(node_of, records)}
            if before and mode in _CREATE:
                raise already_exists("node", min(before))
            after = {each: one_label(merged_node(before.get(each), node, mode)) for each, node in asked.items()}
            for new in _parts([after[each] for each in after if each not in before], _PART):
                await opened.ask(statements.create_nodes(space, new))
            changes = [(each, node, after[each]) for each, node in before.items() if node != after[each]]
            for part in _parts(changes, _PART):
                if not await opened.ask(statements.change_nodes(space, part)):
                    raise _Again
            await opened.commit()
        return len(asked) - len(before)

    async def create_edges(self, context: Context, edges: Sequence[Edge], mode: Mode) -> int:
        ends = {end for edge in edges for end in (edge.from_id, edge.to_id)}

        async def create() -> int:
            if len(edges) > _PART:
                return await self._merge_edges(context, edges, ends, mode)
            made = [statements.record(merged_edge(None, edge, mode)) for edge in edges]
            code = statements.create_edges(self._space(context), made)
            try:
                answer = await self._link.ask(code, context, writes=True)
            except ServerError as error:
                if not error.exists:
                    raise
                there = await self.edges(context, [name for name, _ in made])
                raise already_exists("edge", min(there, default=made[0][0]).id) from error
            if not answer:
                await self._refuse_missing(context, ends)
            return len(made)

        async def put() -> int:
            if len(edges) > _FEW:
                return await self._merge_edges(context, edges, ends, mode)
            try:
                code = statements.put_edges(self._space(context), edges, merge=mode == MERGE)
                (new,) = await self._link.ask(code, context, writes=True)
            except ServerError as error:
                if _gone(error):
                    await self._refuse_missing(context, ends)
                raise
            return int(new)

        return await self._write(context, ends, create if mode in _CREATE else put)

    async def _merge_edges(self, context: Context, edges: Sequence[Edge], ends: Collection[str], mode: Mode) -> int:
        space = self._space(context)
        async with self._link.transaction(context) as opened:
            there = {names.node_of(each) for each in await opened.ask(statements.missing(space, sorted(ends)))}
            if gone := {*ends} - there:
                raise missing_nodes(gone)
            before = _edges(await opened.ask(statements.edges(space, map(EdgeName.of, edges))))
            if before and mode in _CREATE:
                raise already_exists("edge", min(before).id)
            after = {EdgeName.of(edge): merged_edge(before.get(EdgeName.of(edge)), edge, mode) for edge in edges}
            for new in _parts([statements.record(after[name]) for name in after if name not in before], _PART):
                if not await opened.ask(statements.create_edges(space, new)):
                    raise _Again
            changes = [
                (name, edge.properties, after[name].properties)
                for name, edge in before.items()
                if edge.properties != after[name].properties
            ]
            for part in _parts(changes, _PART):
                if not await opened.ask(statements.change_edges(space, part)):
                    raise _Again
            await opened.commit()
        return len(edges) - len(before)

    async def _refuse_missing(self, context: Context, ends: Collection[str]) -> None:
        there: set[str] = set()
        for part in _parts(sorted(ends), 1000):
            there |= {
                names.node_of(each) for each in await self.read(statements.missing(self._space(context), part), context)
            }
        if gone := {*ends} - there:
            raise missing_nodes(gone)
        raise _Again  # made in the meantime

    async def update_node(self, context: Context, node: str, change: NodeChange) -> Node | None:
        async def update() -> Node | None:
            if change.add_labels or change.remove_labels:
                return await self._relabel(context, node, change)
            code = statements.update_node(self._space(context), node, change.set, change.remove)
            found = await self._link.ask(code, context, writes=True)
            return node_of(found[0]) if found else None

        return await self._write(context, [node], update)

    async def _relabel(self, context: Context, node: str, change: NodeChange) -> Node | None:
        async with self._link.transaction(context) as opened:
            found = await opened.ask(statements.nodes(self._space(context), [node]))
            if not found:
                return None
            before = node_of(found[0])
            after = one_label(changed(before, change))
            if not await opened.ask(statements.change_nodes(self._space(context), [(node, before, after)])):
                raise _Again
            await opened.commit()
        return after

    async def delete_node(self, context: Context, node: str, *, cascade: bool) -> tuple[bool, int]:
        most = MAX_CASCADE if cascade else 0

        async def delete() -> list[Any]:
            return await self._link.ask(statements.delete_node(self._space(context), node, most), context, writes=True)

        found = await self._write(context, [node], delete)
        if not found:
            return False, 0
        if found[0] > most:
            raise NodeHasEdges.of(node, found[0], most=most)
        return True, int(found[0])

    async def delete_edges(self, context: Context, names: Sequence[EdgeName]) -> int:
        ends = {end for name in names for end in (name.from_id, name.to_id)}

        async def delete() -> list[Any]:
            return await self._link.ask(statements.delete_edges(self._space(context), names), context, writes=True)

        (count,) = await self._write(context, ends, delete)
        return int(count)

    async def _write(self, context: Context, nodes: Collection[str], work: Callable[[], Awaitable[T]]) -> T:
        """Does it in the turn of its nodes, again where it conflicts with another gateway's.

        Raises:
            Conflict: it did each time.
        """
        check_time(context, writes=True)
        async with AsyncExitStack() as turn:
            await self._take(turn, context, nodes)
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    return await work()
                except _Again as error:
                    cause: Exception = error
                except ServerError as error:
                    if not (error.conflict or error.exists or _gone(error)):
                        raise translate(error, writes=True) from error
                    cause = error
                except (Unreachable, Refused) as error:
                    raise translate(error, writes=True) from error
                except PrismError as error:  # also of a read before or after what the server refused
                    if error.outcome is None:
                        error.outcome = Outcome.NOT_APPLIED
                    raise
                self.conflicts += 1
                await self._pause(context, attempt)
        raise Conflict(
            "other calls change the same nodes, each time before this one is through: try again",
            outcome=Outcome.NOT_APPLIED,
            retry_after=_PAUSE,
        ) from cause

    async def _take(self, turn: AsyncExitStack, context: Context, nodes: Collection[str]) -> None:
        left = None if context.deadline is None else context.deadline.remaining()
        try:
            async with asyncio.timeout(left):
                await turn.enter_async_context(self._turns.of(context.namespace, nodes))
        except TimeoutError as error:
            raise _late() from error

    @staticmethod
    async def _pause(context: Context, attempt: int) -> None:
        pause = random.random() * min(_PAUSE, 0.001 * 2**attempt)  # noqa: S311  # no secret
        if context.deadline is not None and context.deadline.remaining() <= pause:
            raise _late()
        await asyncio.sleep(pause)


def _late() -> DeadlineExceeded:
    return DeadlineExceeded(
        "the deadline passed while other calls changed the same nodes; allow more time", outcome=Outcome.NOT_APPLIED
    )


def _gone(error: ServerError) -> bool:
    return error.code == FAILED and statements.GONE in error.said


def _edges(records: Sequence[Mapping[str, Any]]) -> dict[EdgeName, Edge]:
    found = {}
    for record in records:
        name = names.name_of(record["id"])
        found[name] = name.edge(properties_of(record["properties"]))
    return found


def _parts(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for begin in range(0, len(values), size):
        yield values[begin : begin + size]
