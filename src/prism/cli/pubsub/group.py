"""The group `prism pubsub`."""

import click

from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup
from prism.cli.octets import SYNTAX


@click.group(
    cls=LazyGroup,
    lazy={
        "publish": ("prism.cli.pubsub.publish:publish", "Send a message to all who listen."),
        "subscribe": ("prism.cli.pubsub.subscribe:subscribe", "Print messages as they come."),
    },
    epilog=f"{SYNTAX.replace('Keys and values', 'Payloads')}\n{ExitCode.documentation()}",
)
def pubsub() -> None:
    """Publish messages and listen to them: a topic is tokens split by dots, such as orders.eu.created."""
