"""`prism queue seek`, `redrive`, `discard` and `purge`: what operators change."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from prism.cli.exit_code import ExitCode
from prism.cli.output import output_option, show
from prism.cli.queue.group import QueueCommand, start

if TYPE_CHECKING:
    from prism.client import Queue, Start


def _dead(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which of the dead."""
    for option in (
        output_option,
        click.option(
            "--limit",
            type=click.IntRange(1, 10_000),
            help="Take the oldest ones, so many at most, in the place of ids.",
        ),
        click.argument("message_ids", metavar="[ID]...", nargs=-1),
        click.argument("group"),
        click.argument("topic"),
    ):
        command = option(command)
    return command


def _check(message_ids: tuple[str, ...], limit: int | None) -> int:
    if bool(message_ids) == (limit is not None):
        raise click.UsageError("give the ids of messages, or --limit for the oldest ones")
    return limit or 0


@click.command(cls=QueueCommand)
@click.argument("topic")
@click.argument("group")
@click.argument("to", type=start, metavar="PLACE")
@output_option
async def seek(queue: "Queue", *, topic: str, group: str, to: "Start", output: str) -> ExitCode:
    """Move GROUP of TOPIC to PLACE: earliest, latest or a time such as 2030-01-01T00:00:00Z.

    What was published from there on comes again, acknowledged or not; what was before does not come any more. The dead
    stay. Prints how many messages the group has before it.
    """
    show(output, {"count": await queue.seek(topic, group, to)})
    return ExitCode.OK


@click.command(cls=QueueCommand)
@_dead
async def redrive(
    queue: "Queue", *, topic: str, group: str, message_ids: tuple[str, ...], limit: int | None, output: str
) -> ExitCode:
    """Bring dead messages of GROUP back, to this group only, as attempt 1. Prints how many."""
    show(output, {"count": await queue.redrive(topic, group, message_ids, limit=_check(message_ids, limit))})
    return ExitCode.OK


@click.command(cls=QueueCommand)
@_dead
async def discard(
    queue: "Queue", *, topic: str, group: str, message_ids: tuple[str, ...], limit: int | None, output: str
) -> ExitCode:
    """Remove dead messages of GROUP for good. Prints how many."""
    show(output, {"count": await queue.discard(topic, group, message_ids, limit=_check(message_ids, limit))})
    return ExitCode.OK


@click.command(cls=QueueCommand)
@click.argument("topic")
@output_option
async def purge(queue: "Queue", *, topic: str, output: str) -> ExitCode:
    """Remove the messages of TOPIC for every group, in flight or not; the dead stay. Prints how many."""
    show(output, {"count": await queue.purge(topic)})
    return ExitCode.OK
