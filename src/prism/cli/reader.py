"""`prism reader`: rows of tables that are there already, through a gateway."""

import json
import re
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from prism.cli.data_command import DataCommand
from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup
from prism.cli.octets import to_json
from prism.cli.output import limit_option, output_option, show, timestamp, writer

if TYPE_CHECKING:
    from prism.client import Reader
    from prism.interfaces.filter import Filter

_HERE = "prism.cli.reader"
_EXAMPLES = {
    "prism reader collections default": "what there is to read",
    "prism reader describe default city": "columns, key, and the sorts that an index serves",
    "prism reader read default city --sort=-people --limit 10": "the ten largest",
    "prism reader read default city -w 'people>=100000' -w name^=W": "all tests must be true",
    "prism reader get default city 7": "one row by its key",
    "prism reader count default city -w people": "where it is not null",
}
_TEST: Final = re.compile(r"(?P<field>.+?)(?P<op>!=|<=|>=|\^=|=|<|>)(?P<value>.*)", re.DOTALL)
_OPS: Final = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "^=": "starts_with"}


@click.group(
    cls=LazyGroup,
    lazy={
        "collections": (f"{_HERE}:collections", "List what there is to read."),
        "describe": (f"{_HERE}:describe", "Show the columns, the key and the sorts of a collection."),
        "read": (f"{_HERE}:read", "Read rows, sorted and filtered."),
        "get": (f"{_HERE}:get", "Read one row by its key."),
        "count": (f"{_HERE}:count", "Count rows."),
    },
    examples=_EXAMPLES,
    epilog="A VALUE is JSON, such as 7, 1.5, true or '\"7\"'; what is not JSON is text.\n" + ExitCode.documentation(),
)
def reader() -> None:
    """Read the rows of tables that are there already. Nothing is ever changed."""


class ReaderCommand(DataCommand):
    """Runs an async callback with the namespace's Reader."""

    abstraction = "reader"


where_option = click.option(
    "-w",
    "--where",
    "tests",
    multiple=True,
    metavar="FIELD[OP VALUE]",
    help="Only rows where FIELD is =, !=, <, <=, > or >= VALUE, begins with it (^=), or, alone, is not null.",
)
_fields = click.option("-f", "--field", "fields", multiple=True, metavar="NAME", help="Print only these columns.")


@click.command(cls=ReaderCommand)
@click.option("--prefix", default="", metavar="TEXT", help="Print only names that start with TEXT.")
@limit_option
@output_option
async def collections(reader: "Reader", *, prefix: str, limit: int | None, output: str) -> ExitCode:
    """List the collections of NAMESPACE, in byte order."""
    with writer(output, ("collection",)) as out:
        async for name in reader.collections(prefix=prefix, limit=limit):
            out.write({"collection": name})
    return ExitCode.OK


@click.command(cls=ReaderCommand)
@click.argument("collection")
@output_option
async def describe(reader: "Reader", *, collection: str, output: str) -> ExitCode:
    """Show what COLLECTION is."""
    found = await reader.describe(collection)
    if output == "table":
        with writer(output, ("column", "kind", "store_type", "order", "nullable", "generated")) as out:
            for each in found.columns:
                out.write({"column": each.name, **asdict(each)})
        click.echo(f"\nkey: {', '.join(found.key) or '-'}")
        for sort in found.sorts:
            click.echo(f"sort: {', '.join(sort)}")
        return ExitCode.OK
    show(output, {name: plain_of(value) for name, value in asdict(found).items()})
    return ExitCode.OK


@click.command(cls=ReaderCommand)
@click.argument("collection")
@where_option
@click.option(
    "-s", "--sort", "sort", multiple=True, metavar="FIELD", help="Sort by FIELD; --sort=-FIELD for descending."
)
@_fields
@limit_option
@output_option
async def read(
    reader: "Reader",
    *,
    collection: str,
    tests: tuple[str, ...],
    sort: tuple[str, ...],
    fields: tuple[str, ...],
    limit: int | None,
    output: str,
) -> ExitCode:
    """Read the rows of COLLECTION, in the order of its key unless --sort says otherwise. A sort needs an index."""
    names = fields or [each.name for each in (await reader.describe(collection)).columns]
    rows = reader.read(collection, where=filter_of(tests), sort=sort, fields=fields, limit=limit, page_size=500)
    with writer(output, names) as out:
        async for row in rows:
            out.write({name: plain_of(value) for name, value in row.items()})
    return ExitCode.OK


@click.command(cls=ReaderCommand)
@click.argument("collection")
@click.argument("key", metavar="VALUE...", nargs=-1, required=True)
@_fields
@output_option
async def get(
    reader: "Reader", *, collection: str, key: tuple[str, ...], fields: tuple[str, ...], output: str
) -> ExitCode:
    """Read the row of COLLECTION whose key is VALUE..., one value for each column of the key."""
    row = await reader.get(collection, *map(value_of, key), fields=fields)
    if row is None:
        return ExitCode.NEGATIVE
    show(output, {name: plain_of(value) for name, value in row.items()})
    return ExitCode.OK


@click.command(cls=ReaderCommand)
@click.argument("collection")
@where_option
@click.option("--at-most", type=click.IntRange(min=1), default=100_000, show_default=True, help="Stop counting there.")
@output_option
async def count(reader: "Reader", *, collection: str, tests: tuple[str, ...], at_most: int, output: str) -> ExitCode:
    """Count the rows of COLLECTION."""
    show(output, asdict(await reader.count(collection, where=filter_of(tests), at_most=at_most)))
    return ExitCode.OK


def filter_of(tests: tuple[str, ...]) -> "Filter | None":
    """All the tests as one filter.

    Raises:
        UsageError: one is none.
    """
    from prism.client import all_of, field

    made = []
    for each in tests:
        found = _TEST.fullmatch(each)
        try:
            if found is None:
                made.append(field(each).exists())
                continue
            test = getattr(field(found["field"].strip()), _OPS[found["op"]])
            value = found["value"].strip()
            made.append(test(value if found["op"] == "^=" else value_of(value)))
        except (TypeError, ValueError) as error:
            raise click.UsageError(f"--where {each!r}: {error}") from error
    return all_of(*made) if made else None


def value_of(text: str) -> Any:
    """JSON where it is a number, a text in quotes, true or false; else text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float | str) else text


def plain_of(value: Any) -> Any:
    """A value as JSON has it, or as text."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return to_json(value)
        case datetime() if value.tzinfo is not None:
            return timestamp(value)
        case dict():
            return {name: plain_of(each) for name, each in value.items()}
        case list() | tuple():
            return [plain_of(each) for each in value]
    return str(getattr(value, "text", value))
