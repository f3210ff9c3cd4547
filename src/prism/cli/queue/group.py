"""The group `prism queue`, and what its commands have in common."""

from typing import TYPE_CHECKING

import click

from prism.cli.data_command import DataCommand
from prism.cli.exit_code import ExitCode
from prism.cli.instant import instant
from prism.cli.lazy_group import LazyGroup
from prism.cli.octets import SYNTAX

if TYPE_CHECKING:
    from prism.client import Start

_EXAMPLES = {
    "prism queue publish jobs mail '{\"to\": 7}' --delay 5m": "due in five minutes",
    "prism queue publish jobs mail --lines < mails.jsonl": "a message a line",
    "prism queue consume jobs mail --group senders": "print messages, and acknowledge each",
    "prism queue receive jobs mail --group senders -o json": "take one, with its receipt",
    "prism queue describe jobs mail senders": "how many messages are waiting, in flight, dead",
    "prism queue peek jobs mail senders --state dead": "the dead, and why they died",
    "prism queue redrive jobs mail senders --limit 100": "bring dead messages back",
    "prism queue seek jobs mail senders 2030-01-01T00:00:00Z": "everything from then on again",
}

_OF = "prism.cli.queue"


@click.group(
    cls=LazyGroup,
    lazy={
        "publish": (f"{_OF}.publish:publish", "Store messages for every group of a topic."),
        "consume": (f"{_OF}.consume:consume", "Print messages as they are due, and acknowledge them."),
        "receive": (f"{_OF}.consume:receive", "Take a few messages, once."),
        "peek": (f"{_OF}.lists:peek", "Look at messages of a group without taking them."),
        "topics": (f"{_OF}.lists:topics", "List the topics of a namespace."),
        "groups": (f"{_OF}.lists:groups", "List the groups of a topic."),
        "describe": (f"{_OF}.lists:describe", "Show a topic, or a group with its counts."),
        "seek": (f"{_OF}.manage:seek", "Move a group to another place in its topic."),
        "redrive": (f"{_OF}.manage:redrive", "Bring dead messages of a group back."),
        "discard": (f"{_OF}.manage:discard", "Remove dead messages of a group."),
        "purge": (f"{_OF}.manage:purge", "Remove the messages of a topic."),
    },
    examples=_EXAMPLES,
    epilog=f"{SYNTAX.replace('Keys and values', 'Payloads')}\n{ExitCode.documentation()}",
)
def queue() -> None:
    """Publish and consume work that must be done, at least once.

    A topic keeps messages; each group gets all of them, and shares them among its consumers. A message that is not
    acknowledged in time comes again; after too many attempts it is dead.
    """


class QueueCommand(DataCommand):
    """Runs an async callback with the namespace's Queue."""

    abstraction = "queue"


def start(text: str) -> "Start":
    """`earliest`, `latest`, or a time."""
    return text if text in ("earliest", "latest") else instant(text)  # type: ignore[return-value]  # one of the two words
