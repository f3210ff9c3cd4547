"""The group `prism graph`, and what its commands have in common."""

import json
from typing import TYPE_CHECKING, Any

import click

from prism.cli.data_command import DataCommand
from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup

if TYPE_CHECKING:
    from prism.client import Edge, Node

_HERE = "prism.cli.graph"
_EXAMPLES = {
    "prism graph node put default ada -l person name=Ada born=1815": "make a node, or set what is named of it",
    "prism graph edge put default ada knows bob since=1833": "make an edge between two nodes",
    "prism graph edge list default ada --direction both": "the edges of a node",
    "prism graph traverse default ada knows:1..3": "who is known by three at most",
    "prism graph traverse default ada 'knows' '<owns' --returns paths": "steps in turn; < is against an edge",
    "prism graph path default ada bob": "a shortest path",
    "prism graph query default 'MATCH (n:person) RETURN n.name'": "in the store's own language, where it is let in",
    "prism graph import default air-routes.graphml": "nodes and edges from GraphML or JSON Lines",
    "prism graph export default --format dot | dot -Tsvg": "a picture",
}


@click.group(
    cls=LazyGroup,
    lazy={
        "node": (f"{_HERE}.nodes:node", "Make, read, list and delete nodes."),
        "edge": (f"{_HERE}.edges:edge", "Make, list, count and delete edges."),
        "traverse": (f"{_HERE}.ways:traverse", "Follow edges from some nodes, level by level."),
        "path": (f"{_HERE}.ways:path", "Find a shortest path between two nodes."),
        "query": (f"{_HERE}.query:query", "Run a statement in the store's own language."),
        "import": (f"{_HERE}.transfer:import_", "Store nodes and edges from GraphML or JSON Lines."),
        "export": (f"{_HERE}.transfer:export", "Write a graph as JSON Lines, GraphML or DOT."),
    },
    examples=_EXAMPLES,
    epilog="A VALUE is JSON, such as 7, 1.5, true or '\"7\"'; what is not JSON is text.\n" + ExitCode.documentation(),
)
def graph() -> None:
    """Make nodes and edges, and follow them."""


class GraphCommand(DataCommand):
    """Runs an async callback with the namespace's Graph."""

    abstraction = "graph"


direction_option = click.option(
    "--direction",
    type=click.Choice(["out", "in", "both"]),
    default="out",
    show_default=True,
    help="Edges that lead from the node, to it, or both.",
)
labels_option = click.option("-l", "--label", "labels", multiple=True, help="Only with this label; repeatable.")
mode_option = click.option(
    "--mode",
    type=click.Choice(["create", "merge", "replace"]),
    default="merge",
    show_default=True,
    help="What becomes of one that exists: an error, what is named is set, or all of it is replaced.",
)


def properties_of(given: tuple[str, ...]) -> dict[str, Any]:
    """Properties from NAME=VALUE; a value of JSON's null removes.

    Raises:
        UsageError: one has no `=`.
    """
    found: dict[str, Any] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{each!r} is not a property: give NAME=VALUE")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def node_row(node: "Node") -> dict[str, Any]:
    """A node as a table and JSON show it."""
    from prism.cli.reader import plain_of

    return {"id": node.id, "labels": list(node.labels), "properties": plain_of(dict(node.properties))}


def edge_row(edge: "Edge") -> dict[str, Any]:
    """An edge as a table and JSON show it."""
    from prism.cli.reader import plain_of

    return {
        "from": edge.from_id, "label": edge.label, "to": edge.to_id, "key": edge.key,
        "properties": plain_of(dict(edge.properties)), "id": edge.id,
    }  # fmt: skip
