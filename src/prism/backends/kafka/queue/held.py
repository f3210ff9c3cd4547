"""A message that is not done, and a partition of such: what `Hand` works on."""

from collections import deque
from dataclasses import dataclass, field

from prism.backends.kafka.queue.progress import Progress
from prism.sdk.queue.calls import Result
from prism.sdk.queue.rows import Entry, Message

Partition = tuple[str, int]
"""A topic in Kafka, and a number."""


@dataclass(slots=True, eq=False)
class Held:
    """A message that is not done.

    Attributes:
        entry: as the rules have it; `at` is when it is due, or when its lease ends.
        first_due: when it came.
        blocked: one of its key is before it.
        moving: it is being moved or committed by a transaction, and cannot be settled otherwise.
    """

    part: Partition
    message: Message
    entry: Entry
    first_due: int
    blocked: bool = False
    moving: bool = False
    version: int = 0


@dataclass(slots=True)
class Death:
    """A message whose attempts are used up, or that cannot be delivered."""

    held: Held
    reason: str


Change = tuple[Result, Partition | Death | None]
"""What becomes of a settlement, and what is to be committed before that is so."""


@dataclass(slots=True)
class Part:
    """One partition that this gateway has.

    Attributes:
        fresh: what is done since the last commit; it holds up the next of its key until that is committed (8).
    """

    progress: Progress
    index: int
    keys: dict[str, deque[Held]]
    held: dict[int, Held]
    fresh: list[Held] = field(default_factory=list)
    bytes: int = 0
    closing: bool = False
    paused: bool = False
