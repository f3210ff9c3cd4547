"""What the consumers of this gateway have, and what has lately become of what they had."""

import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from prism.sdk.queue.calls import Lease, Verb

_REMEMBERED: Final = 50_000
_RECENT: Final = 10_000
"""Of them, those that JetStream may have forgotten: it writes down what is acknowledged ten times a second."""


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Holding:
    """A delivery that a consumer has.

    Attributes:
        began: milliseconds; when its lease began.
        until: milliseconds; when it ends.
    """

    consumer: str
    session: str
    size: int
    attempt: int
    began: int
    until: int


class Held:
    """The deliveries of one group in this gateway."""

    def __init__(self) -> None:
        self._holdings: dict[Lease, Holding] = {}
        self._over: OrderedDict[Lease, Verb] = OrderedDict()
        self._delayed: dict[int, int] = {}
        self._done: OrderedDict[int, None] = OrderedDict()
        self._unsure: OrderedDict[Lease, None] = OrderedDict()

    def hold(self, lease: Lease, holding: Holding) -> None:
        """A consumer has it."""
        self._holdings[lease] = holding

    def get(self, lease: Lease) -> Holding | None:
        """Who has it; None where that is not known here."""
        return self._holdings.get(lease)

    def end(self, lease: Lease, verb: Verb) -> None:
        """It has been settled."""
        self._holdings.pop(lease, None)
        self._unsure.pop(lease, None)
        self._over[lease] = verb
        if len(self._over) > _REMEMBERED:
            self._over.popitem(last=False)

    def done(self, numbers: Iterable[int]) -> None:
        """Messages that the group is done with: JetStream has said so, and may forget it when its server is killed."""
        for number in numbers:
            self._done[number] = None
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)

    def is_done(self, seq: int) -> bool:
        """Whether the group is known to be done with a message."""
        return seq in self._done

    def recent(self) -> list[int]:
        """The messages that it was lately done with."""
        return [*islice(reversed(self._done), _RECENT)]

    def doubt(self, leases: Iterable[Lease]) -> None:
        """Acknowledgements were sent in time, and whether they have come is not known."""
        self._unsure.update(dict.fromkeys(leases))
        while len(self._unsure) > _REMEMBERED:
            self._unsure.popitem(last=False)

    def doubts(self, lease: Lease) -> bool:
        """Whether it was acknowledged in time, and may not have come."""
        return lease in self._unsure

    def ended(self, lease: Lease) -> Verb | None:
        """How it was settled here; None where that is not known."""
        return self._over.get(lease)

    def delay(self, seq: int, until: int) -> None:
        """A message comes again at a time."""
        self._delayed[seq] = until

    def release(self, lease: Lease) -> Holding | None:
        """No consumer of this gateway has it any more, though it is not settled."""
        return self._holdings.pop(lease, None)

    def of(self, session: str) -> list[tuple[Lease, Holding]]:
        """What a stream has."""
        return [(lease, each) for lease, each in self._holdings.items() if each.session == session]

    def known(self) -> list[list[Any]]:
        """Number, attempt, consumer and end of what consumers have still, and of what is delayed; forgets the rest."""
        at = now()
        self._holdings = {lease: each for lease, each in self._holdings.items() if each.until > at}
        self._delayed = {seq: until for seq, until in self._delayed.items() if until > at}
        return [
            *([lease.seq, each.attempt, each.consumer, each.until] for lease, each in self._holdings.items()),
            *([seq, 0, "", until] for seq, until in self._delayed.items()),
        ]
