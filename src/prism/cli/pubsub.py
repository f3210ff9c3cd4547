"""`prism pubsub`: messages through a gateway."""

import base64
import json
import sys
from typing import TYPE_CHECKING

import click

from prism.cli.data_command import DataCommand
from prism.cli.exit_code import ExitCode
from prism.cli.instant import instant
from prism.cli.lazy_group import LazyGroup
from prism.cli.octets import SYNTAX, octets, to_cell, to_json
from prism.cli.output import output_option, show, timestamp
from prism.cli.standard_streams import standard_output

if TYPE_CHECKING:
    from prism.client import Gap, Message, PubSub
    from prism.client.pubsub import Start

_HERE = "prism.cli.pubsub"

_EXAMPLES = {
    "prism pubsub subscribe events 'orders.>'": "all topics that start with orders.",
    "prism pubsub subscribe events 'orders.*.created' --group billing": "each message to one subscriber of the group",
    "prism pubsub subscribe events '>' --start earliest": "all that is kept, then what comes",
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
    "--start",
    callback=lambda _context, _option, text: None if text is None else _start(text),
    metavar="now|earliest|TIME|POSITION",
    help="Begin there, where the backend keeps messages: a time as 2030-01-01T00:00:00Z, or a position as --json "
    "prints it. Without it, with what is published from now on.",
)
@click.option(
    "--skip-gaps",
    is_flag=True,
    help="With --start: where messages are kept no longer, go on with the earliest one instead of failing.",
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
    pubsub: "PubSub", *, pattern: str, group: str, start: "Start | None", skip_gaps: bool, count: int | None,
    as_json: bool, raw: bool,
) -> ExitCode:  # fmt: skip
    """Print the messages of topics that match PATTERN, from now on or from --start.

    In PATTERN the token * matches one token, and > at the end one or more: orders.*.created, orders.>. If the
    connection breaks, it subscribes again; messages that it may have missed are reported on standard error. With
    --start it goes on where it stood, and misses none that are kept.
    """
    if as_json and raw:
        raise click.UsageError("give --json or --raw, not both")
    if skip_gaps and start is None:
        raise click.UsageError("--skip-gaps needs --start")
    write = _write_raw if raw else _write_json if as_json else _write_line
    left = count
    standard_output()  # messages of a group would be taken and lost
    subscription = pubsub.subscribe(pattern, group=group, start=start, skip_gaps=skip_gaps, on_gap=_report)
    async with subscription as messages:
        click.echo(f"prism: listening to {pattern}; stop with Ctrl-C", err=True)
        async for message in messages:
            write(message)
            sys.stdout.flush()
            if left is not None:
                left -= 1
                if not left:
                    break
    return ExitCode.OK


def _start(text: str) -> "Start":
    match text:
        case "now":
            return "now"
        case "earliest":
            return "earliest"
    return octets(text) if text.startswith("base64:") else instant(text)


def _write_line(message: "Message") -> None:
    click.echo(f"{message.topic}  {to_cell(message.payload)}".rstrip())


def _write_json(message: "Message") -> None:
    line: dict[str, object] = {
        "topic": message.topic,
        "payload": to_json(message.payload),
        "attributes": dict(message.attributes),
        "message_id": message.id,
        "published_at": timestamp(message.published_at),
    }
    if message.position:
        line["position"] = f"base64:{base64.b64encode(message.position).decode()}"
    click.echo(json.dumps(line, ensure_ascii=False))


def _write_raw(message: "Message") -> None:
    standard_output().write(message.payload)


def _report(gap: "Gap") -> None:
    click.echo(f"prism: {gap}", err=True)
