"""`prism plugin logs`: what a plugin in a process of its own prints."""

import json
from typing import TYPE_CHECKING

import click

from prism.cli.admin_command import AdminCommand
from prism.cli.exit_code import ExitCode

if TYPE_CHECKING:
    from prism.cli.admin_command import AdminClient


@click.command(cls=AdminCommand)
@click.argument("namespace")
@click.option(
    "-n", "--lines", type=click.IntRange(min=1), help="Only so many of the last lines; all that are kept else."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what it prints from now on; end it by Ctrl-C.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="Lines as they are with their time, or a JSON object for each.")  # fmt: skip
async def logs(admin: "AdminClient", *, namespace: str, lines: int | None, follow: bool, output: str) -> ExitCode:
    """Show what the plugin of NAMESPACE printed, the oldest line first.

    The gateway keeps the last lines of the plugins that it starts as sidecars. A plugin in the gateway's own process
    has no output of its own: its lines are in the gateway's log.
    """
    from prism._proto.admin.v1 import admin_pb2 as pb

    request = pb.GetPluginLogsRequest(namespace=namespace, lines=lines or 0, follow=follow)
    async for each in admin.stream("GetPluginLogs", request, pb.GetPluginLogsResponse):
        time = f"{each.time.ToDatetime():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        if output == "json":
            click.echo(json.dumps({"time": time, "line": each.line, "gap": each.gap}, ensure_ascii=False))
            continue
        if each.gap:
            click.echo("prism: lines were lost here: more came at once than are kept", err=True)
        line = "".join(mark if mark.isprintable() or mark == "\t" else repr(mark)[1:-1] for mark in each.line)
        click.echo(f"{time} {line}")
    return ExitCode.OK
