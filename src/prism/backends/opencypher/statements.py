"""The statements of Graph. Names in them are quoted; all else is a parameter."""

from functools import lru_cache
from typing import Final

from prism.backends.opencypher.names import NODE, quoted
from prism.interfaces.graph import Mode

DENSE: Final = 1000
"""Edges of a node that are sorted by the server; those of a node that has more are read by an index."""

_KEPT: Final = 4096
"""Statements whose text is kept: there is one for each label."""

_NODE: Final = f"(n:{NODE} {{_ns: $ns, _id: $id}})"

HOLDS_NODES: Final = f"MATCH (n:{NODE} {{_ns: $ns}}) RETURN 1 LIMIT 1"
NODES: Final = f"""
UNWIND $ids AS id
MATCH (n:{NODE} {{_ns: $ns, _id: id}})
RETURN n._id, labels(n), properties(n)
"""
_LOCKED: Final = f"MATCH {_NODE} REMOVE n._lock WITH count(*) AS locked MATCH {_NODE}"
"""A node that is not deleted by others from here on. One that was deleted while its lock was waited for would be
changed and deleted again in silence."""
TYPES: Final = "CALL db.relationshipTypes()"
DELETE_BARE: Final = f"""
{_LOCKED}
WITH n, COUNT {{ (n)--() }} AS edges
FOREACH (each IN CASE WHEN edges = 0 THEN [n] ELSE [] END | DELETE each)
RETURN edges
"""
DELETE_WHOLE: Final = f"""
{_LOCKED}
WITH n, COUNT {{ (n)--() }} AS edges
FOREACH (each IN CASE WHEN edges <= $most THEN [n] ELSE [] END | DETACH DELETE each)
RETURN edges
"""


def list_nodes(label: str) -> str:
    """Nodes with a label of the server's, in order."""
    return f"""
MATCH (n:{quoted(label)})
WHERE n._ns = $ns AND n._id > $after
WITH n ORDER BY n._ns, n._id LIMIT $limit
RETURN n._id, labels(n), properties(n)
"""


def put_nodes(mode: Mode, labels: tuple[str, ...]) -> str:
    """Makes, merges or replaces nodes that get the same labels; what labels each had before."""
    marked = "".join(f":{quoted(each)}" for each in labels)
    named = "{_ns: $ns, _id: row[0]}"
    if mode == Mode.GRAPH_MODE_MERGE:
        added = f" SET n{marked}" if marked else ""
        return f"UNWIND $rows AS row MERGE (n:{NODE} {named}) SET n += row[1]{added}"
    if mode == Mode.GRAPH_MODE_REPLACE:
        return f"UNWIND $rows AS row MERGE (n:{NODE} {named}) SET n = row[1] RETURN n._id, labels(n)"
    return f"UNWIND $rows AS row CREATE (n:{NODE}{marked} {named}) SET n += row[1]"


def relabel(add: tuple[str, ...], remove: tuple[str, ...]) -> str:
    """Adds and removes labels of nodes."""
    return f"UNWIND $ids AS id MATCH (n:{NODE} {{_ns: $ns, _id: id}}){_labels(add, remove)}"


def update_node(add: tuple[str, ...], remove: tuple[str, ...]) -> str:
    """Changes a node."""
    return f"{_LOCKED} SET n += $set{_labels(add, remove)} RETURN n._id, labels(n), properties(n)"


def _labels(add: tuple[str, ...], remove: tuple[str, ...]) -> str:
    text = "".join(f" SET n:{quoted(each)}" for each in add)
    return text + "".join(f" REMOVE n:{quoted(each)}" for each in remove)


@lru_cache(_KEPT)
def put_edges(mode: Mode, label: str) -> str:
    """Makes, merges or replaces edges of one label where none of their nodes is missing; how many."""
    how = f"CREATE (a)-[r:{quoted(label)} {{_id: row[2], _in: row[3]}}]->(b) SET r += row[4]"
    if mode in (Mode.GRAPH_MODE_MERGE, Mode.GRAPH_MODE_REPLACE):
        how = f"MERGE (a)-[r:{quoted(label)} {{_id: row[2]}}]->(b)"
        how += " SET r += row[4], r._in = row[3]" if mode == Mode.GRAPH_MODE_MERGE else " SET r = row[4]"
    return f"""
UNWIND $rows AS row
OPTIONAL MATCH (a:{NODE} {{_ns: $ns, _id: row[0]}})
OPTIONAL MATCH (b:{NODE} {{_ns: $ns, _id: row[1]}})
WITH collect([row, a, b]) AS found, count(a) = count(*) AND count(b) = count(*) AS whole
UNWIND CASE WHEN whole THEN found ELSE [] END AS each
WITH each[0] AS row, each[1] AS a, each[2] AS b
{how}
RETURN count(*)
"""


@lru_cache(_KEPT)
def edges(label: str) -> str:
    """Edges of one label by their names."""
    return f"UNWIND $ids AS id MATCH ()-[r:{quoted(label)} {{_id: id}}]->() RETURN r._id, properties(r)"


@lru_cache(_KEPT)
def delete_edges(label: str) -> str:
    """Removes edges of one label."""
    return f"UNWIND $ids AS id MATCH ()-[r:{quoted(label)} {{_id: id}}]->() DELETE r"


@lru_cache(_KEPT)
def adjacent(label: str, *, incoming: bool, whole: bool) -> str:
    """For each place how many edges its node has, and the first of them where they are not more than `DENSE`.

    Of a property itself the server would take the order from the index: it reads all that is behind for each place.
    """
    edge, here = _edge(label, incoming=incoming), "r._in" if incoming else "r._id"
    return f"""
UNWIND $places AS p
MATCH (n:{NODE} {{_ns: $ns, _id: p[1]}})
WITH p, n, COUNT {{ (n){edge}() }} AS degree
CALL {{
    WITH p, n, degree
    WITH p, n, degree WHERE degree <= {DENSE}
    MATCH (n){_edge(label, incoming=incoming, name="r")}()
    WITH r, {here} + '' AS here, p[2] AS behind WHERE here > behind
    WITH r, here ORDER BY here LIMIT $limit
    RETURN collect([r._id{", properties(r)" if whole else ""}]) AS hops
}}
RETURN p[0], degree, hops
"""


@lru_cache(_KEPT)
def stretch(label: str, *, incoming: bool, whole: bool) -> str:
    """Edges of one label between two of the texts that they are sorted by: a stretch of an index."""
    which = "_in" if incoming else "_id"
    here = f"r.{which}"
    return f"""
MATCH ()-[r:{quoted(label)}]->()
USING INDEX SEEK r:{quoted(label)}({which})
WHERE {here} > $after AND {here} < $end
WITH r ORDER BY {here} LIMIT $limit
RETURN r._id{", properties(r)" if whole else ""}
"""


def degrees(labels: tuple[str, ...], *, incoming: bool) -> str:
    """How many edges of each of these labels a node has."""
    counts = ", ".join(f"COUNT {{ (n){_edge(each, incoming=incoming)}() }}" for each in labels)
    return f"MATCH {_NODE} RETURN [{counts}]"


@lru_cache(_KEPT)
def count(label: str, *, incoming: bool, loops: bool) -> str:
    """How many edges a node has."""
    edge = _edge(label, incoming=incoming)
    loop = "" if loops else f" - COUNT {{ (n){edge}(n) }}"
    return f"MATCH {_NODE} RETURN COUNT {{ (n){edge}() }}{loop}"


def _edge(label: str, *, incoming: bool, name: str = "") -> str:
    of = f":{quoted(label)}" if label else ""
    return f"<-[{name}{of}]-" if incoming else f"-[{name}{of}]->"
