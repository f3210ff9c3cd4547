"""`prism sql NAMESPACE "select ..."`, and a shell without a statement."""

import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from prism.cli.data_command import DataCommand
from prism.cli.exit_code import ExitCode
from prism.cli.output import counted
from prism.cli.sql.shell import shell
from prism.cli.sql.values import SYNTAX, Parameter
from prism.cli.sql.writers import FORMATS, rows_writer

if TYPE_CHECKING:
    from prism.client import Sql


class SqlCommand(DataCommand):
    """Runs an async callback with the namespace's Sql."""

    abstraction = "sql"

    def data(self, client: Any, namespace: str) -> Any:
        """The database, and what it is called in a prompt."""
        return namespace, super().data(client, namespace)


_EXAMPLES = """\b
Examples:
  prism sql default "SELECT * FROM people WHERE id = ?1" --param 1
  prism sql default "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)" --write
  prism sql default "SELECT * FROM people" --format csv > people.csv
  prism sql default     a shell: statements end with a semicolon
"""


@click.command(cls=SqlCommand, epilog=f"{_EXAMPLES}\n{SYNTAX}\n\n{ExitCode.documentation()}")
@click.argument("statement", required=False)
@click.option(
    "-p", "--param", "params", type=Parameter(), multiple=True, help="Parameter of the statement; repeatable, in order."
)
@click.option("-w", "--write", is_flag=True, help="Run what may write (Execute) in place of what reads.")
@click.option("--autocommit", is_flag=True, help="Run it outside a transaction, as VACUUM needs; with --write.")
@click.option("--max-rows", type=click.IntRange(min=1), help="Most rows; without it all of them.")
@click.option(
    "-f", "--format", "output", type=click.Choice(FORMATS), default="table", show_default=True, help="Form of the rows."
)
async def sql(
    named: "tuple[str, Sql]", *, statement: str | None, params: tuple[Any, ...], write: bool, autocommit: bool,
    max_rows: int | None, output: str,
) -> ExitCode:  # fmt: skip
    """Run STATEMENT in the dialect of the namespace's store, or those of the standard input, a shell on a terminal.

    Rows are printed as they come. `$1` (PostgreSQL) and `?1` (SQLite) stand for parameters.
    """
    namespace, database = named
    if autocommit and not write:
        raise click.UsageError("--autocommit is for statements that write; add --write")

    async def run(text: str, writes: bool) -> None:  # as the shell has it
        if writes:
            await _execute(database, text, params, output, autocommit=autocommit)
        else:
            await _query(database, text, params, output, max_rows)

    if statement is not None and statement != "-":
        await run(statement, write)
        return ExitCode.OK
    if params:
        raise click.UsageError("--param is for one STATEMENT; give it as an argument")
    well = await shell(namespace, run, writes=write)
    return ExitCode.OK if well or sys.stdin.isatty() else ExitCode.PARTIAL


async def _query(database: "Sql", text: str, params: tuple[Any, ...], output: str, max_rows: int | None) -> None:
    out = rows_writer(output)
    count, complete, begun = 0, True, False
    async with aclosing(database.batches(text, *params, max_rows=max_rows)) as batches:
        async for each in batches:
            if not begun:
                out.begin([column.name for column in each.columns])
                begun = True
            for row in each.rows:
                out.write(row)
            count += len(each.rows)
            complete = each.complete
    out.end(count, complete=complete)


async def _execute(database: "Sql", text: str, params: tuple[Any, ...], output: str, *, autocommit: bool) -> None:
    done = await database.execute(text, *params, autocommit=autocommit)
    if done.columns:
        out = rows_writer(output)
        out.begin([column.name for column in done.columns])
        for row in done.rows:
            out.write(row)
        out.end(len(done.rows), complete=True)
    click.echo(f"{counted(done.rows_affected, 'row')} affected", err=True, file=sys.stderr)
