"""`python -m prism.sdk NAME`: a plugin in a process of its own, started by a gateway or by a person."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

DEFAULT_LISTEN = "127.0.0.1:8990"

_EPILOG = f"""\b
Started by a gateway, a plugin listens on a socket of its own and prints its
address on standard output. Started by you, it listens on --listen until you
end it, and you can call it with grpcurl, without a gateway:

\b
  python -m prism.sdk memory
  grpcurl -plaintext -d '{{"namespace": "try"}}' {DEFAULT_LISTEN} \\
    prism.plugin.v1.BackendPlugin/Initialize
  grpcurl -plaintext -d '{{"operation": "prism.data.v1.KeyValue/Put",
    "metadata": {{"prism-namespace": "try"}}, "typed_params": {{
      "@type": "type.googleapis.com/prism.data.v1.KeyValuePutRequest",
      "id": "account:1", "items": [{{"key": "cGxhbg==", "value": "dGVhbQ=="}}]}}}}' \\
    {DEFAULT_LISTEN} prism.plugin.v1.BackendPlugin/Execute

In a container, NAME is PRISM_PLUGIN, an option such as --tls-cert
PRISM_TLS_CERT, and --log-level PRISM_LOG_LEVEL.
"""


def serve(name: str, arguments: Sequence[str] | None = None) -> None:
    """Serves a plugin in this process until it is asked to end, and exits; for a package's `__main__.py`.

    Args:
        name: an installed plugin, or the package that holds the plugin.toml: `serve(__package__)`.
        arguments: the command line behind the name; `sys.argv[1:]` where it is None.
    """
    _run(_command, [name, *(sys.argv[1:] if arguments is None else arguments)])


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m prism.sdk`."""
    _run(_command, arguments)


def _run(command: click.Command, arguments: Sequence[str] | None) -> None:
    from prism.errors import PrismError

    try:
        command.main(arguments, prog_name="python -m prism.sdk")
    except (PrismError, OSError) as error:
        said = error.strerror if isinstance(error, OSError) and not error.filename else None
        click.echo(f"prism plugin: {said or error}", err=True)
        sys.exit(1)


_ADDRESS = "HOST:PORT"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name", metavar="NAME-OR-PACKAGE", envvar="PRISM_PLUGIN")
@click.option(
    "--listen",
    envvar="PRISM_PLUGIN_LISTEN",
    default=DEFAULT_LISTEN,
    show_default=True,
    metavar="ADDRESS",
    help="Address at which to serve gateways, HOST:PORT or unix:/PATH; any but a loopback address requires mutual TLS.",
)
@click.option(
    "--tls-cert", envvar="PRISM_TLS_CERT", type=_FILE, help="File with the certificate to serve with, in PEM."
)
@click.option(
    "--tls-key",
    envvar="PRISM_TLS_KEY",
    type=_FILE,
    help="File with the private key of the certificate of --tls-cert, in PEM.",
)
@click.option(
    "--tls-client-ca",
    envvar="PRISM_TLS_CLIENT_CA",
    type=_FILE,
    help="File with the CA certificate that must have signed the certificates of gateways, in PEM.",
)
@click.option(
    "--probes",
    envvar="PRISM_PLUGIN_PROBES",
    default="",
    metavar=_ADDRESS,
    help="Address at which to serve the probes /health/live and /health/ready, such as :8081.",
)
@click.option(
    "--metrics",
    envvar="PRISM_PLUGIN_METRICS",
    default="",
    metavar=_ADDRESS,
    help="Address at which to serve /metrics for Prometheus, such as :9090.",
)
@click.option(
    "--grace",
    envvar="PRISM_PLUGIN_GRACE",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    help="Seconds that calls in progress have to finish when the process is told to stop.",
)
@click.option(
    "--idle-timeout",
    envvar="PRISM_PLUGIN_IDLE_TIMEOUT",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    help="Seconds after which to stop an instance that no gateway uses any more.",
)
@click.option(
    "--allow-uid",
    type=int,
    multiple=True,
    help="User id whose processes may connect to the unix socket, besides your own and root; repeatable.",
)
@click.option(
    "--log-level",
    envvar="PRISM_LOG_LEVEL",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="Lowest severity to log; less severe records are dropped.",
)
def _command(name: str, **options: Any) -> None:
    """Serve a plugin by prism.plugin.v1, in a process of its own."""
    from prism import event_loop
    from prism.host import host_options
    from prism.host.plugin_lookup import find
    from prism.host.process import PluginProcess
    from prism.open_files import OPEN_FILES

    how = host_options.by_host(options) if host_options.was_started_by_host() else host_options.standalone(options)
    OPEN_FILES.raise_limit()
    event_loop.run(PluginProcess(find(name), how).run())
