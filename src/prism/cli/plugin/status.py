"""`prism plugin status`: the state of namespaces and their plugins."""

from typing import TYPE_CHECKING

import click

from prism.cli.admin_command import AdminCommand
from prism.cli.exit_code import ExitCode
from prism.cli.output import output_option, show, writer
from prism.cli.plugin.rows import SERVED, plain

if TYPE_CHECKING:
    from prism.cli.admin_command import AdminClient

_COLUMNS = ("namespace", "abstractions", "plugin", "version", "placement", "state", "calls", "store", "reason")


@click.command(cls=AdminCommand)
@click.argument("namespace", required=False)
@click.option("--plugin", "on", default="", metavar="NAME", help="List only namespaces that use the plugin NAME.")
@output_option
async def status(admin: "AdminClient", *, namespace: str | None, on: str, output: str) -> ExitCode:
    """Show the state of NAMESPACE and its plugin, or of every namespace.

    Exits with 0 if every namespace shown is served, with 1 if not, so a script can use `prism plugin status profiles`
    as a check.
    """
    from prism._proto.admin.v1 import admin_pb2 as pb

    request = pb.GetPluginStatusRequest(namespace=namespace or "", plugin=on)
    if namespace is not None:
        answer = await admin.call("GetPluginStatus", request, pb.GetPluginStatusResponse)
        if not answer.statuses:
            raise click.UsageError(f"namespace {namespace!r} does not use plugin {on!r}; remove --plugin")
        if len(answer.statuses) == 1:
            row = plain(answer.statuses[0])
            show(output, row)
            return ExitCode.OK if row["state"] in SERVED else ExitCode.NEGATIVE
    all_served = True
    with writer(output, _COLUMNS) as out:
        async for page in admin.pages("GetPluginStatus", request, pb.GetPluginStatusResponse):
            for row in map(plain, page.statuses):
                all_served = all_served and row["state"] in SERVED
                out.write(row)
    return ExitCode.OK if all_served else ExitCode.NEGATIVE
