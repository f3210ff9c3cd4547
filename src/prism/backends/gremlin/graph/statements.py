"""The traversals of Graph, as bytecode: no text of a caller is ever a script. What is several elements is one step for
each, one behind the other: steps beside one another take the server quadratic time (1,000 took 46 seconds)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, GraphTraversalSource, __
from gremlin_python.process.traversal import Bytecode, Cardinality, P, T, TraversalStrategies
from gremlin_python.structure.graph import Graph

from prism.backends.gremlin.graph import names
from prism.backends.gremlin.graph.records import stored
from prism.interfaces.graph import Edge, Mode, Node
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.graph import EdgeName, Place, kept, merged_node

Properties = Mapping[str, Value]

G: Final = GraphTraversalSource(Graph(), TraversalStrategies())
"""Where a traversal begins."""
_SINGLE: Final = Cardinality.single
GONE: Final = "prism: a node is gone"
"""What a traversal fails with whose nodes are not there, or were deleted while it ran."""
LABELS: Final = "prism: two labels: "
"""What one fails with that would give a node a second label; the node follows."""


def probe() -> Bytecode:
    """Asks for nothing."""
    return G.inject(0).bytecode


def holds(namespace: str) -> Bytecode:
    """Whether the namespace has a node: a number."""
    return G.V().has(names.NAMESPACE, namespace).limit(1).count().bytecode


def nodes(namespace: str, ids: Iterable[str]) -> Bytecode:
    """Element maps of nodes."""
    return _vertices(namespace, ids).element_map().bytecode


def list_nodes(namespace: str, label: str, after: str, limit: int) -> Bytecode:
    """Element maps of the first nodes behind an id."""
    found = G.V().has(names.NAMESPACE, namespace)
    if label:
        found = found.has(names.LABEL, label)
    if after:
        found = found.filter_(__.id_().is_(P.gt(names.vertex(namespace, after))))
    return found.order().by(T.id).limit(limit).element_map().bytecode


def edges(namespace: str, of: Iterable[EdgeName]) -> Bytecode:
    """Ids and properties of edges."""
    return _whole(G.E(*(names.edge(namespace, name) for name in of))).bytecode


def missing(namespace: str, ids: Sequence[str]) -> Bytecode:
    """The ids of those vertices that are there."""
    return _vertices(namespace, ids).id_().bytecode


def adjacent(namespace: str, nodes: Iterable[str], label: str, *, incoming: bool, limit: int, whole: bool) -> Bytecode:
    """The first edges of each node: their ids, or with their properties."""
    return _given(_vertices(namespace, nodes).flat_map(_first(_around(label, incoming), incoming, limit)), whole)


def behind(namespace: str, places: Sequence[Place], *, incoming: bool, limit: int, whole: bool) -> Bytecode:
    """The same for places that are not at the beginning."""

    def one(start: Any, place: Place) -> Any:
        end = __.out_v if incoming else __.in_v
        label, other, key = place.after
        ends = (other, place.node) if incoming else (place.node, other)
        edge = names.edge(namespace, EdgeName(ends[0], label, ends[1], key))
        there = names.vertex(namespace, other)
        later = __.or_(
            end().id_().is_(P.gt(there)),
            __.and_(end().has_id(there), __.id_().is_(P.gt(edge))),
        )
        if not place.label:
            written = names.label(label)
            later = __.or_(__.label().is_(P.gt(written)), __.and_(__.has_label(written), later))
        around = _around(place.label, incoming).filter_(later)
        return start(names.vertex(namespace, place.node)).flat_map(_first(around, incoming, limit))

    if len(places) == 1:
        return _given(one(G.V, places[0]), whole)
    return _given(G.inject(0).union(*(one(__.V, place) for place in places)), whole)


def count(namespace: str, place: Place, *, incoming: bool, loops: bool, at_most: int) -> Bytecode:
    """A number."""
    found = _vertices(namespace, [place.node])
    labels = [names.label(place.label)] if place.label else []
    found = found.in_e(*labels) if incoming else found.out_e(*labels)
    if not loops:
        other = __.out_v() if incoming else __.in_v()
        found = found.not_(other.has_id(names.vertex(namespace, place.node)))
    return found.limit(at_most).count().bytecode


def create_nodes(namespace: str, made: Iterable[Node]) -> Bytecode:
    """Makes nodes; it fails where one is there."""
    code: Any = G
    for node in made:
        code = _new(code.add_v, namespace, node)
    return code.constant(1).bytecode


def put_nodes(namespace: str, asked: Iterable[Node], *, merge: bool) -> Bytecode:
    """Makes nodes, or merges or replaces those that are there; how many are new. It fails with `LABELS` where a node
    would have two."""
    code: Any = G.inject(0)
    for node in asked:
        there = __.V(names.vertex(namespace, node.id))
        if merge and node.labels:
            fits = __.or_(__.has_not(names.LABEL), __.has(names.LABEL, node.labels[0]))
            there = there.coalesce(fits, __.fail(f"{LABELS}{node.id}"))
        if merge:
            gone = [name for name, value in node.properties.items() if kind_of(value) is Kind.NULL]
            there = _change(there, kept(node.properties), gone)
        else:
            own = __.properties().filter_(__.key().is_(P.neq(names.NAMESPACE)))
            there = _set(there.side_effect(own.drop()), kept(node.properties), vertices=True)
        for label in node.labels:
            there = there.property(_SINGLE, names.LABEL, label)
        new = _new(__.add_v, namespace, merged_node(None, node, Mode.GRAPH_MODE_CREATE))
        code = code.coalesce(there.constant(0), new.constant(1)).aggregate("made")
    return code.cap("made").unfold().sum_().bytecode


def change_nodes(namespace: str, changes: Iterable[tuple[str, Node, Node]]) -> Bytecode:
    """Makes each node, as it was, what it is to be; an answer that is empty says that one is gone."""
    code: Any = G
    for node, before, after in changes:
        set_ = {name: value for name, value in after.properties.items() if before.properties.get(name) != value}
        gone = [name for name in before.properties if name not in after.properties]
        code = _change(code.V(names.vertex(namespace, node)), set_, gone)
        if [*after.labels] != [*before.labels]:
            code = _relabel(code, [*after.labels])
    return code.constant(1).bytecode


def update_node(namespace: str, node: str, set_: Properties, remove: Iterable[str]) -> Bytecode:
    """Changes a node; its element map then."""
    return _change(_vertices(namespace, [node]), set_, remove).element_map().bytecode


def delete_node(namespace: str, node: str, most: int) -> Bytecode:
    """How many edges a node has; it is deleted with them where these are no more than `most`."""
    found = _vertices(namespace, [node]).as_("v").map(__.both_e().dedup().count()).as_("n")
    drops = __.side_effect(__.select("v").drop())
    return found.choose(__.is_(P.lte(most)), drops).select("n").bytecode


def create_edges(namespace: str, made: Sequence[tuple[EdgeName, Properties]]) -> Bytecode:
    """Makes edges. The answer is empty, and nothing made, where one of their nodes is missing; it fails where one of
    the edges is there, and with `GONE` where a node went in the meantime: TinkerGraph would keep the edge."""
    ends = sorted({names.vertex(namespace, end) for name, _ in made for end in (name.from_id, name.to_id)})
    code: Any = G.V(*ends).count().is_(len(ends))
    for name, properties in made:
        from_id, to_id = (names.vertex(namespace, end) for end in (name.from_id, name.to_id))
        code = code.add_e(names.label(name.label)).from_(__.V(from_id)).to(__.V(to_id))
        code = _set(code.property(T.id, names.edge(namespace, name)), properties, vertices=False)
    return code.constant(0).coalesce(__.V(*ends).count().is_(len(ends)), __.fail(GONE)).bytecode


def change_edges(namespace: str, changes: Iterable[tuple[EdgeName, Properties, Properties]]) -> Bytecode:
    """Makes the properties of each edge, as they were, what they are to be."""
    code: Any = G
    for name, before, after in changes:
        set_ = {each: value for each, value in after.items() if before.get(each) != value}
        gone = [each for each in before if each not in after]
        code = _change(code.E(names.edge(namespace, name)), set_, gone, vertices=False)
    return code.constant(1).bytecode


def delete_edges(namespace: str, of: Iterable[EdgeName]) -> Bytecode:
    """How many edges there were."""
    return G.E(*(names.edge(namespace, name) for name in of)).side_effect(__.drop()).count().bytecode


def put_edges(namespace: str, asked: Iterable[Edge], *, merge: bool) -> Bytecode:
    """Makes edges, or merges or replaces those that are there; how many are new. It fails with `GONE` where a node is
    not there."""
    code: Any = G.inject(0)
    ends: dict[str, None] = {}
    for edge in asked:
        name = EdgeName.of(edge)
        there = __.E(names.edge(namespace, name))
        properties = kept(edge.properties)
        if merge:
            gone = [each for each, value in edge.properties.items() if kind_of(value) is Kind.NULL]
            there = _change(there, properties, gone, vertices=False)
        else:
            there = _set(there.side_effect(__.properties().drop()), properties, vertices=False)
        from_id, to_id = (names.vertex(namespace, end) for end in (name.from_id, name.to_id))
        ends |= {from_id: None, to_id: None}
        both = {from_id, to_id}
        new = __.coalesce(__.V(*both).count().is_(len(both)), __.fail(GONE)).add_e(names.label(name.label))
        new = new.from_(__.V(from_id)).to(__.V(to_id)).property(T.id, names.edge(namespace, name))
        code = code.coalesce(there.constant(0), _set(new, properties, vertices=False).constant(1)).aggregate("made")
    code = code.coalesce(__.V(*ends).count().is_(len(ends)), __.fail(GONE))
    return code.cap("made").unfold().sum_().bytecode


def record(edge: Edge) -> tuple[EdgeName, Properties]:
    """An edge as these traversals take it."""
    return EdgeName.of(edge), edge.properties


def _new(add: Any, namespace: str, node: Node) -> Any:
    code = add(names.vertex_label([*node.labels])).property(T.id, names.vertex(namespace, node.id))
    code = code.property(_SINGLE, names.NAMESPACE, namespace)
    for label in node.labels:
        code = code.property(_SINGLE, names.LABEL, label)
    return _set(code, node.properties, vertices=True)


def _vertices(namespace: str, ids: Iterable[str]) -> GraphTraversal:
    return G.V(*(names.vertex(namespace, each) for each in ids))


def _around(label: str, incoming: bool) -> Any:
    labels = [names.label(label)] if label else []
    return __.in_e(*labels) if incoming else __.out_e(*labels)


def _first(around: Any, incoming: bool, limit: int) -> Any:
    other = __.out_v() if incoming else __.in_v()
    return around.order().by(T.label).by(other.id_()).by(T.id).limit(limit)


def _given(found: Any, whole: bool) -> Bytecode:
    return (_whole(found) if whole else found.id_()).bytecode


def _whole(found: Any) -> Any:
    return found.project("id", "properties").by(T.id).by(__.value_map())


def _change(code: Any, set_: Properties, remove: Iterable[str], *, vertices: bool = True) -> Any:
    gone = [names.key(name) for name in remove]
    if gone:
        code = code.side_effect(__.properties(*gone).drop())
    return _set(code, set_, vertices=vertices)


def _relabel(code: Any, labels: list[str]) -> Any:
    if not labels:
        return code.side_effect(__.properties(names.LABEL).drop())
    return code.property(_SINGLE, names.LABEL, labels[0])


def _set(code: Any, properties: Properties, *, vertices: bool) -> Any:
    for name, value in properties.items():
        place = (_SINGLE, names.key(name)) if vertices else (names.key(name),)
        code = code.property(*place, stored(value))
    return code
