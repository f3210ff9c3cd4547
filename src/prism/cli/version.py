"""`prism version`."""

from importlib.metadata import version as version_of

import click


@click.command()
@click.option(
    "--verbose", is_flag=True, help="Also print how the transport runs: natively, or in plain Python and why."
)
def version(verbose: bool) -> None:
    """Print the version."""
    click.echo(version_of("prism-gateway"))
    if verbose:
        from prism.wire.native import DESCRIPTION

        click.echo(f"wire: {DESCRIPTION}")
