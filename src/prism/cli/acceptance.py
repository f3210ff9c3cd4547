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
_TEACHES = """
PLUGIN is one of

\b
  shelf                 an installed plugin, by its name
  ./shelf-go            the folder of a plugin.toml, in any language
  './shelf --debug'     a command: it is asked what it is, and run as a sidecar
  localhost:8081        where a plugin listens that runs already

Its tests run on the store that the manifest names as `testing`, or with
--config FILE on one that runs already:

\b
  config:
    path: /tmp/shelf.db
  credentials:
    password: secret

\b
  prism acceptance run memory --suite keyvalue --way binding    a minute
  prism acceptance run shelf --suite lifecycle                  does it start and end well?
  prism acceptance run shelf -k "ttl and not stream"            some tests
  prism acceptance run shelf --report md > report.md            all, for people
  prism acceptance run shelf --report json --junit out.xml      all, for programs

Exits with 0 where every test passed, with 1 where one failed or none was run.
A failure names the rule that it breaks; docs/contract.md has them all.
"""


@click.group()
def acceptance() -> None:
    """Prove on a real store that a plugin does what its manifest declares."""


@acceptance.command(epilog=_TEACHES)
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
    """Test PLUGIN in every way that an application may call it, and sum up what it keeps and what it breaks."""
    try:
        from prism.acceptance import runner
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"the acceptance kit needs {missing.name}; pip install 'prism-gateway[acceptance]'"
        ) from missing
    from prism.acceptance import PluginAcceptanceHarness
    from prism.acceptance.report import WRITERS
    from prism.acceptance.target import configured, target

    store = None if config is None else configured(config)
    given = {} if store is None else store.config, {} if store is None else store.credentials()
    tested = target(plugin, *given)
    section = tested.section or _section(command, endpoint)
    if (command or endpoint) and tested.section:
        raise click.UsageError("PLUGIN says how to reach it; leave --command and --endpoint out")
    if section and placement not in (None, section["type"]):
        raise click.UsageError(f"--placement {placement} does not go with what runs as {section['type']}")
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
        why = "the reasons are above" if results.cases else f"no test's name matches -k {keywords!r}"
        click.echo(f"nothing was tested: {why}", err=True)
        ctx.exit(ExitCode.NEGATIVE)
    if results.failed:
        ctx.exit(ExitCode.NEGATIVE)


def _section(command: str | None, endpoint: str | None) -> dict[str, object]:
    """The `plugin` section of the namespaces, where the plugin is not run by its own command."""
    if command and endpoint:
        raise click.UsageError("--command starts a plugin, --endpoint names one that runs: give one of them")
    if command:
        from prism.acceptance.plugin_probe import command_of

        if not (words := command_of(command)):
            raise click.UsageError(f"--command {command!r}: there is no such program")
        return {"type": "sidecar", "command": list(words)}
    return {"type": "remote", "endpoint": endpoint} if endpoint else {}
