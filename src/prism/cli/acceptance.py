"""`prism acceptance`: runs the acceptance kit on a plugin."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prism.cli.exit_code import ExitCode

if TYPE_CHECKING:
    from prism.acceptance.harness import Placement

_PLACEMENTS = click.Choice(["in_process", "sidecar", "remote"])
_EPILOG = """
PLUGIN is one of

\b
  shelf                 the name of an installed plugin
  ./shelf-go            a folder with a plugin.toml, in any language
  './shelf --debug'     a command, which is run as a sidecar
  localhost:8081        the address of a plugin that is running

The tests run on the store that the manifest names as `testing`, or with
--config FILE on a store that is running:

\b
  config:
    path: /tmp/shelf.db
  credentials:
    password: secret

\b
  prism acceptance run memory --suite cache --way binding       one suite, the fastest way
  prism acceptance run shelf --suite lifecycle                  start, stop and restart
  prism acceptance run shelf -k "ttl and not stream"            some tests
  prism acceptance run shelf --report md > report.md            all, as a page to read
  prism acceptance run shelf --report json --junit out.xml      all, for programs

Exits with 0 if every test passed, with 1 if one failed or none ran.
A failure names the rule that was broken; docs/contract.md lists the rules.
"""


@click.group()
def acceptance() -> None:
    """Test on a real store that a plugin does what its manifest declares."""


@acceptance.command(epilog=_EPILOG)
@click.argument("plugin")
@click.option("--suite", "suites", multiple=True, help="Only this suite; repeatable.")
@click.option("--placement", type=_PLACEMENTS, help="Where the plugin runs; the default is what its manifest says.")
@click.option("--command", help="Run the plugin as a sidecar, with this command instead of its own.")
@click.option("--endpoint", metavar="HOST:PORT", help="Test the remote plugin that listens there.")
@click.option(
    "--way", "ways", multiple=True, help="Only this way to call it: binding, process, grpc, http or client; repeatable."
)
@click.option("-k", "keywords", default="", metavar="EXPRESSION", help="Only tests whose names match.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write the results as JUnit XML.")
@click.option(
    "--report", type=click.Choice(["md", "json"]), help="Write a report to standard output, progress to standard error."
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML with `config` and `credentials` of a running store; without it, the plugin's own test store.",
)
@click.option("--no-config", is_flag=True, help="Start the plugin without options, as one that keeps its data itself.")
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
    no_config: bool,
) -> None:
    """Test PLUGIN in every way that an application can call it, and list the rules that it keeps and breaks."""
    try:
        from prism.acceptance import runner
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"the acceptance kit needs {missing.name}; pip install 'prism-gateway[acceptance]'"
        ) from missing
    from prism.acceptance import PluginAcceptanceHarness
    from prism.acceptance.report import WRITERS
    from prism.acceptance.target import ConfiguredStore, configured, target

    if config is not None and no_config:
        raise click.UsageError("give --config or --no-config, not both")
    store = ConfiguredStore({}, {}) if no_config else None if config is None else configured(config)
    given = {} if store is None else store.config, {} if store is None else store.credentials()
    tested = target(plugin, *given)
    section = tested.section or _section(command, endpoint)
    if (command or endpoint) and tested.section:
        raise click.UsageError("PLUGIN already says how to reach it; remove --command and --endpoint")
    if section and placement not in (None, section["type"]):
        raise click.UsageError(f"--placement {placement} does not fit a plugin that runs as {section['type']}")
    harness = PluginAcceptanceHarness(
        tested.plugin,
        None if store is None else lambda: store,
        suites=suites,
        ways=ways,
        placement=placement,
        section=section,
    )
    with contextlib.redirect_stdout(sys.stderr) if report else contextlib.nullcontext():
        results = runner.run(harness, keywords=keywords, junit=junit)
    if report:
        click.echo(WRITERS[report](results), nl=False)
    if not any(case.outcome == "passed" for case in results.cases):
        why = "the reasons are above" if results.cases else f"no test name matches -k {keywords!r}"
        click.echo(f"no test ran: {why}", err=True)
        ctx.exit(ExitCode.NEGATIVE)
    if results.failed:
        ctx.exit(ExitCode.NEGATIVE)


def _section(command: str | None, endpoint: str | None) -> dict[str, object]:
    """The `plugin` section of the namespaces, where the plugin is not run by its own command."""
    if command and endpoint:
        raise click.UsageError("--command starts a plugin and --endpoint names a running one: give only one of them")
    if command:
        from prism.acceptance.plugin_probe import command_of

        if not (words := command_of(command)):
            raise click.UsageError(f"--command {command!r}: program not found")
        return {"type": "sidecar", "command": list(words)}
    return {"type": "remote", "endpoint": endpoint} if endpoint else {}
