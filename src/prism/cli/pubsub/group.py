"""The group `prism pubsub`."""

import click

from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup
from prism.cli.octets import SYNTAX

_EXAMPLES = {
    "prism pubsub subscribe events 'orders.>'": "all topics that begin with orders.",
    "prism pubsub subscribe events 'orders.*.created' --group billing": "each message to one of the group",
    "prism pubsub publish events orders.eu.created '{\"id\": 7}'": "to all who listen now",
}


@click.group(
    cls=LazyGroup,
    lazy={
        "publish": ("prism.cli.pubsub.publish:publish", "Send a message to all who listen."),
        "subscribe": ("prism.cli.pubsub.subscribe:subscribe", "Print messages as they come."),
    },
    examples=_EXAMPLES,
    epilog=f"{SYNTAX.replace('Keys and values', 'Payloads')}\n{ExitCode.documentation()}",
)
def pubsub() -> None:
    """Publish messages and listen to them: a topic is tokens split by dots, such as orders.eu.created."""
