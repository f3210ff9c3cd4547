"""`prism plugin logs`: the output of a plugin that runs in a process of its own."""

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
    "-n",
    "--lines",
    type=click.IntRange(min=1),
    help="Number of last lines to print; without it, print all lines that are kept.",
)
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines as they come, until Ctrl-C.")
@click.option(
    "--abstraction",
    default="",
    metavar="NAME",
    help="Print the log of the plugin that serves one abstraction, such as cache.",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="Format of the log: text, a line with its time each, or json, an object for each line.")  # fmt: skip
async def logs(
    admin: "AdminClient", *, namespace: str, lines: int | None, follow: bool, abstraction: str, output: str
) -> ExitCode:
    """Show the output of NAMESPACE's plugin, oldest line first.

    The gateway keeps the last lines of each sidecar. A plugin in the gateway's own process has no output of its own:
    its lines are in the gateway's log.
    """
    from prism._proto.admin.v1 import admin_pb2 as pb

    request = pb.GetPluginLogsRequest(namespace=namespace, lines=lines or 0, follow=follow, abstraction=abstraction)
    async for each in admin.stream("GetPluginLogs", request, pb.GetPluginLogsResponse):
        time = f"{each.time.ToDatetime():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        if output == "json":
            click.echo(json.dumps({"time": time, "line": each.line, "gap": each.gap}, ensure_ascii=False))
            continue
        if each.gap:
            click.echo("prism: some lines are missing here: the plugin printed more than is kept", err=True)
        line = "".join(mark if mark.isprintable() or mark == "\t" else repr(mark)[1:-1] for mark in each.line)
        click.echo(f"{time} {line}")
    return ExitCode.OK
