"""`prism queue publish`: one message, or one a line of standard input."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from prism.cli.duration import duration
from prism.cli.exit_code import ExitCode
from prism.cli.instant import instant
from prism.cli.kv.line_reader import read_lines
from prism.cli.octets import octets
from prism.cli.output import output_option, show
from prism.cli.queue.group import QueueCommand
from prism.cli.standard_streams import standard_input

if TYPE_CHECKING:
    from prism.client import Queue

_BATCH = 100


@click.command(cls=QueueCommand)
@click.argument("topic")
@click.argument("payload", type=octets, required=False)
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="NAME=TEXT",
    help="Send an attribute with the message, as NAME=TEXT; repeatable.",
)
@click.option("--ordering-key", default="", metavar="KEY", help="Deliver messages of the same key one after the other.")
@click.option("--delay", type=duration, help="Time until the message is due, such as 30s or 2h.")
@click.option(
    "--at", "deliver_at", type=instant, metavar="TIME", help="When the message is due, such as 2030-01-01T00:00:00Z."
)
@click.option("--ttl", type=duration, help="Time from when the message is due until it expires.")
@click.option(
    "--idempotency-key", default="", metavar="KEY", help="Makes repeating safe: the same key gives the first answer."
)
@click.option("--lines", is_flag=True, help="Publish each line of standard input as a message.")
@output_option
async def publish(
    queue: "Queue",
    *,
    topic: str,
    payload: bytes | None,
    attributes: tuple[str, ...],
    delay: float | None,
    deliver_at: datetime | None,
    idempotency_key: str,
    lines: bool,
    output: str,
    **settings: Any,
) -> ExitCode:
    """Store a message in TOPIC for each of its groups, and print its id. TOPIC is made where it does not exist."""
    if delay is not None and deliver_at is not None:
        raise click.UsageError("give --delay or --at, not both")
    settings |= {"attributes": dict(map(_pair, attributes)), "delay": delay, "deliver_at": deliver_at}
    if lines:
        if payload is not None or idempotency_key:
            raise click.UsageError(
                "--lines takes payloads from standard input: leave out PAYLOAD and --idempotency-key"
            )
        return await _each_line(queue, topic, settings, output)
    published = await queue.publish(topic, payload or b"", idempotency_key=idempotency_key, **settings)
    show(output, {"message_id": published.id, "duplicate": published.duplicate})
    return ExitCode.OK


async def _each_line(queue: "Queue", topic: str, settings: dict[str, Any], output: str) -> ExitCode:
    from prism.client import QueueOutgoing

    count = 0
    async for batch in _batches():
        outgoing = [QueueOutgoing(topic=topic, payload=line, **settings) for line in batch]
        for result in await queue.publish_batch(outgoing):
            if result.error is not None:
                click.echo(f"prism: {count} lines were published before this one failed", err=True)
                raise result.error
            count += 1
    show(output, {"published": count})
    return ExitCode.OK


async def _batches() -> AsyncIterator[list[bytes]]:
    """The lines as they come, a hundred at a time at most."""
    async for lines in read_lines(standard_input().raw):  # type: ignore[attr-defined]  # unbuffered: as they come
        for start in range(0, len(lines), _BATCH):
            yield lines[start : start + _BATCH]


def _pair(attribute: str) -> tuple[str, str]:
    name, separator, text = attribute.partition("=")
    if not separator:
        raise click.UsageError(f"--attribute {attribute!r}: give NAME=TEXT")
    return name, text
