"""`prism graph traverse` and `prism graph path`: what is reached along edges."""

import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import click

from prism.cli.exit_code import ExitCode
from prism.cli.graph.group import GraphCommand, direction_option, edge_row, labels_option, node_row
from prism.cli.output import limit_option, output_option, writer

if TYPE_CHECKING:
    from prism.client import Graph, Reached, Step

_STEP: Final = re.compile(r"(?P<way>[<>~]?)(?P<labels>[^:]*)(:(?P<least>[0-9]+)(\.\.(?P<most>[0-9]+))?)?")
_WAYS: Final = {"": "out", ">": "out", "<": "in", "~": "both"}
_STEPS = """\b
A STEP is LABELS, several with commas between, or * for all:
  knows        along an edge with that label
  <knows       against one
  ~knows,likes along or against one with either label
  *:1..3       along one to three edges
"""


@click.command(cls=GraphCommand, epilog=_STEPS)
@click.argument("start")
@click.argument("steps", metavar="STEP...", nargs=-1, required=True)
@click.option("--returns", type=click.Choice(["nodes", "edges", "paths"]), default="nodes", show_default=True)
@click.option(
    "--unique", type=click.Choice(["node", "edge"]), default="node", show_default=True, help="What no path has twice."
)
@click.option("--max-visited", type=click.IntRange(1, 1_000_000), default=100_000, show_default=True)
@limit_option
@output_option
async def traverse(
    graph: "Graph", *, start: str, steps: tuple[str, ...], returns: Any, unique: Any, max_visited: int,
    limit: int | None, output: str,
) -> ExitCode:  # fmt: skip
    """Follow edges from the node START, by steps taken in turn, level by level."""
    columns = {"nodes": ("id", "labels", "properties"), "edges": ("from", "label", "to", "key"), "paths": ("path",)}
    made = [step_of(each) for each in steps]
    found = graph.traverse(start, *made, returns=returns, unique=unique, max_visited=max_visited, limit=limit or 0)
    with writer(output, ("depth", *columns[returns])) as out:
        async with aclosing(found) as results:
            async for each in results:
                out.write({"depth": each.depth, **_row(each)})
    return ExitCode.OK


@click.command(cls=GraphCommand)
@click.argument("from_id", metavar="FROM")
@click.argument("to_id", metavar="TO")
@direction_option
@labels_option
@click.option("--most", type=click.IntRange(1, 1000), default=32, show_default=True, help="Most edges of the path.")
@output_option
async def path(
    graph: "Graph", *, from_id: str, to_id: str, direction: Any, labels: tuple[str, ...], most: int, output: str
) -> ExitCode:
    """Print a path of the fewest edges from FROM to TO; exits with 1 where there is none."""
    found = await graph.shortest_path(from_id, to_id, direction, labels, most=most)
    if found is None:
        return ExitCode.NEGATIVE
    with writer(output, ("from", "label", "to", "key")) as out:
        for each in found.edges:
            out.write(edge_row(each))
    return ExitCode.OK


def step_of(text: str) -> "Step":
    """A step of the command line.

    Raises:
        UsageError: it is none.
    """
    from prism.client import Step

    found = _STEP.fullmatch(text)
    if found is None or not found["labels"]:
        raise click.UsageError(f"{text!r} is not a step; give LABELS or *, such as '<knows:1..3'")
    labels = () if found["labels"] == "*" else tuple(found["labels"].split(","))
    least = int(found["least"]) if found["least"] else 1
    most = int(found["most"]) if found["most"] else None
    return Step(labels, _WAYS[found["way"]], least, most)  # type: ignore[arg-type]


def _row(reached: "Reached") -> dict[str, Any]:
    if reached.node is not None:
        return node_row(reached.node)
    if reached.edge is not None:
        return edge_row(reached.edge)
    return {"path": list(reached.path.nodes) if reached.path is not None else []}
