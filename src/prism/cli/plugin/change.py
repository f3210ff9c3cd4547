"""`prism plugin reload`, `enable` and `disable`."""

from typing import TYPE_CHECKING

import click

from prism.cli.admin_command import AdminCommand
from prism.cli.exit_code import ExitCode
from prism.cli.output import counted, output_option, show
from prism.cli.plugin.rows import SERVED, plain

if TYPE_CHECKING:
    from prism.cli.admin_command import AdminClient


@click.command(cls=AdminCommand)
@click.argument("namespace")
@click.option(
    "--version",
    default="",
    metavar="VERSION",
    help="Replace the instance only if the installed version of the plugin is VERSION; fail otherwise.",
)
@click.option(
    "--abstraction",
    default="",
    metavar="NAME",
    help="Replace only the instance that serves one abstraction, such as cache; without it, all instances.",
)
@output_option
async def reload(admin: "AdminClient", *, namespace: str, version: str, abstraction: str, output: str) -> ExitCode:
    """Replace the plugin instances that serve NAMESPACE by new ones, without failing a call.

    The configuration is read again first. Then the new instance is started and probed beside the old one, which
    finishes its calls and stops. If the new one does not start, the old one keeps serving, and this command exits with
    6 and the reason. Namespaces that share the instance move too.
    """
    from prism._proto.admin.v1 import admin_pb2 as pb

    request = pb.ReloadPluginRequest(namespace=namespace, version=version, abstraction=abstraction)
    answer = await admin.call("ReloadPlugin", request, pb.ReloadPluginResponse)
    row = plain(answer)
    if output != "table":
        show(output, row)
    else:
        moved = counted(row["namespaces"], "namespace")
        for status in row["statuses"] or [row["status"]]:
            click.echo(
                f"reloaded: {namespace} is {status['state']} on a new instance of {status['plugin']} "
                f"{status['version']} ({' and '.join(status['abstractions']) if row['statuses'] else moved} on it)"
            )
            if status["reason"]:
                click.echo(f"reason: {status['reason']}")
        for note in row["notes"]:
            click.echo(f"note: {note}")
    served = all(each["state"] in SERVED for each in (row["status"], *row["statuses"]))
    return ExitCode.OK if served else ExitCode.NEGATIVE


@click.command(cls=AdminCommand)
@click.argument("namespace")
@output_option
async def enable(admin: "AdminClient", *, namespace: str, output: str) -> ExitCode:
    """Serve NAMESPACE again after `prism plugin disable`."""
    from prism._proto.admin.v1 import admin_pb2 as pb

    answer = await admin.call("EnablePlugin", pb.EnablePluginRequest(namespace=namespace), pb.EnablePluginResponse)
    row = plain(answer)
    if output != "table":
        show(output, row)
    else:
        status = row["status"]
        done = "enabled" if row["changed"] else "was already enabled"
        click.echo(f"{namespace} {done} and is {status['state']}{': ' * bool(status['reason'])}{status['reason']}")
    return ExitCode.OK if row["status"]["state"] in SERVED else ExitCode.NEGATIVE


@click.command(cls=AdminCommand)
@click.argument("namespace")
@click.option("--reason", default="", help="Reason to show to callers whose calls are refused.")
@output_option
async def disable(admin: "AdminClient", *, namespace: str, reason: str, output: str) -> ExitCode:
    """Refuse the calls of NAMESPACE with UNAVAILABLE until `prism plugin enable`.

    Its plugin instance keeps running. A reload of the configuration keeps it disabled; a restart of the gateway does
    not.
    """
    from prism._proto.admin.v1 import admin_pb2 as pb

    request = pb.DisablePluginRequest(namespace=namespace, reason=reason)
    answer = await admin.call("DisablePlugin", request, pb.DisablePluginResponse)
    row = plain(answer)
    if output != "table":
        show(output, row)
    elif row["changed"]:
        click.echo(f"{namespace} is disabled until `prism plugin enable {namespace}`, or until the gateway restarts")
    else:
        click.echo(f"nothing changed: {row['status']['reason']}")
    return ExitCode.OK
