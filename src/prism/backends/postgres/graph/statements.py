"""The statements of Graph. Whatever writes several rows writes them in the order of their keys."""
# ruff: noqa: S608  # made of constants, once, at import

from prism.backends.postgres.statements import Statement

HOLDS_NODES = Statement("SELECT EXISTS (SELECT FROM @.graph_node WHERE namespace = $1)", writes=False)

NODES = Statement(
    "SELECT id, labels, properties FROM @.graph_node WHERE namespace = $1 AND id = ANY ($2::bytea[])", writes=False
)
LIST = Statement(
    "SELECT id, labels, properties FROM @.graph_node WHERE namespace = $1 AND id > $2 ORDER BY id LIMIT $3",
    writes=False,
)
LABELLED = Statement(
    """
    SELECT listed.id, node.labels, node.properties
    FROM (SELECT namespace, id FROM @.graph_label WHERE namespace = $1 AND label = $2 AND id > $3
        ORDER BY id LIMIT $4) AS listed
    JOIN @.graph_node AS node USING (namespace, id)
    ORDER BY listed.id
    """,
    writes=False,
)

_MADE_NODES = """
    INSERT INTO @.graph_node AS node (namespace, id, labels, properties)
    SELECT $1, made.id, ARRAY(SELECT convert_to(each, 'UTF8') FROM jsonb_array_elements_text(made.labels) AS each),
        made.properties
    FROM unnest($2::bytea[], $3::jsonb[], $4::jsonb[]) AS made (id, labels, properties)
    ORDER BY made.id
"""
_REMOVED = "ARRAY(SELECT gone.name FROM unnest($5::int[], $6::text[]) AS gone (n, name) WHERE gone.n = {0})"

CREATE_NODES = Statement(f"{_MADE_NODES} RETURNING true", writes=True)
REPLACE_NODES = Statement(
    f"""
    {_MADE_NODES}
    ON CONFLICT (namespace, id) DO UPDATE SET labels = excluded.labels, properties = excluded.properties
    RETURNING xmax = 0
    """,
    writes=True,
)
MERGE_NODES = Statement(
    f"""
    {_MADE_NODES}
    ON CONFLICT (namespace, id) DO UPDATE SET
        labels = ARRAY(SELECT DISTINCT each FROM unnest(node.labels || excluded.labels) AS each ORDER BY each),
        properties = (node.properties || excluded.properties)
            - {_REMOVED.format("array_position($2::bytea[], excluded.id)")}
    RETURNING xmax = 0
    """,
    writes=True,
)
UPDATE_NODE = Statement(
    """
    UPDATE @.graph_node SET
        labels = ARRAY(SELECT DISTINCT each FROM unnest(labels || $5::bytea[]) AS each
            WHERE NOT each = ANY ($6::bytea[]) ORDER BY each),
        properties = (properties || $3::jsonb) - $4::text[]
    WHERE namespace = $1 AND id = $2
    RETURNING id, labels, properties
    """,
    writes=True,
)
DELETE_NODE = Statement("SELECT * FROM @.graph_delete_node($1, $2, $3)", writes=True)

_MADE_EDGES = """
    INSERT INTO @.graph_edge AS edge (namespace, from_id, label, to_id, key, properties)
    SELECT $1, made.from_id, made.label, made.to_id, made.key, made.properties
    FROM unnest($2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::jsonb[])
        AS made (from_id, label, to_id, key, properties)
    ORDER BY made.from_id, made.label, made.to_id, made.key
"""
_ON_EDGE = "ON CONFLICT (namespace, from_id, label, to_id, key) DO UPDATE SET properties ="

CREATE_EDGES = Statement(f"{_MADE_EDGES} RETURNING true", writes=True)
REPLACE_EDGES = Statement(f"{_MADE_EDGES} {_ON_EDGE} excluded.properties RETURNING xmax = 0", writes=True)
# A property that is to be removed is named with the place of its edge among those of the request.
MERGE_EDGES = Statement(
    f"""
    {_MADE_EDGES}
    {_ON_EDGE} (edge.properties || excluded.properties) - ARRAY(
        SELECT gone.name
        FROM unnest($7::int[], $8::text[]) AS gone (n, name)
        WHERE ($2::bytea[])[gone.n] = excluded.from_id AND ($3::bytea[])[gone.n] = excluded.label
            AND ($4::bytea[])[gone.n] = excluded.to_id AND ($5::bytea[])[gone.n] = excluded.key)
    RETURNING xmax = 0
    """,
    writes=True,
)
_NAMED = """
    unnest($2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[]) AS named (from_id, label, to_id, key)
"""
_SAME = """
    edge.namespace = $1 AND edge.from_id = named.from_id AND edge.label = named.label AND edge.to_id = named.to_id
    AND edge.key = named.key
"""
EDGES = Statement(
    f"""
    SELECT edge.from_id, edge.label, edge.to_id, edge.key, edge.properties
    FROM {_NAMED} JOIN @.graph_edge AS edge ON {_SAME}
    """,
    writes=False,
)
DELETE_EDGES = Statement(f"DELETE FROM @.graph_edge AS edge USING {_NAMED} WHERE {_SAME} RETURNING true", writes=True)


def _adjacent(here: str, there: str, *, labelled: bool, whole: bool) -> Statement:
    order = f"edge.{there}, edge.key" if labelled else f"edge.label, edge.{there}, edge.key"
    behind = "place.other, place.key" if labelled else "place.label, place.other, place.key"
    label = "AND edge.label = place.label" if labelled else ""
    properties = "edge.properties" if whole else "NULL::jsonb"
    return Statement(
        f"""
        SELECT place.n::int, found.*
        FROM unnest($2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[]) WITH ORDINALITY
            AS place (node, label, other, key, n)
        CROSS JOIN LATERAL (
            SELECT edge.label, edge.{there} AS there, edge.key, {properties} AS properties
            FROM @.graph_edge AS edge
            WHERE edge.namespace = $1 AND edge.{here} = place.node {label} AND ({order}) > ({behind})
            ORDER BY {order} LIMIT $6
        ) AS found
        ORDER BY place.n, found.label, found.there, found.key
        """,
        writes=False,
    )


ADJACENT = {
    (incoming, labelled, whole): _adjacent(
        *(("to_id", "from_id") if incoming else ("from_id", "to_id")), labelled=labelled, whole=whole
    )
    for incoming in (False, True)
    for labelled in (False, True)
    for whole in (False, True)
}


def _count(*, incoming: bool, labelled: bool, loops: bool) -> Statement:
    here = "to_id" if incoming else "from_id"
    label = "AND label = $4" if labelled else ""
    others = "" if loops else "AND from_id <> to_id"
    return Statement(
        f"""
        SELECT count(*) FROM (
            SELECT FROM @.graph_edge WHERE namespace = $1 AND {here} = $2 {label} {others} LIMIT $3
        ) AS counted
        """,
        writes=False,
    )


COUNT = {
    (incoming, labelled, loops): _count(incoming=incoming, labelled=labelled, loops=loops)
    for incoming in (False, True)
    for labelled in (False, True)
    for loops in (False, True)
}
