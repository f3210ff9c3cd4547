"""`prism pubsub`: messages through a gateway."""

import json
import sys
from typing import TYPE_CHECKING

import click

from prism.cli.data_command import DataCommand
from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup
from prism.cli.octets import SYNTAX, octets, to_cell, to_json
from prism.cli.output import output_option, show, timestamp
from prism.cli.standard_streams import standard_output

if TYPE_CHECKING:
    from prism.client import Gap, Message, PubSub

_HERE = "prism.cli.pubsub"

_EXAMPLES = {
    "prism pubsub subscribe events 'orders.>'": "all topics that start with orders.",
    "prism pubsub subscribe events 'orders.*.created' --group billing": "each message to one subscriber of the group",
    "prism pubsub publish events orders.eu.created '{\"id\": 7}'": "to every current subscriber",
}


@click.group(
    cls=LazyGroup,
    lazy={
        "publish": (f"{_HERE}:publish", "Send a message to every subscriber."),
        "subscribe": (f"{_HERE}:subscribe", "Print messages as they come."),
    },
    examples=_EXAMPLES,
    epilog=f"{SYNTAX.replace('Keys and values', 'Payloads')}\n{ExitCode.documentation()}",
)
def pubsub() -> None:
    """Publish and subscribe to messages. A topic is tokens separated by dots, such as orders.eu.created."""


class PubSubCommand(DataCommand):
    """Runs an async callback with the namespace's PubSub."""

    abstraction = "pubsub"


@click.command(cls=PubSubCommand)
@click.argument("topic")
@click.argument("payload", type=octets, default="")
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="NAME=TEXT",
    help="Send an attribute with the message, as NAME=TEXT; repeatable.",
)
@click.option(
    "--ordering-key",
    default="",
    metavar="KEY",
    help="Deliver messages that have the same ordering key in the order of publishing.",
)
@output_option
async def publish(
    pubsub: "PubSub", *, topic: str, payload: bytes, attributes: tuple[str, ...], ordering_key: str, output: str
) -> ExitCode:
    """Send a message to every current subscriber of TOPIC, and print its id."""
    pairs = dict(_pair(attribute) for attribute in attributes)
    message_id = await pubsub.publish(topic, payload, attributes=pairs, ordering_key=ordering_key)
    show(output, {"message_id": message_id})
    return ExitCode.OK


def _pair(attribute: str) -> tuple[str, str]:
    name, separator, text = attribute.partition("=")
    if not separator:
        raise click.UsageError(f"--attribute {attribute!r}: give NAME=TEXT")
    return name, text


@click.command(cls=PubSubCommand)
@click.argument("pattern")
@click.option(
    "--group", default="", help="Join a group of subscribers; each message goes to only one member of the group."
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    help="Number of messages to print before exiting; without it, print until Ctrl-C.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print each message with all its fields, as one JSON object a line."
)
@click.option("--raw", is_flag=True, help="Print only the payloads of the messages, byte for byte.")
async def subscribe(
    pubsub: "PubSub", *, pattern: str, group: str, count: int | None, as_json: bool, raw: bool
) -> ExitCode:
    """Print the messages of topics that match PATTERN, from now on.

    In PATTERN the token * matches one token, and > at the end one or more: orders.*.created, orders.>. If the
    connection breaks, it subscribes again; messages that it may have missed are reported on standard error.
    """
    if as_json and raw:
        raise click.UsageError("give --json or --raw, not both")
    write = _write_raw if raw else _write_json if as_json else _write_line
    left = count
    standard_output()  # messages of a group would be taken and lost
    async with pubsub.subscribe(pattern, group=group, on_gap=_report) as messages:
        click.echo(f"prism: listening to {pattern}; stop with Ctrl-C", err=True)
        async for message in messages:
            write(message)
            sys.stdout.flush()
            if left is not None:
                left -= 1
                if not left:
                    break
    return ExitCode.OK


def _write_line(message: "Message") -> None:
    click.echo(f"{message.topic}  {to_cell(message.payload)}".rstrip())


def _write_json(message: "Message") -> None:
    line = {
        "topic": message.topic,
        "payload": to_json(message.payload),
        "attributes": dict(message.attributes),
        "message_id": message.id,
        "published_at": timestamp(message.published_at),
    }
    click.echo(json.dumps(line, ensure_ascii=False))


def _write_raw(message: "Message") -> None:
    standard_output().write(message.payload)


def _report(gap: "Gap") -> None:
    click.echo(f"prism: {gap}", err=True)
