"""`prism acceptance`: runs the acceptance kit on a plugin."""

import contextlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prism.cli.exit_code import ExitCode

if TYPE_CHECKING:
    from prism.acceptance.harness import Placement

_PLACEMENTS = click.Choice(["in_process", "sidecar", "remote"])


@click.group()
def acceptance() -> None:
    """Prove on a real store that a plugin does what its manifest declares."""


@acceptance.command()
@click.argument("plugin")
@click.option("--suite", "suites", multiple=True, help="Only this suite; may be given again.")
@click.option("--placement", type=_PLACEMENTS, help="Where the plugin runs; as its manifest says unless given.")
@click.option("--command", help="Run the plugin, as a sidecar, by this command instead of its own.")
@click.option("--endpoint", metavar="HOST:PORT", help="Test, as a remote plugin, what listens there.")
@click.option("--way", "ways", multiple=True, help="Only this way in: binding, process, grpc, http or client.")
@click.option("-k", "keywords", default="", metavar="EXPRESSION", help="Only tests whose names match.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write the results as JUnit's XML.")
@click.option(
    "--report", type=click.Choice(["md", "json"]), help="Write a report to standard output, progress to standard error."
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML with `config` and `credentials` of a store that runs; without it the plugin's own store for tests.",
)
@click.pass_context
def run(
    ctx: click.Context,
    plugin: str,
    *,
    suites: tuple[str, ...],
    placement: "Placement | None",
    command: str | None,
    endpoint: str | None,
    ways: tuple[str, ...],
    keywords: str,
    junit: Path | None,
    report: str | None,
    config: Path | None,
) -> None:
    """Test PLUGIN, a plugin's name or the folder of its plugin.toml. Exits with 1 where a test failed."""
    try:
        from prism.acceptance import runner
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"the acceptance kit needs {missing.name}; pip install 'prism-gateway[acceptance]'"
        ) from missing
    from prism.acceptance import PluginAcceptanceHarness
    from prism.acceptance.report import WRITERS
    from prism.acceptance.target import configured
    from prism.acceptance.target import plugin as found

    store = None if config is None else (lambda: configured(config))
    section = _section(placement, command, endpoint)
    harness = PluginAcceptanceHarness(
        found(plugin), store, suites=suites, ways=ways, placement=placement, section=section
    )
    with contextlib.redirect_stdout(sys.stderr) if report else contextlib.nullcontext():
        results = runner.run(harness, keywords=keywords, junit=junit)
    if report:
        click.echo(WRITERS[report](results), nl=False)
    if results.failed or not results.cases:
        ctx.exit(ExitCode.NEGATIVE)


def _section(placement: str | None, command: str | None, endpoint: str | None) -> dict[str, object]:
    """The `plugin` section of the namespaces, where the plugin is not run by its own command."""
    if command and endpoint:
        raise click.UsageError("--command starts a plugin, --endpoint names one that runs: give one of them")
    section: dict[str, object] = {}
    if command:
        section = {"type": "sidecar", "command": shlex.split(command)}
    if endpoint:
        section = {"type": "remote", "endpoint": endpoint}
    if section and placement not in (None, section["type"]):
        raise click.UsageError(f"--placement {placement} does not go with what runs as {section['type']}")
    return section
