"""A message that is this consumer's for a time, and what was asked for it and is not answered yet."""

import asyncio
import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.duration_pb2 import Duration

from prism.errors import PrismError
from prism.interfaces import queue as q

EACH = 500
"""Receipts in one request; a backend takes 1,000 unless it declares fewer."""


class Verb(enum.StrEnum):
    """What may be asked for a message: the field of `ConsumeRequest`, and what has become of the message then."""

    ACKNOWLEDGE = "ack"
    NACK = "nack"
    RELEASE = "release"
    EXTEND = "extend"
    COMMIT = "commit"


_REQUESTS: dict[Verb, Any] = {
    Verb.ACKNOWLEDGE: q.Ack,
    Verb.NACK: q.Nack,
    Verb.RELEASE: q.Release,
    Verb.EXTEND: q.Extend,
}


@dataclass(slots=True)
class Asked:
    """What was asked for one message.

    Attributes:
        receipt: of the message.
        verb: what.
        terms: of a nack, and all of a commit but its receipts.
        answer: what waits for the answer; message ids for a commit. None where nothing does.
        again: it was asked before, and it may be done already.
        tries: how often it has failed.
    """

    receipt: str
    verb: Verb
    terms: dict[str, Any]
    answer: "asyncio.Future[list[str]] | None" = None
    again: bool = False
    tries: int = 0

    def tell(self, error: PrismError | None, ids: list[str] | None = None) -> None:
        """Gives the answer."""
        if self.answer is None or self.answer.done():
            return
        if error is None:
            self.answer.set_result(ids or [])
        else:
            refuse(self.answer, error)

    def joins(self, other: "Asked") -> bool:
        """Whether both may be one request."""
        return self.verb is other.verb and self.verb is not Verb.COMMIT and self.terms == other.terms


def refuse(answer: "asyncio.Future[list[str]]", error: PrismError) -> None:
    """Answers with an error; one that is not waited for is no error that was missed."""
    answer.set_exception(error)
    answer.exception()


def request(asked: list[Asked]) -> q.ConsumeRequest:
    """The request for all of them, which join."""
    first = asked[0]
    receipts = [each.receipt for each in asked]
    if first.verb is Verb.COMMIT:
        return q.ConsumeRequest(commit=q.Commit(receipts=receipts, **first.terms))
    return q.ConsumeRequest(**{first.verb.value: _REQUESTS[first.verb](receipts=receipts, **first.terms)})


def nack_terms(delay: Duration | None, reason: str, *, dead: bool) -> dict[str, Any]:
    """The terms of a nack."""
    terms: dict[str, Any] = {"reason": reason, "dead": dead}
    return terms if delay is None else {"delay": delay, **terms}


@dataclass(slots=True, eq=False)
class Lease:
    """A message that is the consumer's.

    Attributes:
        message: as it came.
        since: when it came, by the loop's clock.
        extended_at: when a lease was last asked for.
        taken: the application has it.
        uncertain: its stream broke, and the one after did not say that it is the consumer's still.
        asked: what is not answered, in its order.
        repeating: what failed, and is asked again soon.
        lost: it is the consumer's no longer.
        on_lost: called when it is lost, while the application has it.
    """

    message: q.Message
    since: float
    extended_at: float
    asked: deque[Asked]
    repeating: Asked | None = None
    taken: bool = False
    uncertain: bool = False
    lost: bool = False
    on_lost: Callable[[], object] | None = None

    @property
    def receipt(self) -> str:
        """Of the message."""
        return self.message.receipt

    @property
    def ends(self) -> bool:
        """Whether what was asked for it ends it."""
        return self.repeating is not None or any(each.verb is not Verb.EXTEND for each in self.asked)
