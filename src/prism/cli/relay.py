"""`prism relay`: hands the messages of a mailbox to a queue or a topic, until it is interrupted."""

from typing import TYPE_CHECKING, Any

import click

from prism.cli.data_command import DataCommand
from prism.cli.duration import duration
from prism.cli.exit_code import ExitCode

if TYPE_CHECKING:
    from prism.client import Client

_EXAMPLES = """
\b
Examples:
  prism relay shop orders --to work/orders                    into a topic of a queue
  prism relay shop orders --to live/orders --abstraction pubsub
"""


class RelayCommand(DataCommand):
    """Runs an async callback with a client, and the mailbox's namespace."""

    abstraction = "transact"

    def data(self, client: "Client", namespace: str) -> tuple["Client", str]:
        """See DataCommand."""
        super().data(client, namespace)
        return client, namespace


@click.command(cls=RelayCommand, epilog=f"{_EXAMPLES}\n{ExitCode.documentation()}")
@click.argument("mailbox")
@click.option("--to", required=True, metavar="NAMESPACE/TOPIC", help="Where the messages go.")
@click.option(
    "--abstraction", type=click.Choice(["queue", "pubsub"]), default="queue", show_default=True, help="Of the target."
)
@click.option("--reader", default="relay", show_default=True, metavar="NAME", help="The mailbox's reader.")
@click.option(
    "--on-refused",
    type=click.Choice(["dead", "stop"]),
    default="dead",
    show_default=True,
    help="What becomes of a message that the target refuses for good.",
)
@click.option(
    "--lease", type=duration, default="10s", show_default=True, help="Time after which another relay takes over."
)
async def relay(
    source: tuple["Client", str], *, mailbox: str, to: str, abstraction: Any, reader: str, on_refused: Any, lease: float
) -> ExitCode:
    """Hand the messages of MAILBOX to a queue or a topic of the same gateway.

    Any number may run for one reader: one works at a time, and the next goes on where it stood.
    """
    from prism.roles.relay import Relay, Route

    to_namespace, _, topic = to.partition("/")
    if not to_namespace or not topic:
        raise click.UsageError(f"--to {to!r}: give NAMESPACE/TOPIC")
    client, namespace = source
    route = Route(namespace, mailbox, to_namespace, topic, abstraction, reader, on_refused, lease)
    await Relay(client, route).run()
    return ExitCode.OK
