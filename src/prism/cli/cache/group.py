"""The group `prism cache`."""

import click

from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup
from prism.cli.octets import SYNTAX

_ENTRIES = "prism.cli.cache.entries"

_EXAMPLES = {
    "prism cache set default greeting hello --ttl 5m": "for five minutes at most",
    "prism cache get default greeting": "ends with 1 where it is gone",
    "prism cache increment default visits": "a counter, made where it is missing",
}


@click.group(
    cls=LazyGroup,
    lazy={
        "get": (f"{_ENTRIES}:get", "Read values by their keys."),
        "set": (f"{_ENTRIES}:set_", "Store a value."),
        "delete": (f"{_ENTRIES}:delete", "Remove keys."),
        "increment": (f"{_ENTRIES}:increment", "Add to a counter."),
        "ttl": (f"{_ENTRIES}:ttl", "Print how long a key still lives, or change it."),
    },
    examples=_EXAMPLES,
    epilog=f"{SYNTAX}\n{ExitCode.documentation()}",
)
def cache() -> None:
    """Read and write a cache: what is stored may be evicted at any time."""
