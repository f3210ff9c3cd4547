"""`prism serve`: a gateway in this process."""

from dataclasses import dataclass
from pathlib import Path

import click

from prism.cli.config_option import config_option


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The command line's part of a gateway's configuration.

    Attributes:
        config: its configuration file; None for SQLite under `./prism-data`.
        listen: addresses for data, `host:port` or `unix:/path`, in place of those of the configuration.
    """

    config: Path | None
    listen: tuple[str, ...]


@click.command()
@config_option("The configuration file; it is read again when it changes and on SIGHUP.")
@click.option(
    "--listen",
    multiple=True,
    metavar="ADDRESS",
    help="Address of the data port, HOST:PORT or unix:/PATH, instead of the configuration's; repeatable.",
)
def serve(config: Path | None, listen: tuple[str, ...]) -> None:
    """Run a gateway: gRPC and HTTP/JSON on port 8980, the admin port on 8981, probes and metrics on 9090.

    Without --config it serves the namespace "default" and keeps its data in SQLite under ./prism-data.
    """
    from pydantic_core import PydanticCustomError

    from prism.config.sections.root import checked_address
    from prism.server import server

    for address in listen:
        try:
            checked_address(address)
        except PydanticCustomError as refusal:
            allowed = (refusal.context or {}).get("allowed", "")
            raise click.BadParameter(f"{address!r} is {refusal}; give {allowed}", param_hint="--listen") from refusal
    server.serve(ServeOptions(config, listen))
