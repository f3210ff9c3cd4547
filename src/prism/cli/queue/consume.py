"""`prism queue consume` and `receive`: messages taken, and shown."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from prism.cli.duration import duration
from prism.cli.exit_code import ExitCode
from prism.cli.octets import to_cell, to_json
from prism.cli.output import output_option, timestamp, writer
from prism.cli.queue.group import QueueCommand, start
from prism.cli.standard_streams import standard_output

if TYPE_CHECKING:
    from prism.client import Queue, QueueMessage, Start

_group = click.option("--group", required=True, help="Group to take messages for; made where it does not exist.")
_start = click.option(
    "--start",
    type=start,
    default="earliest",
    show_default=True,
    metavar="PLACE",
    help="Where the group begins if this makes it: earliest, latest or a time such as 2030-01-01T00:00:00Z.",
)


@click.command(cls=QueueCommand)
@click.argument("topic")
@_group
@_start
@click.option(
    "--count",
    type=click.IntRange(min=1),
    help="Number of messages to print before exiting; without it, print until Ctrl-C.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print each message with all its fields, as one JSON object a line."
)
@click.option("--raw", is_flag=True, help="Print only the payloads of the messages, byte for byte.")
async def consume(
    queue: "Queue", *, topic: str, group: str, start: "Start", count: int | None, as_json: bool, raw: bool
) -> ExitCode:
    """Print the messages of TOPIC as they are due, and acknowledge each one once it is printed.

    Other consumers of the group share its messages; other groups get all of them. If the connection breaks, it
    subscribes again and goes on.
    """
    if as_json and raw:
        raise click.UsageError("give --json or --raw, not both")
    write = _write_raw if raw else _write_json if as_json else _write_line
    left = count
    standard_output()  # messages would be taken and lost
    async with queue.consume(topic, group=group, start=start, max_in_flight=min(count or 16, 16)) as messages:
        click.echo(f"prism: consuming {topic} for {group}; stop with Ctrl-C", err=True)
        async for message in messages:
            async with message:
                write(message)
                sys.stdout.flush()
            if left is not None:
                left -= 1
                if not left:
                    break
    return ExitCode.OK


@click.command(cls=QueueCommand)
@click.argument("topic")
@_group
@_start
@click.option(
    "--max", "limit", type=click.IntRange(1, 1000), default=1, show_default=True, help="Most messages to take."
)
@click.option("--wait", type=duration, default="0s", show_default=True, help="Time to wait for the first; 20s at most.")
@click.option("--ack", is_flag=True, help="Acknowledge the messages once they are printed.")
@output_option
async def receive(
    queue: "Queue", *, topic: str, group: str, start: "Start", limit: int, wait: float, ack: bool, output: str
) -> ExitCode:
    """Take messages of TOPIC that are due, and print them with their receipts.

    Without --ack they are in flight until the group's ack_deadline, and come again after it. A receipt settles its
    message: prism call NAMESPACE Queue/Acknowledge '{"topic": ..., "group": ..., "receipts": [...]}'. Exits with 1
    where nothing is due.
    """
    found = await queue.receive(topic, group=group, start=start, limit=limit, wait=wait)
    shown = to_cell if output == "table" else to_json
    with writer(output, ("message_id", "payload", "attempt", "receipt")) as out:
        for message in found:
            out.write(_row(message) | {"payload": shown(message.payload), "receipt": message.receipt})
    sys.stdout.flush()
    if ack and found:
        for settled in await queue.acknowledge(topic, group, found):
            if settled.error is not None:
                raise settled.error
    return ExitCode.OK if found else ExitCode.NEGATIVE


def _row(message: "QueueMessage") -> dict[str, Any]:
    return {
        "message_id": message.id,
        "payload": to_json(message.payload),
        "attributes": dict(message.attributes),
        "ordering_key": message.ordering_key,
        "published_at": timestamp(message.published_at),
        "attempt": message.attempt,
    }


def _write_line(message: "QueueMessage") -> None:
    click.echo(to_cell(message.payload))


def _write_json(message: "QueueMessage") -> None:
    click.echo(json.dumps(_row(message), ensure_ascii=False))


def _write_raw(message: "QueueMessage") -> None:
    standard_output().write(message.payload)
