"""What is committed in one step: the settlements that wait for it, the messages that move with it, and the offsets."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import TopicPartition

from prism.backends.kafka.producer import Record
from prism.backends.kafka.queue.held import Death, Held, Partition

Places = list[tuple[int, int]]


@dataclass(slots=True, eq=False)
class Move:
    """Messages that are done when records are published: acknowledged, or dead."""

    held: Sequence[Held]
    records: Sequence[Record]
    done: "asyncio.Future[Places]"
    death: Death | None = None


@dataclass(slots=True)
class Round:
    """What one commit, or one transaction, settles.

    Attributes:
        waiting: settlements that are told then.
        moves: what publishes too.
        offsets: to be committed.
        fresh: what is done by it.
    """

    waiting: dict[Partition, list["asyncio.Future[bool]"]] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    offsets: dict[Partition, TopicPartition] = field(default_factory=dict)
    fresh: dict[Partition, list[Held]] = field(default_factory=dict)

    def only(self, part: Partition) -> "Round":
        """What it has of one partition."""
        return Round({part: self.waiting.get(part, [])}, [], {part: self.offsets[part]}, {part: self.fresh[part]})


def settle(futures: "Iterable[asyncio.Future[bool]]", *, outcome: bool) -> None:
    """Tells those who wait whether it is committed."""
    for future in futures:
        answer(future, outcome)


def answer(future: "asyncio.Future[Any]", result: Any) -> None:
    """Answers one who waits, unless that has happened."""
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
        future.exception()  # it is seen: who asked may have gone
    else:
        future.set_result(result)
