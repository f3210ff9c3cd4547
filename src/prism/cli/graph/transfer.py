"""`prism graph import` and `prism graph export`: a graph from and to files."""

import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from prism.cli.exit_code import ExitCode
from prism.cli.graph.group import GraphCommand
from prism.cli.output import counted

if TYPE_CHECKING:
    from prism.cli.graph.formats import Thing
    from prism.client import Edge, Graph, Node

_AT_ONCE = 500


@click.command("import", cls=GraphCommand)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["auto", "graphml", "jsonl"]),
    default="auto",
    show_default=True,
    help="By the file's name unless given: .graphml and .xml are GraphML.",
)
async def import_(graph: "Graph", *, file: IO[bytes], format_: str) -> ExitCode:
    """Store the nodes and edges of FILE, or of standard input with -.

    Nodes and edges that exist are merged, so importing a file twice is safe. Edges are stored after the nodes. GraphML
    with a document type is refused.
    """
    from prism.cli.graph.formats import BadGraph, read_graphml, read_lines
    from prism.client import Node

    if format_ == "auto":
        format_ = "graphml" if Path(file.name).suffix in {".graphml", ".xml"} else "jsonl"
    nodes: dict[str, Node] = {}
    edges: dict[str, Edge] = {}
    made = [0, 0]
    with tempfile.TemporaryFile() as later:
        try:
            for thing in (read_graphml if format_ == "graphml" else read_lines)(file):
                if isinstance(thing, Node):
                    if thing.id in nodes or len(nodes) >= _AT_ONCE:
                        made[0] += await _store_nodes(graph, nodes)
                    nodes[thing.id] = thing
                else:
                    later.write(_packed(thing))
            made[0] += await _store_nodes(graph, nodes)
            later.seek(0)
            for thing in read_lines(later):
                if isinstance(thing, Node):
                    continue
                if thing.id in edges or len(edges) >= _AT_ONCE:
                    made[1] += await _store_edges(graph, edges)
                edges[thing.id] = thing
            made[1] += await _store_edges(graph, edges)
        except BadGraph as error:
            raise click.ClickException(f"{file.name}: {error}") from error
        finally:
            click.echo(f"stored {counted(made[0], 'node')} and {counted(made[1], 'edge')}", err=True)
    return ExitCode.OK


def _packed(thing: "Thing") -> bytes:
    from prism.cli.graph.formats import line_of

    return line_of(thing).encode() + b"\n"


async def _store_nodes(graph: "Graph", nodes: "dict[str, Node]") -> int:
    count = len(nodes)
    if nodes:
        await graph.create_nodes(*nodes.values(), mode="merge")
    nodes.clear()
    return count


async def _store_edges(graph: "Graph", edges: "dict[str, Edge]") -> int:
    count = len(edges)
    if edges:
        await graph.create_edges(*edges.values(), mode="merge")
    edges.clear()
    return count


@click.command(cls=GraphCommand)
@click.option("--format", "format_", type=click.Choice(["jsonl", "graphml", "dot"]), default="jsonl", show_default=True)
async def export(graph: "Graph", *, format_: str) -> ExitCode:
    """Write all nodes and edges to standard output, nodes first, in the order of their ids.

    JSON Lines lose nothing. GraphML has booleans, integers, doubles and texts alone, each property of one kind. DOT is
    for a picture, and is not read back. What changes during the export is written as it was at some moment of it.
    """
    from prism.cli.graph.formats import BadGraph, GraphMLWriter, dot_of, line_of

    shown: Callable[[Thing], str] = line_of if format_ == "jsonl" else dot_of
    if format_ == "graphml":
        made = GraphMLWriter()
        try:
            async for thing in _everything(graph):
                made.learn(thing)
        except BadGraph as error:
            raise click.ClickException(str(error)) from error
        click.echo(made.HEAD)
        click.echo(made.keys())
        shown = made.element
    elif format_ == "dot":
        click.echo("digraph {")
    async for thing in _everything(graph):
        click.echo(shown(thing))
    if format_ == "graphml":
        click.echo(GraphMLWriter.TAIL)
    elif format_ == "dot":
        click.echo("}")
    return ExitCode.OK


async def _everything(graph: "Graph") -> "AsyncIterator[Thing]":
    """All nodes, then all edges, each with the node that it leads from."""
    async for node in graph.list_nodes(page_size=_AT_ONCE):
        yield node
    async for node in graph.list_nodes(page_size=_AT_ONCE):
        async for edge in graph.edges(node.id, page_size=_AT_ONCE):
            yield edge
