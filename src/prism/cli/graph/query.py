"""`prism graph query`: statements in the store's own language."""

from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from prism.cli.exit_code import ExitCode
from prism.cli.graph.group import GraphCommand, properties_of
from prism.cli.sql.writers import FORMATS, rows_writer

if TYPE_CHECKING:
    from prism.client import Graph


@click.command(cls=GraphCommand)
@click.argument("text")
@click.option("-p", "--param", "params", metavar="NAME=VALUE", multiple=True, help="Parameter; repeatable.")
@click.option("-w", "--write", is_flag=True, help="Run what may write (Execute) in place of what reads.")
@click.option("--language", default="opencypher", show_default=True, help="Of TEXT; what the backend declares.")
@click.option("--max-rows", type=click.IntRange(min=1), help="Most rows; without it all of them.")
@click.option(
    "-f", "--format", "output", type=click.Choice(FORMATS), default="table", show_default=True, help="Form of the rows."
)
async def query(
    graph: "Graph", *, text: str, params: tuple[str, ...], write: bool, language: str, max_rows: int | None, output: str
) -> ExitCode:
    """Run TEXT, one statement in the store's own language. Rows are printed as they come."""
    given = properties_of(params)
    out = rows_writer(output)
    count, begun = 0, False
    if write:
        rows = await graph.execute(text, given, language=language)
        out.begin([*rows[0].as_dict()] if rows else [])
        for row in rows:
            out.write(row)
        out.end(len(rows), complete=True)
        return ExitCode.OK
    async with aclosing(graph.query(text, given, language=language, max_rows=max_rows)) as found:
        async for row in found:
            if not begun:
                out.begin([*row.as_dict()])
                begun = True
            out.write(row)
            count += 1
    if not begun:
        out.begin([])
    out.end(count, complete=max_rows is None or count < max_rows)
    return ExitCode.OK
