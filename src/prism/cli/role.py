"""`prism role`: a container role, configured by its environment."""

import asyncio
from typing import TYPE_CHECKING

import click

from prism.cli.exit_code import ExitCode

if TYPE_CHECKING:
    from prism.roles.container.settings import Settings

_EXAMPLES = """
\b
Examples:
  PRISM_BACKEND_TYPE=nats NATS_SUBJECT=orders prism role publisher
  PRISM_BACKEND_TYPE=nats NATS_SUBJECT='orders.>' NATS_STREAM=ORDERS prism role consumer
  MAILBOX_ID=events PRISM_NAMESPACE=shop PRISM_TARGET_NAMESPACE=work prism role listener
  DATABASE_URL=postgres://shop@db/shop DATABASE_TABLE=orders prism role processor
  DATABASE_URL=postgres://reader@db/shop DATABASE_TABLE=orders,app.notes prism role reader
"""


@click.command(epilog=_EXAMPLES)
@click.argument("role", type=click.Choice(["publisher", "consumer", "reader", "processor", "listener"]), required=False)
def role(role: str | None) -> None:
    """Run a container role: ROLE, or PRISM_PLUGIN_ROLE.

    A publisher hands messages of a queue to a broker, a consumer those of a broker to a queue, a listener those of a
    mailbox to a queue or topic. A reader and a processor serve tables of PostgreSQL to gateways, as remote plugins.
    Configured by environment variables, or by /etc/prism/plugin.yaml (PRISM_PLUGIN_CONFIG), which they override.
    """
    from prism.errors import PrismError
    from prism.roles.container.settings import Settings, environment
    from prism.telemetry import logs

    try:
        settings = Settings.load(role or "", environment())
        logs.configure(settings.prism_log_level, settings.prism_log_format)
        asyncio.run(_served(settings))
    except (PrismError, OSError) as error:
        click.echo(f"prism role: {error}", err=True)
        raise SystemExit(ExitCode.USAGE) from error


async def _served(settings: "Settings") -> None:
    if settings.prism_plugin_role in {"reader", "processor"}:
        from prism.roles.container.tables import process

        await process(settings).run()
        return
    from prism.roles.container.process import RoleProcess

    await RoleProcess(settings).run()
