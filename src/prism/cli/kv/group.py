"""The group `prism kv`, and what its commands have in common."""

import click

from prism.cli.data_command import DataCommand
from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup
from prism.cli.octets import SYNTAX

_EXAMPLES = {
    "prism kv put default account:1 plan=team seats=5": "two items of the record account:1",
    "prism kv get default account:1 plan --raw": "the value only, for scripts",
    "prism kv scan default account:1 --prefix se": "items in order",
    "prism kv cas default account:1 seats 6 --expect 5": "only if the value is still 5",
    "prism kv records default --prefix account:": "the ids of the records",
    "prism kv export default > default.jsonl": "the whole namespace, to keep or to move",
    "prism kv import default default.jsonl": "store it again",
}


@click.group(
    cls=LazyGroup,
    lazy={
        "get": ("prism.cli.kv.items:get", "Read items of a record."),
        "put": ("prism.cli.kv.items:put", "Store items in a record."),
        "delete": ("prism.cli.kv.items:delete", "Delete items, or a whole record."),
        "cas": ("prism.cli.kv.items:cas", "Replace or delete an item if it has the expected value."),
        "expire": ("prism.cli.kv.items:expire", "Set or remove the time to live of items."),
        "scan": ("prism.cli.kv.lists:scan", "List the items of a record."),
        "records": ("prism.cli.kv.lists:records", "List the records of a namespace."),
        "import": ("prism.cli.kv.transfer:import_", "Store the records of a JSON Lines file."),
        "export": ("prism.cli.kv.transfer:export", "Write a namespace as JSON Lines."),
    },
    examples=_EXAMPLES,
    epilog=f"{SYNTAX}\n{ExitCode.documentation()}",
)
def kv() -> None:
    """Read and write KeyValue data: a namespace holds records, a record holds items `key -> value`."""


class KeyValueCommand(DataCommand):
    """Runs an async callback with the namespace's KeyValue."""

    abstraction = "keyvalue"
