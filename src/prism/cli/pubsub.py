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

if TYPE_CHECKING:
    from prism.client import Gap, Message, PubSub

_HERE = "prism.cli.pubsub"

_EXAMPLES = {
    "prism pubsub subscribe events 'orders.>'": "all topics that begin with orders.",
    "prism pubsub subscribe events 'orders.*.created' --group billing": "each message to one of the group",
    "prism pubsub publish events orders.eu.created '{\"id\": 7}'": "to all who listen now",
}


@click.group(
    cls=LazyGroup,
    lazy={
        "publish": (f"{_HERE}:publish", "Send a message to all who listen."),
        "subscribe": (f"{_HERE}:subscribe", "Print messages as they come."),
    },
    examples=_EXAMPLES,
    epilog=f"{SYNTAX.replace('Keys and values', 'Payloads')}\n{ExitCode.documentation()}",
)
def pubsub() -> None:
    """Publish messages and listen to them: a topic is tokens split by dots, such as orders.eu.created."""


class PubSubCommand(DataCommand):
    """Runs an async callback with the namespace's PubSub."""

    abstraction = "pubsub"


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


@click.command(cls=PubSubCommand)
@click.argument("pattern")
@click.option("--group", default="", help="Share the messages with all who name the same group.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many messages; without it, never.")
@click.option("--json", "as_json", is_flag=True, help="Everything about a message, as an object a line.")
@click.option("--raw", is_flag=True, help="Payloads and nothing else, byte for byte.")
async def subscribe(
    pubsub: "PubSub", *, pattern: str, group: str, count: int | None, as_json: bool, raw: bool
) -> ExitCode:
    """Print the messages of topics that match PATTERN, from now on.

    In PATTERN the token * is any one token, and > at the end one or more: orders.*.created, orders.>. When the
    gateway goes away it is tried again; what may have been missed meanwhile is said on standard error.
    """
    if as_json and raw:
        raise click.UsageError("give --json or --raw, not both")
    write = _write_raw if raw else _write_json if as_json else _write_line
    left = count
    async with pubsub.subscribe(pattern, group=group, on_gap=_say) as messages:
        click.echo(f"prism: listening to {pattern}; Ctrl-C ends it", err=True)
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
    sys.stdout.buffer.write(message.payload)


def _say(gap: "Gap") -> None:
    click.echo(f"prism: {gap}", err=True)
