"""`prism graph edge`: edges one by one, and those of a node."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from prism.cli.exit_code import ExitCode
from prism.cli.graph.group import GraphCommand, direction_option, edge_row, labels_option, mode_option, properties_of
from prism.cli.output import limit_option, output_option, show, writer
from prism.cli.reader import filter_of, where_option

if TYPE_CHECKING:
    from prism.client import Graph


@click.group(epilog=ExitCode.documentation())
def edge() -> None:
    """Make, list, count and delete edges."""


@edge.command(cls=GraphCommand)
@click.argument("from_id", metavar="FROM")
@click.argument("label")
@click.argument("to_id", metavar="TO")
@click.argument("properties", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--key", default="", help="Tells edges of the same ends and label apart.")
@mode_option
async def put(
    graph: "Graph", *, from_id: str, label: str, to_id: str, properties: tuple[str, ...], key: str, mode: Any
) -> ExitCode:
    """Make the edge from FROM to TO with LABEL, or set the properties that are named. Its nodes must be there."""
    from prism.client import Edge

    await graph.create_edges(Edge(from_id, label, to_id, key, properties_of(properties)), mode=mode)
    return ExitCode.OK


@edge.command("list", cls=GraphCommand)
@click.argument("node")
@direction_option
@labels_option
@where_option
@limit_option
@output_option
async def list_(
    graph: "Graph", *, node: str, direction: Any, labels: tuple[str, ...], tests: tuple[str, ...], limit: int | None,
    output: str,
) -> ExitCode:  # fmt: skip
    """List the edges of NODE."""
    found = graph.edges(node, direction, labels, where=filter_of(tests), limit=limit, page_size=500)
    with writer(output, ("from", "label", "to", "key", "properties")) as out:
        async for each in found:
            out.write(edge_row(each))
    return ExitCode.OK


@edge.command(cls=GraphCommand)
@click.argument("node")
@direction_option
@labels_option
@click.option("--at-most", type=click.IntRange(min=1), default=100_000, show_default=True, help="Stop counting there.")
@output_option
async def count(
    graph: "Graph", *, node: str, direction: Any, labels: tuple[str, ...], at_most: int, output: str
) -> ExitCode:
    """Count the edges of NODE."""
    show(output, asdict(await graph.count_edges(node, direction, labels, at_most=at_most)))
    return ExitCode.OK


@edge.command(cls=GraphCommand)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
async def delete(graph: "Graph", *, ids: tuple[str, ...]) -> ExitCode:
    """Delete edges by their ids, FROM/LABEL/TO/KEY as JSON output shows them; exits with 1 where one was missing."""
    deleted = await graph.delete_edges(*dict.fromkeys(ids))
    return ExitCode.OK if deleted == len({*ids}) else ExitCode.NEGATIVE
