"""`prism kv scan` and `records`: lists in byte order."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from prism.cli.exit_code import ExitCode
from prism.cli.kv.group import KeyValueCommand
from prism.cli.kv.rows import COLUMNS, item_row
from prism.cli.octets import octets
from prism.cli.output import limit_option, output_option, writer

if TYPE_CHECKING:
    from prism.client import KeyValue


def _range(kind: Callable[[str], bytes] | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            limit_option,
            click.option(
                "--reverse", is_flag=True, help="Print the results in reverse order, from the last to the first."
            ),
            click.option(
                "--start",
                type=kind,
                default="",
                help="Lower bound of the results, included; it stays the lower bound with --reverse.",
            ),
            click.option(
                "--prefix",
                type=kind,
                default="",
                metavar="TEXT",
                help="Print only results that start with TEXT; * and ? are not wildcards.",
            ),
        ):
            command = option(command)
        return command

    return decorate


@click.command(cls=KeyValueCommand)
@click.argument("record", metavar="ID")
@_range(octets)
@click.option(
    "--end",
    type=octets,
    default="",
    help="Upper bound of the results, excluded; it stays the upper bound with --reverse.",
)
@click.option("--keys-only", is_flag=True, help="Print only keys, without values and metadata.")
@output_option
async def scan(kv: "KeyValue", *, record: str, keys_only: bool, output: str, **bounds: Any) -> ExitCode:
    """List the items of record ID in byte order of their keys."""
    columns = [name for name in COLUMNS if not keys_only or name not in {"value", "metadata"}]
    with writer(output, columns) as out:
        async for item in kv.scan(record, keys_only=keys_only, **bounds):
            out.write(item_row(item, output, keys_only=keys_only))
    return ExitCode.OK


@click.command(cls=KeyValueCommand)
@_range(None)
@output_option
async def records(kv: "KeyValue", *, output: str, **bounds: Any) -> ExitCode:
    """List the ids of the records that hold at least one item, in byte order."""
    with writer(output, ("id",)) as out:
        async for record in kv.list_records(**bounds):
            out.write({"id": record})
    return ExitCode.OK
