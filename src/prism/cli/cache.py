"""`prism cache`: a cache through a gateway."""

import math
import sys
from typing import TYPE_CHECKING

import click

from prism.cli.data_command import DataCommand
from prism.cli.duration import duration
from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup
from prism.cli.octets import SYNTAX, octets, to_cell, to_json
from prism.cli.output import output_option, show, writer

if TYPE_CHECKING:
    from prism.client import Cache

_HERE = "prism.cli.cache"

_EXAMPLES = {
    "prism cache set default greeting hello --ttl 5m": "for five minutes at most",
    "prism cache get default greeting": "ends with 1 where it is gone",
    "prism cache increment default visits": "a counter, made where it is missing",
}


@click.group(
    cls=LazyGroup,
    lazy={
        "get": (f"{_HERE}:get", "Read values by their keys."),
        "set": (f"{_HERE}:set_", "Store a value."),
        "delete": (f"{_HERE}:delete", "Remove keys."),
        "increment": (f"{_HERE}:increment", "Add to a counter."),
        "ttl": (f"{_HERE}:ttl", "Print how long a key still lives, or change it."),
    },
    examples=_EXAMPLES,
    epilog=f"{SYNTAX}\n{ExitCode.documentation()}",
)
def cache() -> None:
    """Read and write a cache: what is stored may be evicted at any time."""


class CacheCommand(DataCommand):
    """Runs an async callback with the namespace's Cache."""

    abstraction = "cache"


_ttl = click.option("--ttl", type=duration, help="How long it lives, such as 90s, 30m or 7d.")


@click.command(cls=CacheCommand)
@click.argument("keys", metavar="KEY...", type=octets, nargs=-1, required=True)
@click.option("--raw", is_flag=True, help="Write the value of the one KEY and nothing else, byte for byte.")
@output_option
async def get(cache: "Cache", *, keys: tuple[bytes, ...], raw: bool, output: str) -> ExitCode:
    """Read values by their keys."""
    if raw and len(keys) != 1:
        raise click.UsageError("--raw writes one value: give one KEY")
    found = await cache.get_many(keys)
    if raw:
        sys.stdout.buffer.write(found.get(keys[0], b""))
    else:
        shown = to_cell if output == "table" else to_json
        with writer(output, ("key", "value")) as out:
            for key, value in found.items():
                out.write({"key": shown(key), "value": shown(value)})
    missing = [to_cell(key) for key in keys if key not in found]
    if missing:
        click.echo(f"prism: not found: {', '.join(missing)}", err=True)
    return ExitCode.NEGATIVE if missing else ExitCode.OK


@click.command("set", cls=CacheCommand)
@click.argument("key", type=octets)
@click.argument("value", type=octets)
@_ttl
@click.option("--if-absent", is_flag=True, help="Only where the KEY is missing.")
@click.option("--if-present", is_flag=True, help="Only where the KEY is there.")
@output_option
async def set_(
    cache: "Cache", *, key: bytes, value: bytes, ttl: float | None, if_absent: bool, if_present: bool, output: str
) -> ExitCode:
    """Store VALUE under KEY. Without --ttl it stays until it is evicted."""
    if if_absent and if_present:
        raise click.UsageError("give --if-absent or --if-present, not both")
    mode = "if_absent" if if_absent else "if_present" if if_present else "always"
    stored = await cache.set(key, value, ttl=ttl, mode=mode)  # type: ignore[arg-type]  # one of the three words
    show(output, {"stored": stored})
    return ExitCode.OK if stored else ExitCode.NEGATIVE


@click.command(cls=CacheCommand)
@click.argument("keys", metavar="KEY...", type=octets, nargs=-1, required=True)
@output_option
async def delete(cache: "Cache", *, keys: tuple[bytes, ...], output: str) -> ExitCode:
    """Remove keys. What is not there is no error."""
    show(output, {"deleted": await cache.delete(*keys)})
    return ExitCode.OK


@click.command(cls=CacheCommand)
@click.argument("key", type=octets)
@click.option("--by", "delta", type=int, default=1, show_default=True, help="What to add; negative to count down.")
@_ttl
@output_option
async def increment(cache: "Cache", *, key: bytes, delta: int, ttl: float | None, output: str) -> ExitCode:
    """Add to the counter KEY and print its new value. --ttl is for a counter that this creates."""
    show(output, {"value": await cache.increment(key, delta, ttl=ttl)})
    return ExitCode.OK


@click.command(cls=CacheCommand)
@click.argument("key", type=octets)
@click.option("--set", "wanted", type=duration, metavar="TTL", help="Give it this time to live, such as 90s or 7d.")
@output_option
async def ttl(cache: "Cache", *, key: bytes, wanted: float | None, output: str) -> ExitCode:
    """Print the seconds that KEY still lives, `never` where it does not expire."""
    if wanted is not None:
        await cache.expire(key, wanted)
    left = await cache.ttl(key)
    if left is None:
        click.echo(f"prism: not found: {to_cell(key)}", err=True)
        return ExitCode.NEGATIVE
    show(output, {"ttl": "never" if left == math.inf else left})
    return ExitCode.OK
