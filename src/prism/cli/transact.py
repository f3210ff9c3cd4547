"""`prism transact`: mailboxes, their messages and readers, and what readers have set aside."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from prism.cli.data_command import DataCommand
from prism.cli.duration import duration
from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup
from prism.cli.octets import octets, to_cell, to_json
from prism.cli.output import limit_option, output_option, show, timestamp, writer

if TYPE_CHECKING:
    from prism.client import Transact

_EXAMPLES = {
    "prism transact mailboxes shop": "list the mailboxes",
    "prism transact describe shop orders": "its readers, and how far behind they are",
    "prism transact mail shop orders 'order 7' --ordering-key 7": "write a message alone",
    "prism transact read shop orders --wait 30s": "print messages as they come",
    "prism transact dead shop orders relay": "what a reader has set aside, and why",
    "prism transact redrive shop orders relay": "have the reader try all of it again",
}
_OF = "prism.cli.transact"


@click.group(
    cls=LazyGroup,
    lazy={
        "mailboxes": (f"{_OF}:mailboxes", "List the mailboxes of a namespace."),
        "describe": (f"{_OF}:describe", "Show a mailbox with its readers."),
        "mail": (f"{_OF}:mail", "Write a message to a mailbox."),
        "read": (f"{_OF}:read", "Print messages of a mailbox."),
        "dead": (f"{_OF}:dead", "Print what a reader has set aside."),
        "redrive": (f"{_OF}:redrive", "Have a reader try dead messages again."),
        "discard": (f"{_OF}:discard", "Remove dead messages of a reader."),
        "delete-reader": (f"{_OF}:delete_reader", "Remove a reader."),
    },
    examples=_EXAMPLES,
    epilog=ExitCode.documentation(),
)
def transact() -> None:
    """Look at mailboxes: messages that were written together with rows, and the readers that follow them."""


class TransactCommand(DataCommand):
    """Runs an async callback with the namespace's Transact."""

    abstraction = "transact"


_ids = click.option("--id", "message_ids", multiple=True, metavar="ID", help="Only this message; repeatable.")


@click.command(cls=TransactCommand)
@click.option("--prefix", default="", metavar="TEXT", help="Print only mailboxes that start with TEXT.")
@limit_option
@output_option
async def mailboxes(transact: "Transact", *, prefix: str, limit: int | None, output: str) -> ExitCode:
    """List the mailboxes of NAMESPACE, in byte order."""
    with writer(output, ("mailbox",)) as out:
        async for mailbox in transact.mailboxes(prefix=prefix, limit=limit):
            out.write({"mailbox": mailbox})
    return ExitCode.OK


@click.command(cls=TransactCommand)
@click.argument("mailbox")
@output_option
async def describe(transact: "Transact", *, mailbox: str, output: str) -> ExitCode:
    """Show MAILBOX: how it is kept, how many messages wait, and its readers."""
    show(output, asdict(await transact.describe_mailbox(mailbox)))
    return ExitCode.OK


@click.command(cls=TransactCommand)
@click.argument("mailbox")
@click.argument("payload", type=octets)
@click.option("--ordering-key", default="", metavar="KEY", help="Messages of the same key keep their order.")
@click.option(
    "--idempotency-key", default="", metavar="KEY", help="Makes repeating safe: the same key gives the first answer."
)
@output_option
async def mail(
    transact: "Transact", *, mailbox: str, payload: bytes, ordering_key: str, idempotency_key: str, output: str
) -> ExitCode:
    """Write a message to MAILBOX, which is made where it does not exist, and print its id and place."""
    from prism.client import Mail

    result = await transact.write(mail=[Mail(mailbox, payload, ordering_key)], idempotency_key=idempotency_key)
    ((message_id, shard, sequence),) = result.messages
    show(output, {"message_id": message_id, "shard": shard, "sequence": sequence, "duplicate": result.duplicate})
    return ExitCode.OK


@click.command(cls=TransactCommand)
@click.argument("mailbox")
@click.option("--shard", type=click.IntRange(min=0), default=0, show_default=True, help="Which shard.")
@click.option("--reader", default="", metavar="NAME", help="Begin behind this reader's position, and do not move it.")
@click.option("--after", type=click.IntRange(min=0), help="Begin behind this sequence.")
@click.option("--wait", type=duration, default="0s", help="Time to wait for another message.")
@limit_option
@output_option
async def read(
    transact: "Transact", *, mailbox: str, shard: int, reader: str, after: int | None, wait: float, limit: int | None,
    output: str,
) -> ExitCode:  # fmt: skip
    """Print the messages of MAILBOX in the order of their commits."""
    shown = to_cell if output == "table" else to_json
    with writer(output, ("sequence", "message_id", "ordering_key", "payload")) as out:
        async for each in transact.read(mailbox, shard=shard, reader=reader, after=after, wait=wait, limit=limit or 0):
            row = {**asdict(each), "written_at": timestamp(each.written_at), "payload": shown(each.payload)}
            out.write({"message_id": row.pop("id"), **row})
    return ExitCode.OK


@click.command(cls=TransactCommand)
@click.argument("mailbox")
@click.argument("reader")
@limit_option
@output_option
async def dead(transact: "Transact", *, mailbox: str, reader: str, limit: int | None, output: str) -> ExitCode:
    """Print what READER of MAILBOX has set aside, the oldest first."""
    shown = to_cell if output == "table" else to_json
    with writer(output, ("message_id", "sequence", "reason", "redriven", "payload")) as out:
        async for each in transact.dead(mailbox, reader, limit=limit):
            message = each.message
            out.write({
                "message_id": message.id, "sequence": message.sequence, "reason": each.reason,
                "redriven": each.redriven, "payload": shown(message.payload), "ordering_key": message.ordering_key,
                "dead_at": timestamp(each.dead_at), "shard": each.shard,
            })  # fmt: skip
    return ExitCode.OK


@click.command(cls=TransactCommand)
@click.argument("mailbox")
@click.argument("reader")
@_ids
@output_option
async def redrive(
    transact: "Transact", *, mailbox: str, reader: str, message_ids: tuple[str, ...], output: str
) -> ExitCode:
    """Have READER of MAILBOX try dead messages again: those named, or all."""
    show(output, {"redriven": await transact.redrive(mailbox, reader, *message_ids)})
    return ExitCode.OK


@click.command(cls=TransactCommand)
@click.argument("mailbox")
@click.argument("reader")
@_ids
@output_option
async def discard(
    transact: "Transact", *, mailbox: str, reader: str, message_ids: tuple[str, ...], output: str
) -> ExitCode:
    """Remove dead messages of READER of MAILBOX: those named, or all."""
    show(output, {"discarded": await transact.discard(mailbox, reader, *message_ids)})
    return ExitCode.OK


@click.command("delete-reader", cls=TransactCommand)
@click.argument("mailbox")
@click.argument("reader")
@output_option
async def delete_reader(transact: "Transact", *, mailbox: str, reader: str, output: str) -> ExitCode:
    """Remove READER of MAILBOX with what it has set aside; nothing is kept for it any more."""
    show(output, {"existed": await transact.delete_reader(mailbox, reader)})
    return ExitCode.OK
