"""The group `prism object`, and what its commands have in common."""

from collections.abc import Callable
from typing import Any

import click

from prism.cli.data_command import DataCommand
from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup

_EXAMPLES = {
    "prism object put default photos/1.jpg 1.jpg": "store a file; a large one by parts",
    "prism object put -r default photos/ ./photos": "store a folder, each file under its path",
    "tar c . | prism object put default backup.tar -": "store what a program writes",
    "prism object get default photos/1.jpg 1.jpg": "goes on where an interrupted download ended",
    "prism object get -r default photos/ ./photos": "the same for all keys that begin so",
    "prism object list default photos/ --delimiter /": "as in a folder",
    "prism object presign default photos/1.jpg --expires 1h": "an address for a browser",
}


@click.group(
    "object",
    cls=LazyGroup,
    lazy={
        "put": ("prism.cli.object.put:put", "Store a file, a folder, or standard input."),
        "get": ("prism.cli.object.get:get", "Get an object, or all of a prefix, into files."),
        "head": ("prism.cli.object.single:head", "Show what is known of an object."),
        "list": ("prism.cli.object.many:list_", "List objects."),
        "delete": ("prism.cli.object.many:delete", "Delete objects."),
        "copy": ("prism.cli.object.single:copy", "Store an object under another key too."),
        "presign": ("prism.cli.object.single:presign", "Print an address for one object."),
    },
    examples=_EXAMPLES,
    epilog=ExitCode.documentation(),
)
def object_() -> None:
    """Store and get objects: bytes of any size under keys. A key is text, and no path."""


class ObjectCommand(DataCommand):
    """Runs an async callback with the namespace's ObjectStore."""

    abstraction = "objects"


def properties(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds what is said of an object that is stored."""
    for option in (
        click.option("--ttl", type=str, help="Time to live, such as 90s, 30m or 7d."),
        click.option(
            "--metadata",
            "-m",
            multiple=True,
            metavar="NAME=VALUE",
            help="A note of your own on the object; may be given more than once.",
        ),
        click.option("--cache-control", default="", help="How long browsers and proxies may keep it."),
        click.option("--content-encoding", default="", help="How the file is compressed, such as gzip."),
        click.option("--content-type", default=None, help="What the file is; by its name unless given."),
    ):
        command = option(command)
    return command


def notes(given: tuple[str, ...]) -> dict[str, str]:
    """Metadata as given on the command line."""
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise click.UsageError(f"--metadata {each!r} has no value; give NAME=VALUE")
        found[name] = value
    return found
