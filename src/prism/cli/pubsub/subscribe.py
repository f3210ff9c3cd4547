"""`prism pubsub subscribe`: messages as they come, a line each."""

import json
import sys
from typing import TYPE_CHECKING

import click

from prism.cli.exit_code import ExitCode
from prism.cli.kv.rows import timestamp
from prism.cli.octets import to_cell, to_json
from prism.cli.pubsub.command import PubSubCommand

if TYPE_CHECKING:
    from prism.client import Gap, Message, PubSub


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
