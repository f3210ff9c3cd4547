"""`prism pubsub publish`: one message."""

from typing import TYPE_CHECKING

import click

from prism.cli.exit_code import ExitCode
from prism.cli.octets import octets
from prism.cli.output import output_option, show
from prism.cli.pubsub.command import PubSubCommand

if TYPE_CHECKING:
    from prism.client import PubSub


@click.command(cls=PubSubCommand)
@click.argument("topic")
@click.argument("payload", type=octets, default="")
@click.option("--attribute", "attributes", multiple=True, metavar="NAME=TEXT", help="A note; repeatable.")
@click.option("--ordering-key", default="", metavar="KEY", help="Messages of one KEY keep their order.")
@output_option
async def publish(
    pubsub: "PubSub", *, topic: str, payload: bytes, attributes: tuple[str, ...], ordering_key: str, output: str
) -> ExitCode:
    """Send a message to all who listen to TOPIC now, and print its id."""
    notes = dict(_note(attribute) for attribute in attributes)
    message_id = await pubsub.publish(topic, payload, attributes=notes, ordering_key=ordering_key)
    show(output, {"message_id": message_id})
    return ExitCode.OK


def _note(attribute: str) -> tuple[str, str]:
    name, separator, text = attribute.partition("=")
    if not separator:
        raise click.UsageError(f"--attribute {attribute!r}: give NAME=TEXT")
    return name, text
