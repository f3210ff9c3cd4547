"""`prism serve`: a gateway in this process."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import click

from prism.cli.config_option import config_option

_EXAMPLES = MappingProxyType(
    {
        "keyvalue": "kv put {} account:1 plan=team",
        "cache": "cache set {} greeting hello",
        "pubsub": "pubsub publish {} greetings.en hello",
    }
)
"""A command to try of each abstraction that the command line has, by its name in the configuration."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The command line's part of a gateway's configuration.

    Attributes:
        config: its configuration file; None for SQLite under `./prism-data`.
        listen: addresses for data, `host:port` or `unix:/path`, instead of the configuration's.
        examples: a command to try by abstraction, with `{}` for the namespace; the gateway prints the first that fits.
    """

    config: Path | None
    listen: tuple[str, ...]
    examples: Mapping[str, str]


@click.command()
@config_option("Path of the configuration file, which is read again when it changes and on SIGHUP.")
@click.option(
    "--listen",
    multiple=True,
    metavar="ADDRESS",
    help="Address of the data port, HOST:PORT or unix:/PATH, in place of those in the configuration; repeatable.",
)
def serve(config: Path | None, listen: tuple[str, ...]) -> None:
    """Run a gateway: gRPC and HTTP/JSON on port 8980, the admin port on 8981, probes and metrics on 9090.

    Without --config it serves the namespace "default" and keeps its data in SQLite under ./prism-data.
    """
    from prism import gc_tuning

    with gc_tuning.importing():
        from pydantic_core import PydanticCustomError

        from prism.config.sections.root import checked_address
        from prism.server import server

    for address in listen:
        try:
            checked_address(address)
        except PydanticCustomError as refusal:
            allowed = (refusal.context or {}).get("allowed", "")
            raise click.BadParameter(f"{address!r} is {refusal}; give {allowed}", param_hint="--listen") from refusal
    server.serve(ServeOptions(config, listen, _EXAMPLES))
