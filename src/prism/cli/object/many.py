"""`prism object list` and `delete`: many objects."""

from typing import TYPE_CHECKING, Any

import click

from prism.cli.exit_code import ExitCode
from prism.cli.object.group import ObjectCommand
from prism.cli.object.rows import COLUMNS, object_row
from prism.cli.output import counted, limit_option, output_option, writer

if TYPE_CHECKING:
    from prism.client import ObjectStore

_AT_ONCE = 500


@click.command("list", cls=ObjectCommand)
@click.argument("prefix", default="")
@click.option("--delimiter", type=click.Choice(["", "/"]), default="", help="Merge keys up to the next slash.")
@limit_option
@output_option
async def list_(objects: "ObjectStore", *, prefix: str, delimiter: Any, limit: int | None, output: str) -> ExitCode:
    """List the objects whose keys begin with PREFIX, in byte order."""
    with writer(output, COLUMNS) as out:
        async for each in objects.list(prefix, delimiter=delimiter, limit=limit):
            out.write(object_row(each))
    return ExitCode.OK


@click.command(cls=ObjectCommand)
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@click.option("-r", "--recursive", is_flag=True, help="Delete all objects whose keys begin with KEY.")
@click.option("--if-match", default="", metavar="ETAG", help="Only the object that has ETAG; takes one KEY.")
async def delete(objects: "ObjectStore", *, keys: tuple[str, ...], recursive: bool, if_match: str) -> ExitCode:
    """Delete objects. A missing one is not an error."""
    if if_match:
        if recursive or len(keys) != 1:
            raise click.UsageError("--if-match is about one object; give one KEY, without -r")
        await objects.delete(keys[0], if_match=if_match)
        return ExitCode.OK
    failed = deleted = 0
    for key in keys:
        waiting = [key]
        if recursive:
            waiting = [each.key async for each in objects.list(key)]
        for at in range(0, len(waiting), _AT_ONCE):
            results = await objects.delete_many(waiting[at : at + _AT_ONCE])
            for name, error in results.items():
                deleted += error is None
                if error is not None:
                    failed += 1
                    click.echo(f"prism: {name}: {error.message}", err=True)
    if recursive:
        click.echo(f"deleted {counted(deleted, 'object')}", err=True)
    return ExitCode.PARTIAL if failed else ExitCode.OK
