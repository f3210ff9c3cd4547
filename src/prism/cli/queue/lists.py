"""`prism queue topics`, `groups`, `describe` and `peek`: what is there; nothing is changed."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from prism.cli.exit_code import ExitCode
from prism.cli.octets import to_cell, to_json
from prism.cli.output import limit_option, output_option, show, timestamp, writer
from prism.cli.queue.group import QueueCommand

if TYPE_CHECKING:
    from datetime import datetime

    from prism.client import Queue


@click.command(cls=QueueCommand)
@click.option("--prefix", default="", metavar="TEXT", help="Print only topics that start with TEXT.")
@limit_option
@output_option
async def topics(queue: "Queue", *, prefix: str, limit: int | None, output: str) -> ExitCode:
    """List the topics of NAMESPACE, in byte order."""
    with writer(output, ("topic",)) as out:
        async for topic in queue.topics(prefix=prefix, limit=limit):
            out.write({"topic": topic})
    return ExitCode.OK


@click.command(cls=QueueCommand)
@click.argument("topic")
@limit_option
@output_option
async def groups(queue: "Queue", *, topic: str, limit: int | None, output: str) -> ExitCode:
    """List the groups of TOPIC, in byte order."""
    with writer(output, ("group",)) as out:
        async for group in queue.groups(topic, limit=limit):
            out.write({"group": group})
    return ExitCode.OK


@click.command(cls=QueueCommand)
@click.argument("topic")
@click.argument("group", required=False)
@output_option
async def describe(queue: "Queue", *, topic: str, group: str | None, output: str) -> ExitCode:
    """Show TOPIC, or its GROUP: how it is configured, how many messages it has in each state, and its consumers."""
    found = await (queue.describe_topic(topic) if group is None else queue.describe_group(topic, group))
    row = asdict(found)
    row["config"] = {name: value for name, value in row["config"].items() if value not in (None, "")}
    if "lag" in row:
        row["lag"] = {str(partition): messages for partition, messages in row["lag"].items()}
    show(output, row)
    return ExitCode.OK


@click.command(cls=QueueCommand)
@click.argument("topic")
@click.argument("group")
@click.option(
    "--state",
    type=click.Choice(["waiting", "delayed", "in_flight", "dead"]),
    default="waiting",
    show_default=True,
    help="Which messages to print.",
)
@click.option("--limit", type=click.IntRange(min=0), default=100, show_default=True, help="Most messages to print.")
@output_option
async def peek(queue: "Queue", *, topic: str, group: str, state: Any, limit: int, output: str) -> ExitCode:
    """Look at the messages that GROUP of TOPIC has in one state, the oldest first. Nothing is taken."""
    shown = to_cell if output == "table" else to_json
    columns = {"dead": ("attempt", "reason", "dead_at"), "in_flight": ("attempt", "consumer_id", "due_at")}
    with writer(output, ("message_id", "payload", *columns.get(state, ("attempt", "due_at")))) as out:
        async for found in queue.peek(topic, group, state, limit=limit):
            row = asdict(found)
            times = {name: _time(row[name]) for name in ("published_at", "due_at", "dead_at")}
            out.write({"message_id": row.pop("id"), **row, **times, "payload": shown(found.payload)})
    return ExitCode.OK


def _time(instant: "datetime | None") -> str | None:
    return None if instant is None else timestamp(instant)
