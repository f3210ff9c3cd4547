"""`prism plugin list` and `prism plugin describe`: the plugins that the gateway found."""

from typing import TYPE_CHECKING, Any

import click

from prism.cli.admin_command import AdminCommand
from prism.cli.exit_code import ExitCode
from prism.cli.output import output_option, show, writer
from prism.cli.plugin.rows import plain

if TYPE_CHECKING:
    from prism.cli.admin_command import AdminClient

_COLUMNS = ("name", "version", "maturity", "interfaces", "default_placement", "namespaces", "summary")


@click.command("list", cls=AdminCommand)
@output_option
async def list_(admin: "AdminClient", *, output: str) -> ExitCode:
    """List the plugins that the gateway found, each with its number of namespaces.

    A plugin that cannot be used is reported on standard error, with the reason.
    """
    from prism._proto.admin.v1 import admin_pb2 as pb

    answer = await admin.call("ListPlugins", pb.ListPluginsRequest(), pb.ListPluginsResponse)
    with writer(output, _COLUMNS) as out:
        for each in answer.plugins:
            out.write(_shown(plain(each)))
    for broken in answer.broken:
        click.echo(f"prism: plugin {broken.name} in {broken.origin} cannot be used: {broken.problem}", err=True)
    return ExitCode.OK


@click.command(cls=AdminCommand)
@click.argument("name")
@output_option
async def describe(admin: "AdminClient", *, name: str, output: str) -> ExitCode:
    """Show the plugin NAME: its manifest, its capabilities and its options."""
    from prism._proto.admin.v1 import admin_pb2 as pb

    answer = await admin.call("DescribePlugin", pb.DescribePluginRequest(plugin=name), pb.DescribePluginResponse)
    document = plain(answer)
    described = _shown(document["plugin"]) | {"capabilities": document["capabilities"]}
    options = {section: document[section] for section in ("config", "credentials")}
    if output != "table":
        show(output, described | options)
        return ExitCode.OK
    show(output, described)
    for section, rows in options.items():
        click.echo()
        if not rows:
            click.echo(f"{section}: no options")
            continue
        with writer(output, (section, "kind", "default", "meaning")) as out:
            for row in rows:
                default = "required" if row["required"] else row["default"]
                out.write({section: row["name"], "kind": row["kind"], "default": default, "meaning": row["meaning"]})
    return ExitCode.OK


def _shown(plugin: dict[str, Any]) -> dict[str, Any]:
    """A plugin; without the advice on missing drivers if none is missing."""
    if not plugin["missing_drivers"]:
        del plugin["missing_drivers"], plugin["how_to_install"]
    return plugin
