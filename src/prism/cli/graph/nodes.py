"""`prism graph node`: nodes one by one, and lists of them."""

from typing import TYPE_CHECKING, Any

import click

from prism.cli.exit_code import ExitCode
from prism.cli.graph.group import GraphCommand, labels_option, mode_option, node_row, properties_of
from prism.cli.output import limit_option, output_option, show, writer
from prism.cli.reader import filter_of, where_option

if TYPE_CHECKING:
    from prism.client import Graph


@click.group(epilog=ExitCode.documentation())
def node() -> None:
    """Make, read, list and delete nodes."""


@node.command(cls=GraphCommand)
@click.argument("id_", metavar="ID")
@click.argument("properties", metavar="[NAME=VALUE]...", nargs=-1)
@labels_option
@mode_option
async def put(graph: "Graph", *, id_: str, properties: tuple[str, ...], labels: tuple[str, ...], mode: Any) -> ExitCode:
    """Make the node ID, or set the properties that are named."""
    from prism.client import Node

    await graph.create_nodes(Node(id_, labels, properties_of(properties)), mode=mode)
    return ExitCode.OK


@node.command(cls=GraphCommand)
@click.argument("id_", metavar="ID")
@output_option
async def get(graph: "Graph", *, id_: str, output: str) -> ExitCode:
    """Show the node ID; exits with 1 where there is none."""
    found = await graph.node(id_)
    if found is None:
        return ExitCode.NEGATIVE
    show(output, node_row(found))
    return ExitCode.OK


@node.command("list", cls=GraphCommand)
@click.option("-l", "--label", default="", help="Only nodes with this label.")
@where_option
@limit_option
@output_option
async def list_(graph: "Graph", *, label: str, tests: tuple[str, ...], limit: int | None, output: str) -> ExitCode:
    """List nodes, by their ids."""
    found = graph.list_nodes(label, where=filter_of(tests), limit=limit, page_size=500)
    with writer(output, ("id", "labels", "properties")) as out:
        async for each in found:
            out.write(node_row(each))
    return ExitCode.OK


@node.command(cls=GraphCommand)
@click.argument("id_", metavar="ID")
@click.option("--cascade", is_flag=True, help="Delete its edges too, up to 10,000.")
async def delete(graph: "Graph", *, id_: str, cascade: bool) -> ExitCode:
    """Delete the node ID; exits with 1 where there is none."""
    return ExitCode.OK if await graph.delete_node(id_, cascade=cascade) else ExitCode.NEGATIVE
