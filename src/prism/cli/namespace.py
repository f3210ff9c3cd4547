"""`prism namespace`: the namespaces of a configuration file, without starting anything."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prism.cli.config_option import config_option
from prism.cli.exit_code import ExitCode
from prism.cli.output import counted, output_option, show, writer

if TYPE_CHECKING:
    from prism.config.specification import Loaded

_PROBLEM_COLUMNS = ("place", "path", "message", "found", "allowed", "nearest")
_SHOWN = config_option(
    "Path of the configuration file to read; without it, what `prism serve` serves without a configuration file."
)


@click.group()
def namespace() -> None:
    """Show and validate the namespaces of a configuration. Secrets are never shown."""


@namespace.command("list")
@_SHOWN
@output_option
def list_(config: Path | None, output: str) -> None:
    """List the namespaces."""
    from prism.control.describe import rows

    loaded = _load(config)
    with writer(output, ("name", "abstractions", "backend", "placement")) as out:
        for spec in loaded.namespaces.values():
            for row in rows(spec):
                out.write(row)


@namespace.command()
@click.argument("name", default="default")
@_SHOWN
@output_option
def describe(name: str, config: Path | None, output: str) -> None:
    """Show the namespace NAME in full, with defaults and capabilities."""
    from prism.config.yaml.problem import nearest
    from prism.control.describe import details

    loaded = _load(config)
    if name not in loaded.namespaces:
        near = nearest(name, loaded.namespaces)
        where = "the configuration" if config else "the default configuration"
        hint = (
            f"did you mean {near!r}?" if near else ("`prism namespace list` lists them" if config else "give --config")
        )
        raise click.UsageError(f"{where} has no namespace {name!r}; {hint}")
    show(output, details(loaded.namespaces[name]))


@namespace.command()
@config_option("Path of the configuration file to read.", required=True)
@output_option
@click.pass_context
def validate(ctx: click.Context, config: Path, output: str) -> None:
    """Check a configuration file and list every mistake. Nothing is started."""
    from prism.config.yaml.problem import ConfigInvalid

    problems: list[dict[str, str]] = []
    try:
        loaded = _load(config)
    except ConfigInvalid as error:
        if output == "table":
            raise
        problems = [asdict(each) | {"place": each.place} for each in error.problems]
    else:
        stores = {each.instance.key for spec in loaded.namespaces.values() for each in spec.backends}
        if output == "table":
            click.echo(
                f"{config}: valid; {counted(len(loaded.namespaces), 'namespace')} on {counted(len(stores), 'store')}"
            )
            return
    with writer(output, _PROBLEM_COLUMNS) as out:
        for problem in problems:
            out.write(problem)
    ctx.exit(ExitCode.USAGE if problems else ExitCode.OK)


def _load(config: Path | None) -> "Loaded":
    from prism.config.loading import load
    from prism.plugins.discovery import discover

    if config is not None:
        return load(config, discover())
    from prism.config.embedded import embedded_default

    return load(embedded_default(), discover())
