"""`prism cache`: a cache through a gateway."""

import math
from typing import TYPE_CHECKING

import click

from prism.cli.data_command import DataCommand
from prism.cli.duration import duration
from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup
from prism.cli.octets import SYNTAX, octets, to_cell, to_json
from prism.cli.output import output_option, show, writer
from prism.cli.standard_streams import standard_output

if TYPE_CHECKING:
    from prism.client import Cache

_HERE = "prism.cli.cache"

_EXAMPLES = {
    "prism cache set default greeting hello --ttl 5m": "store it for at most five minutes",
    "prism cache get default greeting": "exits with 1 if it is gone",
    "prism cache increment default visits": "count; starts at 0",
}


@click.group(
    cls=LazyGroup,
    lazy={
        "get": (f"{_HERE}:get", "Read values by their keys."),
        "set": (f"{_HERE}:set_", "Store a value."),
        "delete": (f"{_HERE}:delete", "Remove keys."),
        "increment": (f"{_HERE}:increment", "Add to a counter."),
        "ttl": (f"{_HERE}:ttl", "Print the time to live of a key, or change it."),
    },
    examples=_EXAMPLES,
    epilog=f"{SYNTAX}\n{ExitCode.documentation()}",
)
def cache() -> None:
    """Read and write a cache. An entry may be evicted at any time."""


class CacheCommand(DataCommand):
    """Runs an async callback with the namespace's Cache."""

    abstraction = "cache"


_ttl = click.option("--ttl", type=duration, help="Time to live, such as 90s, 30m or 7d.")


@click.command(cls=CacheCommand)
@click.argument("keys", metavar="KEY...", type=octets, nargs=-1, required=True)
@click.option("--raw", is_flag=True, help="Print only the value, byte for byte; takes exactly one KEY.")
@output_option
async def get(cache: "Cache", *, keys: tuple[bytes, ...], raw: bool, output: str) -> ExitCode:
    """Read values by their keys."""
    if raw and len(keys) != 1:
        raise click.UsageError("--raw writes one value; give one KEY")
    found = await cache.get_many(keys)
    if raw:
        standard_output().write(found.get(keys[0], b""))
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
@click.option("--if-absent", is_flag=True, help="Store the value only if KEY does not exist yet.")
@click.option("--if-present", is_flag=True, help="Store the value only if KEY exists already.")
@output_option
async def set_(
    cache: "Cache", *, key: bytes, value: bytes, ttl: float | None, if_absent: bool, if_present: bool, output: str
) -> ExitCode:
    """Store VALUE under KEY. Without --ttl it stays until the cache evicts it."""
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
    """Remove keys. A missing key is not an error."""
    show(output, {"deleted": await cache.delete(*keys)})
    return ExitCode.OK


@click.command(cls=CacheCommand)
@click.argument("key", type=octets)
@click.option(
    "--by",
    "delta",
    type=int,
    default=1,
    show_default=True,
    help="Number to add to the counter; a negative number counts down.",
)
@_ttl
@output_option
async def increment(cache: "Cache", *, key: bytes, delta: int, ttl: float | None, output: str) -> ExitCode:
    """Add to the counter KEY and print its new value. --ttl applies if this creates the counter."""
    show(output, {"value": await cache.increment(key, delta, ttl=ttl)})
    return ExitCode.OK


@click.command(cls=CacheCommand)
@click.argument("key", type=octets)
@click.option(
    "--set",
    "wanted",
    type=duration,
    metavar="TTL",
    help="Change the time to live of KEY to TTL, such as 90s or 7d, before printing it.",
)
@output_option
async def ttl(cache: "Cache", *, key: bytes, wanted: float | None, output: str) -> ExitCode:
    """Print the seconds until KEY expires, or `never`."""
    if wanted is not None:
        await cache.expire(key, wanted)
    left = await cache.ttl(key)
    if left is None:
        click.echo(f"prism: not found: {to_cell(key)}", err=True)
        return ExitCode.NEGATIVE
    show(output, {"ttl": "never" if left == math.inf else left})
    return ExitCode.OK
